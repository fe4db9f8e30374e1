//! The server: where it is, how one gets in, and what it uses.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use auth::{ApiSecret, Claims, Keys, VideoGrant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock;

/// A server that is tried, on this machine.
#[derive(Clone, Debug)]
pub struct Server {
    /// What it is called in the table.
    pub name: String,
    /// Where it serves HTTP and WebSocket.
    pub address: SocketAddr,
    pid: u32,
    signer: ApiSecret,
}

/// Why a server cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It is not written as expected.
    #[error("{0}: write a server as NAME=URL=PID, such as other=ws://127.0.0.1:7880=4711")]
    Written(String),
    /// Nothing is there.
    #[error("{url}: {error}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The keys are of no use.
    #[error("the keys: {0}")]
    Keys(String),
}

/// What the process uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Resident memory in bytes.
    pub(crate) rss: u64,
    /// Open files.
    pub(crate) files: u64,
}

impl Server {
    /// The key of `--dev`, LiveKit's and ours.
    const DEV_KEY: (&str, &str) = ("devkey", "secret");
    /// How long a question by HTTP may take.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Takes the server whose process is `pid`, at `address`.
    ///
    /// # Errors
    ///
    /// See [`ServerError::Keys`].
    pub fn new(name: &str, address: SocketAddr, pid: u32) -> Result<Self, ServerError> {
        let (key, secret) = Self::DEV_KEY;
        let keys = Keys::new([(key.into(), secret.into())]);
        let keys = keys.map_err(|error| ServerError::Keys(error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            address,
            pid,
            signer: keys.first().clone(),
        })
    }

    /// Reads `NAME=URL=PID`.
    ///
    /// # Errors
    ///
    /// See [`ServerError`].
    pub fn parse(written: &str) -> Result<Self, ServerError> {
        let wrong = || ServerError::Written(written.to_owned());
        let mut parts = written.splitn(3, '=');
        let name = parts.next().ok_or_else(wrong)?;
        let url = parts.next().ok_or_else(wrong)?;
        let pid = parts.next().and_then(|pid| pid.parse().ok());
        let pid = pid.ok_or_else(wrong)?;
        let authority = url.split_once("://").ok_or_else(wrong)?.1;
        let unreachable = |error| ServerError::Unreachable {
            url: url.to_owned(),
            error,
        };
        let mut addresses = authority.to_socket_addrs().map_err(unreachable)?;
        Self::new(name, addresses.next().ok_or_else(wrong)?, pid)
    }

    /// Makes a token that lets its holder do in a room whatever an ordinary participant may, its own metadata included.
    pub(crate) fn token(&self, room: &str, identity: &str) -> String {
        let mut claims = Claims::of(identity.into());
        claims.video = Some(VideoGrant {
            can_update_own_metadata: Some(true),
            ..VideoGrant::to_join(room)
        });
        let life = Duration::from_secs(24 * 3_600);
        auth::sign(&claims, &self.signer, clock::now().unix, life)
    }

    /// Returns how long `GET /` takes on a connection of its own, and whether the answer was 200.
    pub(crate) async fn get(&self) -> (Duration, bool) {
        let begun = Instant::now();
        let answer = tokio::time::timeout(Self::PATIENCE, self.ask("/")).await;
        let healthy = matches!(answer, Ok(Ok(text)) if text.starts_with("HTTP/1.1 200"));
        (begun.elapsed(), healthy)
    }

    async fn ask(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Reads what the process uses. `None` once it is gone.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let proc = PathBuf::from(format!("/proc/{}", self.pid));
        let status = fs::read_to_string(proc.join("status")).ok()?;
        let mut lines = status.lines();
        let rss = lines.find_map(|line| line.strip_prefix("VmRSS:"))?;
        let rss: u64 = rss.trim().trim_end_matches(" kB").trim().parse().ok()?;
        Some(Usage {
            rss: rss * 1_024,
            files: fs::read_dir(proc.join("fd")).ok()?.count() as u64,
        })
    }
}
