//! A node of this project for the time of one trial.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::server::{Server, ServerError};

/// A running node with one media thread, so that all rooms share it. Dropping it ends the process.
#[derive(Debug)]
pub struct Node {
    process: Child,
    /// Kept open: what the node says later must go somewhere.
    _said: Option<BufReader<ChildStdout>>,
    server: Server,
}

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The program cannot be started.
    #[error("the node does not start: {0}")]
    Start(#[from] std::io::Error),
    /// It has ended.
    #[error("the node ended without saying where it listens")]
    Silent,
    /// It cannot be tried.
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl Node {
    /// Starts `program` on free ports, which listens for media by TCP at `tcp_port` (0: not at all), and waits until it has
    /// said where it listens.
    ///
    /// # Errors
    ///
    /// See [`NodeError`].
    pub fn start(name: &str, program: &Path, tcp_port: u16) -> Result<Self, NodeError> {
        let mut process = Command::new(program)
            .args(["--dev", "--port", "0", "--udp-port", "0", "--shards", "1"])
            .args(["--config-body", &format!("rtc: {{tcp_port: {tcp_port}}}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pid = process.id();
        let mut said = process.stdout.take().map(BufReader::new);
        let mut lines = said.iter_mut().flat_map(BufRead::lines);
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            line.split_once("ws://")?.1.trim().parse().ok()
        });
        let server = match address {
            Some(address) => Server::new(name, address, pid).map_err(NodeError::from),
            None => Err(NodeError::Silent),
        };
        match server {
            Ok(server) => Ok(Self {
                process,
                _said: said,
                server,
            }),
            Err(error) => {
                process.kill().ok();
                process.wait().ok();
                Err(error)
            }
        }
    }

    /// Returns the server that it is.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A node that has ended by itself needs no end.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
