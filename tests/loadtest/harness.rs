//! The program under test.

use std::path::PathBuf;
use std::process::Command;

/// Builds the harness in the profile of this test, and returns its path.
pub(crate) fn harness() -> PathBuf {
    let node = PathBuf::from(env!("CARGO_BIN_EXE_sluice"));
    let mut build = Command::new(env!("CARGO"));
    // As one of the workspace, and with a test, it stands on what the tests stand on, and nothing is built a second time.
    build.args(["build", "--quiet", "--offline", "--workspace"]);
    build.args(["--bin", "loadtest", "--test", "architecture"]);
    if node
        .parent()
        .is_some_and(|profile| profile.ends_with("release"))
    {
        build.arg("--release");
    }
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(
        status.expect("cargo starts").success(),
        "the harness builds"
    );
    node.with_file_name("loadtest")
}
