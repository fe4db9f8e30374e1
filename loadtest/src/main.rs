//! Real LiveKit sessions against any LiveKit server, many from one process, and a report of what they got and of what
//! they cost the server. `loadtest --help` explains the flags, `loadtest/README.md` the result.

mod bare_send;
mod cli;
mod crowd;
mod limits;
mod link;
mod media;
mod outcome;
mod plan;
mod progress;
mod report;
mod run;
mod samples;
mod server_process;
mod session;
mod signal;
mod timeline;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Task, TestFlags};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use outcome::Outcome;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.task {
        Some(Task::Compare { before, after }) => report::compare(before, after).map(|()| 0),
        Some(Task::Link(flags)) => link::link(flags),
        Some(Task::BareSend { bytes }) => bare_send::bare_send(*bytes).map(|()| 0),
        None => test(&cli.test).map(|succeeded| u8::from(!succeeded)),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            progress::line(&format!("loadtest: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Runs a test; tells whether everybody joined and nobody was thrown out.
fn test(flags: &TestFlags) -> Outcome<bool> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let result = runtime.block_on(run::run(flags))?;
    report::print_table(&result);
    if let Some(path) = &flags.json {
        report::write_json(&result, path)?;
    }
    if let Some(path) = &flags.html {
        report::write_html(&result, path)?;
    }
    Ok(result.succeeded())
}

/// A participant is two sockets; the usual limit of 1,024 files is for programs that use `select`.
fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it is refused, the sessions beyond the limit fail with a clear error.
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok();
    }
}
