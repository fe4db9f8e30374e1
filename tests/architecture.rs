//! What holds across crates: which may depend on which, which files may need which, and how long a file may get.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/tokens.rs"]
mod tokens;

/// Lines of a file before its inline tests.
const LONGEST_FILE: usize = 800;

/// Crates that must stay free of IO, clocks, threads and async.
const PURE: [&str; 11] = [
    "sfu-model",
    "sfu-rtp",
    "sfu-bandwidth",
    "sfu-transport",
    "sfu-core",
    "sfu-link",
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
fn no_two_folders_need_each_other() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = crate_places(workspace);
    let mut needs = BTreeSet::new();
    for place in places.values() {
        let manifest = workspace.join(place).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a crate has a manifest");
        let (_, dependencies) = manifest.split_once("[dependencies]").unwrap_or_default();
        let lines = dependencies.lines().skip(1);
        for line in lines.take_while(|line| !line.starts_with('[')) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if let Some(other) = places.get(name) {
                needs.insert((folder(place), folder(other)));
            }
        }
    }
    for (one, other) in &needs {
        assert!(
            one == other || !needs.contains(&(other.clone(), one.clone())),
            "the folders {one} and {other} need each other: move what both use below them"
        );
    }
}

#[test]
fn no_files_need_each_other_in_a_circle() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places: Vec<String> = crate_places(workspace).into_values().collect();
    places.push(".".to_owned());
    for place in places {
        if let Some(circle) = circles::circle(&workspace.join(&place).join("src")) {
            panic!(
                "files of {place} stand in a circle, give what they share a file below them:\n  {}",
                circle.join("\n  ")
            );
        }
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

/// Our crates by name, with their folders from the root.
fn crate_places(workspace: &Path) -> BTreeMap<String, String> {
    let manifest = fs::read_to_string(workspace.join("Cargo.toml"));
    let manifest = manifest.expect("the workspace has a manifest");
    let place = |line: &str| {
        let (name, rest) = line.split_once(" = { path = \"")?;
        Some((name.to_owned(), rest.split_once('"')?.0.to_owned()))
    };
    manifest.lines().filter_map(place).collect()
}

/// The folder of the top level that a crate is in.
fn folder(place: &str) -> String {
    place.split('/').next().unwrap_or_default().to_owned()
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
