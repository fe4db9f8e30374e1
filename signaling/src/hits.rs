//! How often each limit was met.

use std::sync::atomic::{AtomicU64, Ordering};

/// A limit that somebody met who is held back, or loses something, by it. A real client meets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A client asked for more than it may, and is not read for a while.
    SignalRate,
    /// A client went on asking for too much, and was disconnected.
    SignalPatience,
    /// A client sent what is no message, or more than one may have, and was disconnected.
    UnreadableMessages,
    /// A client does not read its answers, and is not read either.
    UnreadAnswers,
    /// A listener is behind, and is told only the latest state.
    Backlog,
    /// A listener is so far behind that its connection was closed.
    BacklogBytes,
    /// A lossy message was dropped because its room is behind.
    LossyMessages,
    /// A notice was lost because whoever reads notices is behind.
    Notices,
    /// A join waited or was refused because its API key joins too often.
    JoinsOfKey,
    /// A join waited or was refused because its address joins too often.
    JoinsOfAddress,
    /// A call of the API waited or was refused because its key calls too often.
    CallsOfKey,
    /// A call for a token waited or was refused because its key asks for too many.
    TokensOfKey,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SignalRate,
        Self::SignalPatience,
        Self::UnreadableMessages,
        Self::UnreadAnswers,
        Self::Backlog,
        Self::BacklogBytes,
        Self::LossyMessages,
        Self::Notices,
        Self::JoinsOfKey,
        Self::JoinsOfAddress,
        Self::CallsOfKey,
        Self::TokensOfKey,
    ];

    /// Returns its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::SignalRate => "signal_rate",
            Self::SignalPatience => "signal_patience",
            Self::UnreadableMessages => "unreadable_messages",
            Self::UnreadAnswers => "unread_answers",
            Self::Backlog => "backlog",
            Self::BacklogBytes => "backlog_bytes",
            Self::LossyMessages => "lossy_messages",
            Self::Notices => "notices",
            Self::JoinsOfKey => "joins_of_key",
            Self::JoinsOfAddress => "joins_of_address",
            Self::CallsOfKey => "calls_of_key",
            Self::TokensOfKey => "tokens_of_key",
        }
    }
}

/// How often each limit was met.
#[derive(Debug, Default)]
pub(crate) struct LimitHits([AtomicU64; Limit::ALL.len()]);

impl LimitHits {
    /// Takes note that a limit was met.
    pub(crate) fn hit(&self, limit: Limit) {
        self.add(limit, 1);
    }

    /// Takes note that a limit was met several times.
    pub(crate) fn add(&self, limit: Limit, times: u64) {
        if let Some(count) = self.0.get(limit as usize) {
            count.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// Returns all counts.
    pub(crate) fn counts(&self) -> Vec<(Limit, u64)> {
        let of = Limit::ALL.iter().zip(&self.0);
        of.map(|(limit, count)| (*limit, count.load(Ordering::Relaxed)))
            .collect()
    }
}
