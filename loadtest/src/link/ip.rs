use std::process::Command;

use crate::outcome::Outcome;

/// Runs a command of iproute2, written as on a terminal.
pub(super) fn ip(arguments: &str) -> Outcome<()> {
    let mut command = Command::new("ip");
    let output = command.args(arguments.split_whitespace()).output();
    let output = output.map_err(|error| format!("ip, of the package iproute2: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "ip {arguments}: {} (a link needs root)",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
