//! The project's commands.
//!
//! `cargo xtask check` formats, lints, builds the documentation, and checks layering and dependencies; `cargo xtask
//! test` runs every test, those with real clients included; `cargo xtask bench NAME` measures.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on the terminal"
)]

mod adaptation;
mod check;
mod deny;
mod dev_node;
mod fuzz;
mod jobs;
mod load;
mod overload;
mod postgres;
mod server;
mod step;
mod test;

use std::process::{Command, ExitCode};

use adaptation::bench_adaptation;
use check::check;
use fuzz::fuzz;
use load::bench_load;
use overload::bench_overload;
use step::{Failed, cargo, run, script};
use test::{test, test_call_page, test_clients};

/// How long each fuzz target runs where nothing is said.
const FUZZ_SECONDS: u32 = 2;

const USAGE: &str = "\
cargo xtask check             format, Clippy and rustdoc without warnings, layering, licences and sources of dependencies
cargo xtask test              unit, simulation, fuzz and client tests (installs what they need)
cargo xtask fuzz [SECONDS]    each fuzz target on its kept inputs, by default for two seconds
cargo xtask test clients [SUITE...]   only the tests with real clients, or some of them
cargo xtask test call-page    only the test of the call page
cargo xtask bench join [NAME=URL=PID...]   what a join costs, beside other servers where given
cargo xtask bench load [NAME=URL=PID...]   what forwarding costs, beside other servers where given
cargo xtask bench network [NAME=BINARY...] [--cases=TEXT;...]   what participants get on a bad network, likewise (as root)
cargo xtask bench adaptation [CASE...]   how a call follows its link, in virtual time: the published cases, as a table and a page of plots
cargo xtask bench overload [NAME=URL=PID|CASE...]   what neighbours notice of who does its worst, likewise
cargo xtask bench tokens      what it costs to make and to check a token
cargo xtask bench webhooks    what receivers are told of a node that is killed 1,000 times
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["check"] => check(),
        ["test"] => test(),
        ["fuzz"] => fuzz(FUZZ_SECONDS),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz(seconds),
            Err(_) => Err(Failed(format!("{seconds}: write a number of seconds"))),
        },
        ["test", "clients", suites @ ..] => test_clients(suites),
        ["test", "call-page"] => test_call_page(),
        ["bench", "join", servers @ ..] => bench_join(servers),
        ["bench", "load", servers @ ..] => bench_load(servers),
        ["bench", "network", words @ ..] => bench_network(words),
        ["bench", "adaptation", names @ ..] => bench_adaptation(names),
        ["bench", "overload", words @ ..] => bench_overload(words),
        ["bench", "webhooks"] => bench_webhooks(),
        ["bench", "tokens"] => run(cargo().args([
            "run",
            "--locked",
            "--release",
            "--package",
            "control-api",
            "--example",
            "tokens",
        ])),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(what)) => {
            eprintln!("\nfailed: {what}");
            ExitCode::FAILURE
        }
    }
}

/// Each server is started for each case, so others are given as a binary that takes LiveKit's configuration.
fn bench_network(words: &[&str]) -> Result<(), Failed> {
    run(&mut script("tests/clients/install.sh"))?;
    step::build_release()?;
    let sluice = format!("sluice={}", step::binary("release", "sluice").display());
    run(Command::new("node")
        .arg("tests/clients/bench/network/run.js")
        .arg(sluice)
        .args(words)
        .env("LOADTEST_BIN", step::binary("release", "loadtest")))
}

/// How often the node is killed.
const KILLS: u32 = 1000;

fn bench_webhooks() -> Result<(), Failed> {
    let test = [
        "test",
        "--workspace",
        "--locked",
        "--test",
        "webhooks",
        "--",
    ];
    let which = ["a_node_that_is_killed", "--nocapture"];
    let kills = KILLS.to_string();
    run(cargo().args(test).args(which).env("SLUICE_KILLS", kills))
}

fn bench_join(servers: &[&str]) -> Result<(), Failed> {
    run(&mut script("tests/clients/install.sh"))?;
    run(cargo().args(["build", "--locked", "--release", "--bin", "sluice"]))?;
    let sluice = format!("sluice={}", step::binary("release", "sluice").display());
    run(Command::new("node")
        .arg("tests/clients/bench/join/run.js")
        .arg(sluice)
        .args(servers))
}
