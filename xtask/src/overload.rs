//! What neighbours notice of participants that do their worst: `tests/overload` whole, against the release build.

use std::process::Command;

use crate::step::{self, Failed, cargo, run};

/// Runs every case, or those that `words` name, against a node of its own, and against the servers among `words`, each
/// written `NAME=URL=PID`.
pub(crate) fn bench_overload(words: &[&str]) -> Result<(), Failed> {
    let packages = ["--package", "sluice", "--package", "overload"];
    let mut build = cargo();
    build.args(["build", "--locked", "--release", "--bins"]);
    run(build.args(packages))?;
    let node = step::binary("release", "sluice");
    let mut bench = Command::new(step::binary("release", "overload"));
    bench
        .arg("--node")
        .arg(format!("Sluice={}", node.display()));
    for word in words {
        let flag = if word.contains('=') {
            "--server"
        } else {
            "--case"
        };
        bench.args([flag, word]);
    }
    run(&mut bench)
}
