//! How a call follows its link: the cases of `tests/adaptation`, whole and in the release build.

use std::process::Command;

use crate::step::{self, Failed, cargo, run};

/// Plays every case, or those whose names contain one of `names`, prints their figures, and leaves a page of plots.
pub(crate) fn bench_adaptation(names: &[&str]) -> Result<(), Failed> {
    let mut build = cargo();
    build.args(["build", "--locked", "--release", "--bins"]);
    run(build.args(["--package", "adaptation"]))?;
    let page = step::target().join("adaptation.html");
    let mut bench = Command::new(step::binary("release", "adaptation"));
    run(bench.arg("--page").arg(page).args(names))
}
