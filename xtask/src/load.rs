//! What forwarding costs: the load harness against a node of its own, and against other servers
//! where given, case by case, so that both see the same machine.

mod cases;
mod quiet;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::dev_node::DevNode;
use crate::server::Server;
use crate::step::{self, Failed, run};
use cases::{CASES, Case, Figure};
use quiet::wait_for_quiet;

/// Runs every case against a node of the release build and against `others`, each written
/// `NAME=URL=PID`, and prints the table.
pub(crate) fn bench_load(others: &[&str]) -> Result<(), Failed> {
    step::build_release()?;
    let others = others.iter().map(|other| Server::parse(other));
    let others = others.collect::<Result<Vec<_>, _>>()?;
    let results = Results::new()?;
    let mut rows = Vec::new();
    for case in CASES {
        let ours = {
            let node = DevNode::start("release", case.node)?;
            results.of(case, &node.server())?
        };
        let theirs = others.iter().map(|server| results.of(case, server));
        let theirs = theirs.collect::<Result<Vec<_>, _>>()?;
        for figure in case.figures {
            let theirs = theirs.iter().map(|runs| (figure.read)(runs)).collect();
            rows.push((figure, (figure.read)(&ours), theirs));
        }
    }
    results.print_circumstances()?;
    print_table(&others, &rows);
    Ok(())
}

/// Where the harness leaves its results for this command.
struct Results(PathBuf);

impl Results {
    fn new() -> Result<Self, Failed> {
        let folder = step::target().join("load");
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failed(format!("{}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    fn latest(&self) -> PathBuf {
        self.0.join("result.json")
    }

    /// Prints what the figures depend on.
    fn print_circumstances(&self) -> Result<(), Failed> {
        let result = read(&self.latest())?;
        let cores = result.pointer("/machine/cores").and_then(Value::as_u64);
        println!(
            "\ncommit {}, {} with {} cores, Linux {}, load {}",
            text(&result, "/commit"),
            text(&result, "/machine/cpu"),
            cores.unwrap_or_default(),
            text(&result, "/machine/kernel"),
            text(&result, "/machine/load_average"),
        );
        Ok(())
    }

    /// Runs a case against a server.
    fn of(&self, case: &Case, server: &Server) -> Result<Vec<Value>, Failed> {
        let mut results = Vec::new();
        for flags in case.runs {
            let json = self.latest();
            let mut harness = Command::new(step::binary("release", "loadtest"));
            harness.args(flags.split(' ')).args(["--url", &server.url]);
            harness
                .args(["--server-pid", &server.pid, "--json"])
                .arg(&json);
            wait_for_quiet();
            // A load that a server does not bear is a result too.
            if let Err(Failed(what)) = run(&mut harness) {
                println!("{}: {what}", server.name);
            }
            results.push(read(&json)?);
        }
        Ok(results)
    }
}

fn text<'a>(result: &'a Value, pointer: &str) -> &'a str {
    let text = result.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or("unknown")
}

fn read(json: &Path) -> Result<Value, Failed> {
    let text = std::fs::read_to_string(json);
    let text = text.map_err(|error| Failed(format!("{}: {error}", json.display())))?;
    serde_json::from_str(&text).map_err(|error| Failed(format!("{}: {error}", json.display())))
}

/// A figure with ours, and each other server's.
type Row = (&'static Figure, Option<f64>, Vec<Option<f64>>);

fn print_table(others: &[Server], rows: &[Row]) {
    let headings = others.iter().map(|other| format!("{} | ratio", other.name));
    let headings: Vec<_> = headings.collect();
    println!("\n| figure | Sluice | {} | aim |", headings.join(" | "));
    println!("|---|---|{}---|", "---|---|".repeat(others.len()));
    for (figure, ours, theirs) in rows {
        let theirs = theirs.iter().map(|theirs| {
            let ratio = ours.zip(*theirs).map(|(ours, theirs)| ours / theirs);
            format!("{} | {}", shown(*theirs), shown(ratio))
        });
        let theirs: Vec<_> = theirs.collect();
        let ours = shown(*ours);
        println!(
            "| {} | {ours} | {} | {} |",
            figure.name,
            theirs.join(" | "),
            figure.aim
        );
    }
}

fn shown(figure: Option<f64>) -> String {
    match figure {
        None => "-".to_owned(),
        Some(figure) if figure.abs() >= 100.0 => format!("{figure:.0}"),
        Some(figure) => format!("{figure:.3}"),
    }
}
