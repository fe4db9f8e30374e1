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
use cases::{CASES, Case};
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
            rows.push(Row {
                name: figure.name.to_owned(),
                aim: figure.aim,
                ours: (figure.read)(&ours),
                theirs,
            });
        }
        if let Some(datagram) = case.datagram {
            let bare = bare_send(datagram.bytes)?;
            println!("a bare send of {} bytes: {bare:.3} us", datagram.bytes);
            let costs = rows.iter().skip(rows.len() - case.figures.len());
            let costs: Vec<_> = costs
                .map(|row| row.in_bare_sends(bare, datagram.aim))
                .collect();
            rows.extend(costs);
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
struct Row {
    name: String,
    aim: &'static str,
    ours: Option<f64>,
    theirs: Vec<Option<f64>>,
}

impl Row {
    /// Returns what a packet costs by what the kernel alone takes for it, so that machines compare.
    fn in_bare_sends(&self, bare: f64, aim: &'static str) -> Self {
        let by_bare = |cost: Option<f64>| cost.map(|cost| cost / bare);
        Self {
            name: format!("{}, in bare sends", self.name.trim_end_matches(" (us)")),
            aim,
            ours: by_bare(self.ours),
            theirs: self.theirs.iter().copied().map(by_bare).collect(),
        }
    }
}

/// Returns what the kernel alone takes for a datagram now, in microseconds.
fn bare_send(bytes: u16) -> Result<f64, Failed> {
    let mut harness = Command::new(step::binary("release", "loadtest"));
    harness.args(["bare-send", "--bytes", &bytes.to_string()]);
    let output = harness
        .output()
        .map_err(|error| Failed(format!("loadtest bare-send: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let bare = text.trim().parse();
    bare.map_err(|_| Failed(format!("loadtest bare-send said {text:?}")))
}

fn print_table(others: &[Server], rows: &[Row]) {
    let headings = others.iter().map(|other| format!("{} | ratio", other.name));
    let headings: Vec<_> = headings.collect();
    println!("\n| figure | Sluice | {} | aim |", headings.join(" | "));
    println!("|---|---|{}---|", "---|---|".repeat(others.len()));
    for row in rows {
        let theirs = row.theirs.iter().map(|theirs| {
            let ratio = row.ours.zip(*theirs).map(|(ours, theirs)| ours / theirs);
            format!("{} | {}", shown(*theirs), shown(ratio))
        });
        let theirs: Vec<_> = theirs.collect();
        println!(
            "| {} | {} | {} | {} |",
            row.name,
            shown(row.ours),
            theirs.join(" | "),
            row.aim
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
