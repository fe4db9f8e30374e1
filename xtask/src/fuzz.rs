//! The fuzz targets, each for a few seconds on its kept inputs.
//!
//! Only our own crates count the branches that an input takes: dependencies are those of the tests, built once. There is no
//! sanitizer: nothing in them is unsafe, and so the stable toolchain is enough and nothing is to be installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{Failed, binary, cargo, root, run, target};

/// Where the targets and their kept inputs are.
const FOLDER: &str = "sfu/fuzz";

/// Runs every target for so many seconds, from the same seed, so that what one finds is found again.
pub(crate) fn fuzz(seconds: u32) -> Result<(), Failed> {
    let names = names()?;
    let mut build = cargo();
    build.args(["build", "--workspace", "--locked"]);
    build.args(names.iter().flat_map(|name| ["--bin", name]));
    let coverage = root().join(FOLDER).join("coverage.sh");
    run(build.env("RUSTC_WORKSPACE_WRAPPER", coverage))?;

    let results = target().join("fuzz");
    for name in names {
        let found = results.join("found").join(&name);
        fs::create_dir_all(&found).map_err(|error| failed(&found, &error))?;
        let kept = root().join(FOLDER).join("kept").join(&name);
        let mut program = Command::new(binary("debug", &name));
        program
            .arg(format!("-max_total_time={seconds}"))
            .args(["-seed=1", "-timeout=10", "-rss_limit_mb=2048"])
            .args(["-verbosity=0", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/", results.display()));
        // What is new goes to the first folder, so the kept inputs stay as they are.
        run(program.arg(&found).arg(&kept))?;
    }
    Ok(())
}

/// Returns the names of the targets.
fn names() -> Result<Vec<String>, Failed> {
    let folder = root().join(FOLDER).join("fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| failed(&folder, &error))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some(path.file_stem()?.to_str()?.to_owned())
        })
        .collect();
    names.sort_unstable();
    Ok(names)
}

fn failed(path: &Path, error: &std::io::Error) -> Failed {
    Failed(format!("{}: {error}", path.display()))
}
