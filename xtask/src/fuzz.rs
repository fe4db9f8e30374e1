//! The fuzz targets, each for a few seconds on its kept inputs.
//!
//! They are built as `cargo fuzz` does, without a sanitizer: nothing in them is unsafe, and so the stable toolchain is
//! enough and nothing is to be installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{Failed, cargo, root, run, target};

/// Where the targets and their kept inputs are.
const FOLDER: &str = "sfu/fuzz";

/// What has the compiler count the branches that an input takes, for libFuzzer.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs every target for so many seconds, from the same seed, so that what one finds is found again.
pub(crate) fn fuzz(seconds: u32) -> Result<(), Failed> {
    let built = target().join("fuzz");
    let host = host()?;
    run(cargo()
        .args([
            "build",
            "--locked",
            "--manifest-path",
            "sfu/fuzz/Cargo.toml",
        ])
        .args(["--target", &host, "--target-dir"])
        .arg(&built)
        .env("RUSTFLAGS", COVERAGE))?;
    for name in names()? {
        let found = built.join("found").join(&name);
        fs::create_dir_all(&found).map_err(|error| failed(&found, &error))?;
        let kept = root().join(FOLDER).join("kept").join(&name);
        let mut program = Command::new(built.join(&host).join("debug").join(&name));
        program
            .arg(format!("-max_total_time={seconds}"))
            .args(["-seed=1", "-timeout=10", "-rss_limit_mb=2048"])
            .args(["-verbosity=0", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/", built.display()));
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

/// Returns the machine's own target. That it is named keeps the coverage out of build scripts.
fn host() -> Result<String, Failed> {
    let said = Command::new("rustc").arg("-vV").output();
    let said = said.map_err(|error| Failed(format!("rustc: {error}")))?;
    let said = String::from_utf8_lossy(&said.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failed("rustc does not name its host".to_owned()))?;
    Ok(host.to_owned())
}

fn failed(path: &Path, error: &std::io::Error) -> Failed {
    Failed(format!("{}: {error}", path.display()))
}
