//! What holds across crates: which may depend on which, and how long a file may get.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a file before its inline tests.
const LONGEST_FILE: usize = 800;

/// Crates that must stay free of IO, clocks, threads and async.
const PURE: [&str; 9] = [
    "sfu-model",
    "sfu-rtp",
    "sfu-transport",
    "sfu-core",
    "sfu-sim",
    "signaling-protocol",
    "signaling-session",
    "auth",
    "loadtest-peer",
];

/// What no pure crate may reach, directly or through another crate.
const IO: [&str; 8] = [
    "tokio",
    "mio",
    "socket2",
    "quinn-udp",
    "async-std",
    "smol",
    "hyper",
    "reqwest",
];

/// Edges that would turn the layering upside down.
const FORBIDDEN: [(&str, &str); 6] = [
    ("sfu-core", "livekit-protocol"),
    ("sfu-core", "sluice-config"),
    ("sfu-driver", "signaling"),
    ("signaling-session", "sfu-core"),
    ("sluice-config", "sfu-model"),
    ("auth", "livekit-protocol"),
];

#[test]
fn pure_crates_do_no_io() {
    for krate in PURE {
        let reached = dependencies(krate);
        for io in IO {
            assert!(
                !reached.contains(io),
                "{krate} reaches {io}: move the IO into a driver crate"
            );
        }
    }
}

#[test]
fn layers_point_downwards() {
    for (from, to) in FORBIDDEN {
        assert!(
            !dependencies(from).contains(to),
            "{from} must not depend on {to}"
        );
    }
}

#[test]
fn files_stay_short() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in rust_files(workspace) {
        let text = fs::read_to_string(&path).expect("a source file is readable");
        let lines = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} lines: split it along a seam",
            path.display()
        );
    }
}

/// Every `.rs` file below `dir`, build outputs aside.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the workspace is readable");
    entries
        .map(|entry| entry.expect("the workspace is readable").path())
        .filter(|path| !path.ends_with("target") && !path.ends_with("node_modules"))
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .collect()
}

/// Every crate `krate` reaches through normal dependencies.
fn dependencies(krate: &str) -> BTreeSet<String> {
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            krate,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
        ])
        .output()
        .expect("cargo is on the path of a cargo test");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );

    String::from_utf8_lossy(&out.stdout)
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}
