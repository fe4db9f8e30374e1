//! What the tests need of the system.

use std::path::Path;
use std::process::Command;

use crate::step::{Failed, run};

/// Debian packages of the tests with real clients, and a file that shows that one is there.
const PACKAGES: [(&str, &str); 3] = [
    ("chromium", "/usr/bin/chromium"),
    ("firefox-esr", "/usr/bin/firefox-esr"),
    ("python3-venv", "/usr/share/doc/python3-venv"),
];

/// Installs the browsers where they are missing.
pub(crate) fn install_browsers() -> Result<(), Failed> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    run(Command::new("apt-get")
        .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}
