//! What a stranger may hold of the HTTP server. `docs/limits.md` lists the values.

use std::time::Duration;

use tokio::sync::Semaphore;

/// Connections at a time, WebSockets and those that are closing included; further ones wait in the
/// kernel's backlog. A node is out of media threads long before.
pub(super) const CONNECTIONS: usize = 65_536;

/// Time from the first byte of a request's head to its last.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may stay without a request. Balancers and SDKs keep connections for the
/// next request and expect the server to keep them longer than they do, mostly 60 s.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// The free share of all connections, one in this many, below which one without a request may stay
/// only [`HEAD_TIMEOUT`].
pub(super) const CROWDED: usize = 4;

/// Bytes of a request's head. Departure: its target may have 65,534 of them, which is the `http`
/// crate's limit; LiveKit's is that of the head. Clients compress the offer that is in it, and need a
/// tenth. The rest is for a token with a participant's metadata.
pub(super) const HEAD_BYTES: usize = 1 << 20;

/// Bytes of a head that any number of connections may send at once; the head of a join has half.
pub(super) const PLAIN_HEAD_BYTES: usize = 16 << 10;

/// Heads longer than [`PLAIN_HEAD_BYTES`] that come in at a time, in all connections of a listener
/// together: 64 MiB. Further connections with one are not read until one is done.
pub(super) const LONG_HEADS: usize = 64;

/// How long a connection that the server has ended is read, so that the client gets the last words:
/// bytes that nobody reads make the kernel answer with a reset, which discards them.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Bytes that are read meanwhile; then the client is held back by TCP.
pub(super) const LINGER_BYTES: u64 = 4 << 20;

/// How long a server that stops waits for its connections to end.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time: `CONNECTIONS`.
    pub connections: usize,
    /// Time in which a request's head must come once it has begun: `HEAD_TIMEOUT`.
    pub head_timeout: Duration,
    /// Time that a connection may be without a request: `IDLE_TIMEOUT`.
    pub idle_timeout: Duration,
    /// Bytes of a request's head: `HEAD_BYTES`.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            head_timeout: HEAD_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            head_bytes: HEAD_BYTES,
        }
    }
}

impl Limits {
    /// Returns how long a connection without a request may stay, by how many more there may be.
    pub(super) fn idle_time(&self, slots: &Semaphore) -> Duration {
        match slots.available_permits() < self.connections / CROWDED {
            true => self.idle_timeout.min(self.head_timeout),
            false => self.idle_timeout,
        }
    }
}
