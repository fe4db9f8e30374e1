//! How long a peer has been silent.

use std::time::{Duration, Instant};

/// Nothing authenticated for so long: the peer is silent (LiveKit's ICE disconnected timeout).
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// Nothing authenticated for so long: the transport is over (LiveKit's ICE failed timeout, 5 s more).
const TIMED_OUT_AFTER: Duration = Duration::from_secs(15);

/// What the time since the last authenticated packet means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The peer has just become silent.
    Began,
    /// It has been silent for too long.
    TooLong,
}

/// When the peer was heard last. It begins with the first authenticated packet: how long a peer may take to
/// connect is decided above.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    heard_at: Option<Instant>,
    silent: bool,
}

impl Liveness {
    /// Notes an authenticated packet. Returns true if the peer was silent before.
    pub(crate) fn hear(&mut self, now: Instant) -> bool {
        self.heard_at = Some(now);
        std::mem::take(&mut self.silent)
    }

    /// Begins the silence anew, as the peer is given time for checks with other credentials.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.heard_at = self.heard_at.map(|_| now);
    }

    /// Returns how long nothing has come.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        self.heard_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Silence> {
        let quiet = now.saturating_duration_since(self.heard_at?);
        if quiet >= TIMED_OUT_AFTER {
            return Some(Silence::TooLong);
        }
        let begins = quiet >= SILENT_AFTER && !self.silent;
        self.silent |= begins;
        begins.then_some(Silence::Began)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let patience = if self.silent {
            TIMED_OUT_AFTER
        } else {
            SILENT_AFTER
        };
        Some(self.heard_at? + patience)
    }
}
