use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_model::IceCredentials;

use crate::ice_role::IceRole;
use crate::stun::{Check, Incoming, read, write_check, write_reply};

/// Full ICE from one local address to the server's host candidates.
///
/// A check goes to one candidate after the other, in the order they were given. Controlling, we nominate
/// in every check and select the first candidate that replies; controlled, we select what the other
/// side nominates.
#[derive(Debug)]
pub(crate) struct IceAgent {
    local: IceCredentials,
    remote: IceCredentials,
    role: IceRole,
    candidates: Vec<SocketAddr>,
    next_candidate: usize,
    selected: Option<SocketAddr>,
    search: Search,
    /// Checks without a reply.
    pending: VecDeque<([u8; 12], SocketAddr)>,
    tie_breaker: [u8; 8],
    checks: u32,
    check_at: Instant,
    replies: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// Whether a path is known to work with the current credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    Searching,
    /// It does, and nobody was told yet.
    Found,
    Told,
}

impl IceAgent {
    /// Between checks before a candidate is selected (RFC 8445 section 14).
    const PACE: Duration = Duration::from_millis(50);
    /// Between checks of the selected candidate, as libwebrtc's.
    const KEEPALIVE: Duration = Duration::from_millis(2_500);
    /// Most checks whose replies are awaited.
    const MAX_PENDING: usize = 16;
    /// Most candidates of the server, those that its checks reveal included.
    const MAX_CANDIDATES: usize = 32;

    pub(crate) fn new(
        now: Instant,
        local: IceCredentials,
        remote: IceCredentials,
        role: IceRole,
        tie_breaker: [u8; 8],
    ) -> Self {
        Self {
            local,
            remote,
            role,
            candidates: Vec::new(),
            next_candidate: 0,
            selected: None,
            search: Search::Searching,
            pending: VecDeque::new(),
            tie_breaker,
            checks: 0,
            check_at: now,
            replies: VecDeque::new(),
        }
    }

    pub(crate) fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Tells once that a path works, and once more after each restart.
    pub(crate) fn take_found(&mut self) -> bool {
        let found = self.search == Search::Found;
        if found {
            self.search = Search::Told;
        }
        found
    }

    fn found(&mut self) {
        if self.search == Search::Searching {
            self.search = Search::Found;
        }
    }

    pub(crate) fn add_candidate(&mut self, now: Instant, candidate: SocketAddr) {
        let known = self.candidates.contains(&candidate);
        if !known && self.candidates.len() < Self::MAX_CANDIDATES {
            // The first is checked at once, whenever it comes.
            if self.candidates.is_empty() {
                self.check_at = now;
            }
            self.candidates.push(candidate);
        }
    }

    /// Begins anew with other credentials. What was selected carries on meanwhile.
    pub(crate) fn restart(&mut self, now: Instant, local: IceCredentials, remote: IceCredentials) {
        self.local = local;
        self.remote = remote;
        self.pending.clear();
        self.search = Search::Searching;
        self.check_at = now;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (!self.candidates.is_empty()).then_some(self.check_at)
    }

    /// Returns the check that is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if now < self.check_at {
            return None;
        }
        let (to, pause) = match self.selected {
            Some(selected) if self.search == Search::Searching => (selected, Self::PACE),
            Some(selected) => (selected, Self::KEEPALIVE),
            None => (self.next_candidate()?, Self::PACE),
        };
        self.check_at = now + pause;
        let transaction = self.transaction();
        if self.pending.len() == Self::MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back((transaction, to));
        let check = write_check(&Check {
            remote: &self.remote,
            local_ufrag: &self.local.ufrag,
            role: self.role,
            tie_breaker: self.tie_breaker,
            transaction,
        });
        Some((to, check?))
    }

    /// Takes a STUN message. One that is not signed, or answers nothing, is dropped.
    pub(crate) fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        match read(datagram, &self.local, &self.remote) {
            Some(Incoming::Reply { transaction }) => self.handle_reply(now, transaction),
            Some(Incoming::Request {
                transaction,
                nominates,
            }) => {
                if let Some(reply) = write_reply(transaction, from, &self.local) {
                    self.replies.push_back((from, reply));
                }
                self.add_candidate(now, from);
                if nominates && self.role == IceRole::Controlled {
                    self.nominated(now, from);
                }
            }
            None => {}
        }
    }

    pub(crate) fn poll_reply(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.replies.pop_front()
    }

    fn handle_reply(&mut self, now: Instant, transaction: [u8; 12]) {
        let mut pending = self.pending.iter();
        let Some(at) = pending.position(|(known, _)| *known == transaction) else {
            return;
        };
        let checked = self.pending.remove(at);
        if self.role == IceRole::Controlling && self.selected.is_none() {
            self.selected = checked.map(|(_, to)| to);
        }
        if self.selected.is_some() && self.search == Search::Searching {
            self.found();
            self.check_at = now + Self::KEEPALIVE;
        }
    }

    fn nominated(&mut self, now: Instant, path: SocketAddr) {
        if self.selected != Some(path) {
            self.selected = Some(path);
            self.check_at = now;
        }
        self.found();
    }

    fn next_candidate(&mut self) -> Option<SocketAddr> {
        let at = self.next_candidate % self.candidates.len().max(1);
        self.next_candidate = at + 1;
        self.candidates.get(at).copied()
    }

    /// The tie breaker is as good as random, and the counter makes it unique.
    fn transaction(&mut self) -> [u8; 12] {
        self.checks = self.checks.wrapping_add(1);
        let [c0, c1, c2, c3] = self.checks.to_be_bytes();
        let [t0, t1, t2, t3, t4, t5, t6, t7] = self.tie_breaker;
        [t0, t1, t2, t3, t4, t5, t6, t7, c0, c1, c2, c3]
    }
}
