//! The node: command line, wiring, start and stop.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks on the terminal"
)]

mod addresses;
mod cli;
mod control;
mod data_dir;
mod events;
mod file_limit;
mod ice_servers;
mod inputs;
mod node;
mod one_line;
mod outcome;
mod reload;
mod start_message;
mod stop;
mod token;
mod translate;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use outcome::Outcome;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        None => run(&cli),
        Some(Command::Token(flags)) => token::token(flags),
        Some(Command::Keys) => token::keys(),
        Some(Command::CheckConfig(flags)) => check_config(flags),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Outcome {
    let (config, warnings) = inputs::load(&cli.node)?;
    node::start_logging(&config);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    file_limit::raise();
    node::run(&config, &cli.node)
}

fn check_config(flags: &cli::NodeFlags) -> Outcome {
    let (_, warnings) = inputs::load(flags)?;
    for warning in &warnings {
        println!("warning: {warning}");
    }
    println!("The configuration is good.");
    Ok(())
}
