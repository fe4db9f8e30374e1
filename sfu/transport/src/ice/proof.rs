//! Whether a path leads to the peer: it answers checks of ours.

use std::time::Instant;

use sfu_model::{LinkProtocol, Path};

use super::message::TransactionId;
use crate::limits::{
    CHECK_PACE, FIRST_CHECK_TIMEOUT, LATEST_PROOF_INTERVAL, MAX_CHECKS, PROOF_INTERVAL,
    PROOF_LIFETIME,
};

/// What shows that a path leads to the peer.
///
/// A check of the peer's shows only that it knows our password: its source may be anybody's. Who answers
/// ours, with a number that nobody can guess, gets packets there. A TCP connection shows that by itself.
#[derive(Debug)]
pub(super) enum Proof {
    /// The path is a TCP connection.
    Connection,
    /// It is proved by answers.
    Answers(Answers),
}

#[derive(Debug, Default)]
pub(super) struct Answers {
    /// When the latest check that was answered went there first.
    proved_at: Option<Instant>,
    /// The check whose answer has not come.
    asked: Option<Asked>,
    /// When the next check is due.
    due: Option<Instant>,
}

/// A check of ours. It is repeated under its number, so that a late answer counts too.
#[derive(Clone, Copy, Debug)]
struct Asked {
    transaction: TransactionId,
    first_at: Instant,
    latest_at: Instant,
    /// How many times it went there since the peer's latest check.
    sent: u32,
}

impl Proof {
    pub(super) fn new(path: Path) -> Self {
        match path.protocol {
            LinkProtocol::Udp => Self::Answers(Answers::default()),
            LinkProtocol::Tcp => Self::Connection,
        }
    }

    /// Tells whether media may go there.
    pub(super) fn holds(&self, now: Instant) -> bool {
        match self {
            Self::Connection => true,
            Self::Answers(answers) => answers.expiry().is_some_and(|expiry| now < expiry),
        }
    }

    /// Returns when it no longer holds.
    pub(super) fn expiry(&self) -> Option<Instant> {
        match self {
            Self::Connection => None,
            Self::Answers(answers) => answers.expiry(),
        }
    }

    /// Returns when a check is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Connection => None,
            Self::Answers(answers) => answers.due,
        }
    }

    /// The peer checked the path: it is checked back, unless it was proved lately.
    pub(super) fn on_check(&mut self, now: Instant) {
        if let Self::Answers(answers) = self {
            answers.on_check(now);
        }
    }

    /// The path was selected: it is proved again and again.
    pub(super) fn on_selected(&mut self, now: Instant) {
        if let Self::Answers(answers) = self
            && answers.due.is_none()
        {
            answers.due = Some(answers.renewal(now));
        }
    }

    /// Returns the number of the check that is due: that of the one without an answer, or `fresh`.
    pub(super) fn send(
        &mut self,
        now: Instant,
        is_selected: bool,
        fresh: impl FnOnce() -> TransactionId,
    ) -> Option<TransactionId> {
        match self {
            Self::Answers(answers) if answers.due.is_some_and(|due| due <= now) => {
                Some(answers.send(now, is_selected, fresh))
            }
            Self::Connection | Self::Answers(_) => None,
        }
    }

    /// Takes an answer that came by this path. Returns whether it is to the check that waits for it.
    pub(super) fn on_answer(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        is_selected: bool,
    ) -> bool {
        match self {
            Self::Connection => false,
            Self::Answers(answers) => answers.on_answer(now, transaction, is_selected),
        }
    }
}

impl Answers {
    fn expiry(&self) -> Option<Instant> {
        Some(self.proved_at? + PROOF_LIFETIME)
    }

    /// Returns when the proof is due to be renewed, though no check of the peer's comes.
    fn renewal(&self, now: Instant) -> Instant {
        self.proved_at.map_or(now, |at| at + LATEST_PROOF_INTERVAL)
    }

    fn was_proved_lately(&self, now: Instant) -> bool {
        self.proved_at.is_some_and(|at| now < at + PROOF_INTERVAL)
    }

    fn on_check(&mut self, now: Instant) {
        if self.was_proved_lately(now) {
            return;
        }
        let paced = self.asked.map(|asked| asked.latest_at + CHECK_PACE);
        let at = paced.map_or(now, |paced| paced.max(now));
        if let Some(asked) = &mut self.asked {
            asked.sent = 0;
        }
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn send(
        &mut self,
        now: Instant,
        is_selected: bool,
        fresh: impl FnOnce() -> TransactionId,
    ) -> TransactionId {
        let is_late = |asked: &Asked| now >= asked.first_at + PROOF_LIFETIME;
        let mut asked = self
            .asked
            .filter(|asked| !is_late(asked))
            .unwrap_or_else(|| Asked {
                transaction: fresh(),
                first_at: now,
                latest_at: now,
                sent: 0,
            });
        let wait = FIRST_CHECK_TIMEOUT * (1 << asked.sent.min(MAX_CHECKS));
        asked.sent += 1;
        asked.latest_at = now;
        self.asked = Some(asked);
        let holds = self.expiry().is_some_and(|expiry| now < expiry);
        let goes_on = asked.sent < MAX_CHECKS || (is_selected && holds);
        self.due = goes_on.then(|| now + wait);
        asked.transaction
    }

    fn on_answer(&mut self, now: Instant, transaction: TransactionId, is_selected: bool) -> bool {
        let asked = self.asked.filter(|asked| asked.transaction == transaction);
        let Some(asked) = asked.filter(|asked| now < asked.first_at + PROOF_LIFETIME) else {
            return false;
        };
        self.asked = None;
        self.proved_at = Some(asked.first_at);
        self.due = is_selected.then(|| self.renewal(now));
        true
    }
}
