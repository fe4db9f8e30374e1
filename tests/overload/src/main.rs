//! Plays the cases against nodes of this project and against other servers, and prints a table. `cargo xtask bench overload`
//! calls it.

#![expect(clippy::print_stdout, reason = "a command speaks on the terminal")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use overload::{Bounds, CASES, Case, Figures, Node, Scale, Server, Trial};

/// Participants that do their worst against a server, and what their neighbours notice of it.
#[derive(Debug, Parser)]
#[command(name = "overload")]
struct Cli {
    /// A node of this project, started anew for each case; repeatable.
    #[arg(long = "node", value_name = "NAME=PROGRAM")]
    nodes: Vec<String>,
    /// A server that runs already; repeatable.
    #[arg(long = "server", value_name = "NAME=URL=PID")]
    servers: Vec<String>,
    /// Only these cases; repeatable.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// As short and as small as in the tests.
    #[arg(long)]
    short: bool,
    /// Tells what the cases are.
    #[arg(long)]
    list: bool,
}

/// Who is tried.
enum Target {
    Node { name: String, program: PathBuf },
    Server(Server),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.list {
        for case in CASES {
            println!("{}: {}", case.name, case.about);
        }
        return ExitCode::SUCCESS;
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("overload: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    overload::raise_file_limit();
    let targets = targets(cli)?;
    let scale = if cli.short {
        Scale::Short
    } else {
        Scale::Whole
    };
    let chosen =
        |case: &&Case| cli.cases.is_empty() || cli.cases.iter().any(|name| name == case.name);
    println!("| case | server | kept | {} |", Figures::HEADINGS);
    println!(
        "|---|---|---|{}",
        "---|".repeat(Figures::HEADINGS.split('|').count())
    );
    let mut faults = Vec::new();
    for case in CASES.iter().filter(chosen) {
        for target in &targets {
            let (name, played) = play(target, case, scale);
            match played {
                Ok(figures) => {
                    let broken = Bounds::PROMISED.broken(&figures);
                    let kept = if broken.is_empty() { "yes" } else { "**no**" };
                    println!("| {} | {name} | {kept} | {figures} |", case.name);
                    let broken = broken
                        .iter()
                        .map(|broken| format!("{}, {name}: {broken}", case.name));
                    faults.extend(broken);
                }
                Err(error) => {
                    println!("| {} | {name} | **no** | {error} |", case.name);
                    faults.push(format!("{}, {name}: {error}", case.name));
                }
            }
        }
    }
    println!("\nBeyond the bounds:\n");
    for fault in &faults {
        println!("* {fault}");
    }
    Ok(())
}

fn targets(cli: &Cli) -> Result<Vec<Target>, String> {
    let nodes = cli.nodes.iter().map(|written| {
        let parts = written.split_once('=');
        let (name, program) = parts.ok_or_else(|| format!("{written}: write NAME=PROGRAM"))?;
        Ok(Target::Node {
            name: name.to_owned(),
            program: program.into(),
        })
    });
    let servers = cli.servers.iter().map(|written| {
        let server = Server::parse(written);
        server
            .map(Target::Server)
            .map_err(|error| error.to_string())
    });
    nodes.chain(servers).collect()
}

fn play(target: &Target, case: &Case, scale: Scale) -> (String, Result<Figures, String>) {
    match target {
        Target::Server(server) => (server.name.clone(), try_at(server, case, scale)),
        Target::Node { name, program } => {
            let tcp_port = if case.by_tcp { free_port() } else { 0 };
            let figures = match Node::start(name, program, tcp_port) {
                Ok(node) => try_at(node.server(), case, scale),
                Err(error) => Err(error.to_string()),
            };
            (name.clone(), figures)
        }
    }
}

fn try_at(server: &Server, case: &Case, scale: Scale) -> Result<Figures, String> {
    let trial = Trial {
        server,
        case,
        scale,
    };
    trial.play().map_err(|error| error.to_string())
}

/// Returns a port that is free at the moment; 0 where there is none.
fn free_port() -> u16 {
    let unused = TcpListener::bind("127.0.0.1:0").and_then(|unused| unused.local_addr());
    unused.map_or(0, |address| address.port())
}
