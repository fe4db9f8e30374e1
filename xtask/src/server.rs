//! A server that a command measures.

use crate::step::Failed;

/// A server that is measured.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) pid: String,
}

impl Server {
    /// Reads `NAME=URL=PID`.
    pub(crate) fn parse(written: &str) -> Result<Self, Failed> {
        let mut parts = written.splitn(3, '=');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(url), Some(pid)) => Ok(Self {
                name: name.to_owned(),
                url: url.to_owned(),
                pid: pid.to_owned(),
            }),
            _ => Err(Failed(format!("{written}: write a server as NAME=URL=PID"))),
        }
    }
}
