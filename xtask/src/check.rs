//! What must hold before anything is run: format, lints, layering, documentation, dependencies.

use crate::deny::deny;
use crate::step::{Failed, cargo, run};

/// Checks all of it. Every command names the whole workspace, so that all stand on dependencies with the same features,
/// which are built once.
pub(crate) fn check() -> Result<(), Failed> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked"];
    run(cargo().args(clippy).args(["--", "--deny", "warnings"]))?;
    run(cargo()
        .args(["doc", "--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "--deny warnings"))?;
    let layering = ["test", "--workspace", "--locked", "--test", "architecture"];
    run(cargo().args(layering))?;
    deny()
}
