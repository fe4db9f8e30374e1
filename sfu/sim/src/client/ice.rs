use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_model::IceCredentials;

use super::check::{Reply, answer_check, write_check};
use crate::Random;

/// The client's half of ICE: it is controlling and nominates its only path in every check.
#[derive(Debug)]
pub(crate) struct Ice {
    local: IceCredentials,
    /// Ours before a restart: the server may still check by them.
    earlier_local: Option<IceCredentials>,
    remote: IceCredentials,
    random: Random,
    /// Checks without a reply, each with the password that its reply is signed by.
    pending: VecDeque<([u8; 12], String)>,
    check_at: Instant,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Checking,
    Connected,
}

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// The path works, and the other side sees us there.
    Valid(SocketAddr),
    /// The reply is to no check of ours, or not signed.
    Refused,
}

impl Ice {
    /// Between checks of a path that is not valid yet (RFC 8445 section 14).
    const PACE: Duration = Duration::from_millis(50);
    /// Between checks of a valid path, as libwebrtc's.
    const KEEPALIVE: Duration = Duration::from_millis(2_500);
    /// Most checks whose replies are awaited.
    const MAX_PENDING: usize = 16;

    pub(crate) fn new(
        now: Instant,
        local: IceCredentials,
        remote: IceCredentials,
        random: Random,
    ) -> Self {
        Self {
            local,
            earlier_local: None,
            remote,
            random,
            pending: VecDeque::new(),
            check_at: now,
            phase: Phase::Checking,
        }
    }

    /// Begins anew with other credentials on both sides. What was valid carries on meanwhile.
    pub(crate) fn restart(&mut self, now: Instant, local: IceCredentials, remote: IceCredentials) {
        self.earlier_local = Some(std::mem::replace(&mut self.local, local));
        self.remote = remote;
        self.phase = Phase::Checking;
        self.check_at = now;
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.check_at
    }

    /// Returns a check if one is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.check_at {
            return None;
        }
        self.check_at = now
            + match self.phase {
                Phase::Checking => Self::PACE,
                Phase::Connected => Self::KEEPALIVE,
            };
        let transaction = self.random.bytes();
        if self.pending.len() == Self::MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending
            .push_back((transaction, self.remote.pwd.clone()));
        Some(write_check(&self.remote, &self.local.ufrag, transaction))
    }

    /// Answers a check of the server's.
    pub(crate) fn answer(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let known = [Some(&self.local), self.earlier_local.as_ref()];
        let mut known = known.into_iter().flatten();
        known.find_map(|local| answer_check(datagram, local))
    }

    /// Takes a STUN message.
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8]) -> Checked {
        let Some(reply) = Reply::read(datagram) else {
            return Checked::Refused;
        };
        let mut pending = self.pending.iter();
        let Some(place) = pending.position(|(id, _)| *id == reply.transaction) else {
            return Checked::Refused;
        };
        let Some((_, pwd)) = self.pending.remove(place) else {
            return Checked::Refused;
        };
        let Some(mapped) = reply.verify(&pwd) else {
            return Checked::Refused;
        };
        if self.phase == Phase::Checking && pwd == self.remote.pwd {
            self.phase = Phase::Connected;
            self.check_at = now + Self::KEEPALIVE;
        }
        Checked::Valid(mapped)
    }
}
