//! Commands run one after the other, each shown before it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A command that could not be run or did not succeed.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

/// Runs a command in the repository's root and waits for it.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    let shown = format!("{command:?}");
    println!("\n==> {shown}");
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failed(format!("{shown} ({status})"))),
        Err(error) => Err(Failed(format!("{shown}: {error}"))),
    }
}

/// Returns the cargo that runs this command.
pub(crate) fn cargo() -> Command {
    Command::new(option_env!("CARGO").unwrap_or("cargo"))
}

/// Builds the node and the load harness as the tests of the workspace do.
///
/// That a test is named has cargo count the features that tests ask of dependencies, which is what makes it the same
/// build: without it half of the dependencies are compiled a second time.
pub(crate) fn build_programs() -> Result<(), Failed> {
    let build = ["build", "--workspace", "--locked"];
    let what = [
        "--bin",
        "sluice",
        "--bin",
        "loadtest",
        "--test",
        "architecture",
    ];
    run(cargo().args(build).args(what))
}

/// Builds the node and the load harness for measurements.
pub(crate) fn build_release() -> Result<(), Failed> {
    let packages = ["--package", "sluice", "--package", "loadtest"];
    let build = ["build", "--locked", "--release", "--bins"];
    run(cargo().args(build).args(packages))
}

/// Returns a shell script of the repository.
pub(crate) fn script(path: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(path);
    command
}

/// Returns where cargo puts a binary of a profile.
pub(crate) fn binary(profile: &str, name: &str) -> PathBuf {
    target().join(profile).join(name)
}

/// Returns the folder of all that is built.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the repository's root.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}
