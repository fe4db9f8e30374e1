//! A node in `--dev`, on ports that the system chooses, for the time of a test.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::server::Server;
use crate::step::{self, Failed};

/// A running node. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct DevNode {
    process: Child,
    /// Kept open: what the node says later must go somewhere.
    _said: Option<BufReader<ChildStdout>>,
    /// Where it serves HTTP: `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl DevNode {
    /// Starts the node of a profile with further `flags`, and waits until it has said where it
    /// listens.
    pub(crate) fn start(profile: &str, flags: &[&str]) -> Result<Self, Failed> {
        let mut process = Command::new(step::binary(profile, "sluice"))
            .args(["--dev", "--port", "0", "--udp-port", "0"])
            .args(["--config-body", "rtc: {tcp_port: 0}"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failed(format!("the node does not start: {error}")))?;
        let mut said = process.stdout.take().map(BufReader::new);
        let lines = said.iter_mut().flat_map(BufRead::lines);
        let mut lines = lines.map_while(Result::ok);
        let url =
            lines.find_map(|line| Some(format!("http://{}", line.split_once("ws://")?.1.trim())));
        let node = Self {
            process,
            _said: said,
            url: url.unwrap_or_default(),
        };
        match node.url.is_empty() {
            true => Err(Failed(
                "the node ended without saying where it listens".to_owned(),
            )),
            false => Ok(node),
        }
    }

    /// Describes it for a measurement.
    pub(crate) fn server(&self) -> Server {
        Server {
            name: "Sluice".to_owned(),
            url: self.url.replacen("http", "ws", 1),
            pid: self.process.id().to_string(),
        }
    }
}

impl Drop for DevNode {
    fn drop(&mut self) {
        // A node that has ended by itself needs no end.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
