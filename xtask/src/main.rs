//! The project's commands.
//!
//! `cargo xtask check` formats, lints and checks the layering; `cargo xtask test` runs every test,
//! those with real clients included; `cargo xtask bench NAME` measures.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on the terminal"
)]

mod step;
mod system;

use std::process::ExitCode;

use step::{Failed, cargo, run, script};

const USAGE: &str = "\
cargo xtask check             format, Clippy without warnings, layering
cargo xtask test              unit, simulation and client tests (installs what they need)
cargo xtask test clients [SUITE...]   only the tests with real clients, or some of them
cargo xtask bench join [NAME=URL=PID...]   what a join costs, beside other servers where given
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["check"] => check(),
        ["test"] => test(),
        ["test", "clients", suites @ ..] => test_clients(suites),
        ["bench", "join", servers @ ..] => bench_join(servers),
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

fn check() -> Result<(), Failed> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]))?;
    run(cargo().args(["test", "--locked", "--test", "architecture"]))
}

fn test() -> Result<(), Failed> {
    run(cargo().args(["test", "--workspace", "--locked"]))?;
    test_clients(&[])
}

fn test_clients(suites: &[&str]) -> Result<(), Failed> {
    system::install_browsers()?;
    run(cargo().args(["build", "--locked", "--bin", "sluice"]))?;
    run(script("tests/clients/run.sh")
        .args(suites)
        .env("SLUICE_BIN", step::binary("debug")))
}

fn bench_join(servers: &[&str]) -> Result<(), Failed> {
    system::install_browsers()?;
    run(cargo().args(["build", "--locked", "--release", "--bin", "sluice"]))?;
    run(script("tests/clients/bench.sh")
        .args(servers)
        .env("SLUICE_BIN", step::binary("release")))
}
