//! Every test: those of the workspace, the fuzz targets, and real clients against the node.

use std::process::Command;

use crate::dev_node::DevNode;
use crate::jobs::{Job, side_by_side};
use crate::postgres::Postgres;
use crate::step::{self, Failed, cargo, run, script};

/// The suites of real clients, those that wait most first: they run beside the tests of overload, which measure.
const SUITES: [&str; 7] = [
    "hostile",
    "python",
    "go",
    "signalling",
    "sdk",
    "chromium",
    "firefox",
];

/// Builds everything, and then runs everything.
pub(crate) fn test() -> Result<(), Failed> {
    // What is downloaded comes while the compiler works.
    side_by_side(vec![
        Job::new("build", of_workspace(&["--no-run"])),
        Job::new("install", script("tests/clients/install.sh")),
    ])?;
    step::build_programs()?;
    let postgres = Postgres::start()?;
    let mut workspace = of_workspace(&[]);
    workspace.env("SLUICE_TEST_POSTGRES", &postgres.url);
    let mut jobs = vec![Job::new("workspace", workspace)];
    jobs.extend(SUITES.map(|suite| Job::new(suite, of_clients(&[suite]))));
    jobs.push(Job::new("fuzz", of_this(&["fuzz"])?));
    jobs.push(Job::new("call-page", of_this(&["test", "call-page"])?));
    side_by_side(jobs)
}

/// Tests with clients that this project did not write.
pub(crate) fn test_clients(suites: &[&str]) -> Result<(), Failed> {
    step::build_programs()?;
    run(&mut of_clients(suites))
}

/// Tests the page of `--dev` in a browser.
pub(crate) fn test_call_page() -> Result<(), Failed> {
    run(&mut script("tests/clients/install.sh"))?;
    step::build_programs()?;
    let node = DevNode::start("debug", &[])?;
    run(Command::new("node")
        .args(["--test", "tests/call-page/"])
        .env("SLUICE_URL", &node.url))
}

fn of_workspace(flags: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    command.args(flags);
    command
}

fn of_clients(suites: &[&str]) -> Command {
    let mut command = script("tests/clients/run.sh");
    // The load harness is a client too: what it publishes is decoded.
    command
        .args(suites)
        .env("LOADTEST_BIN", step::binary("debug", "loadtest"))
        .env("SLUICE_BIN", step::binary("debug", "sluice"));
    command
}

/// Returns a command of this program.
fn of_this(words: &[&str]) -> Result<Command, Failed> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| Failed(format!("this program: {error}")))?;
    let mut command = Command::new(program);
    command.args(words);
    Ok(command)
}
