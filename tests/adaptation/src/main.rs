//! Plays the cases, each twice, and prints their figures: `cargo xtask bench adaptation`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are what it is for"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use adaptation::{Figures, Media, Page, cases, heading, run};
use clap::Parser;
use sfu_sim::Seed;

/// The published test cases of congestion control through whole shards, in virtual time.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only cases whose names contain one of these.
    names: Vec<String>,
    /// Where the page of plots is written.
    #[arg(long, default_value = "adaptation.html")]
    page: PathBuf,
    /// What everything random comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let wanted = |name: &str| {
        let names = &arguments.names;
        names.is_empty() || names.iter().any(|part| name.contains(part.as_str()))
    };
    let seed = Seed(arguments.seed);
    let mut page = Page::new();
    let mut differ = false;
    println!("{}", heading());
    for case in cases().iter().filter(|case| wanted(case.name)) {
        for media in [Media::Simulcast, Media::Scalable] {
            let record = run(case, media, seed);
            let again = run(case, media, seed);
            let title = format!("{}, {}", case.name, media.name());
            if let Some(difference) = record.trace.difference(&again.trace) {
                eprintln!("{title}: two runs differ:\n{difference}");
                differ = true;
            }
            let row = Figures::of(&record).row(&title);
            println!("{row}");
            page.add(&title, &row, &record);
        }
    }
    if let Err(error) = std::fs::write(&arguments.page, page.into_html()) {
        eprintln!("{}: {error}", arguments.page.display());
        return ExitCode::FAILURE;
    }
    println!("\nplots: {}", arguments.page.display());
    match differ {
        false => ExitCode::SUCCESS,
        true => ExitCode::FAILURE,
    }
}
