//! What waits for one listener, without locks or tasks.

mod gather;
mod piece;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::limits::{BACKLOG_BYTES, BACKLOG_MESSAGES, MAX_BACKLOG_BYTES};
use crate::responses::response::SharedResponse;

use piece::is_answer;

/// The messages that a listener has not been sent yet, in their order.
///
/// Goal: who reads gets each message as it was made, encoded once for all who get it; who does not
/// is told how things are, not how they came to be so. So a backlog is only a queue until it is
/// long. Then it is gathered: of each participant, speaker, track, and of the room, the latest state
/// stays; answers to the client's own requests all stay. It is gathered again when it has become
/// twice as long as it was after that, so that a message costs the same however many wait.
#[derive(Debug)]
pub(crate) struct Backlog {
    queue: VecDeque<Arc<SharedResponse>>,
    size: Size,
    /// How many answers are among them.
    answers: usize,
    /// The size at which it is gathered.
    gather_at: Size,
}

/// How much a backlog is.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    messages: usize,
    bytes: usize,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It waits.
    Queued,
    /// It waits, and the listener is so far behind that earlier state was left out.
    Gathered,
    /// Even the latest state alone is more than may wait for one listener.
    Overflow,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            size: Size::default(),
            answers: 0,
            gather_at: Size::LEAST,
        }
    }
}

impl Backlog {
    /// Adds a message.
    pub(crate) fn push(&mut self, response: Arc<SharedResponse>) -> Added {
        self.size.messages += 1;
        self.size.bytes += response.bytes();
        self.answers += usize::from(is_answer(&response));
        self.queue.push_back(response);
        if !self.size.exceeds(self.gather_at) {
            return Added::Queued;
        }
        let before = self.size.messages;
        self.gather();
        if self.size.bytes > MAX_BACKLOG_BYTES {
            return Added::Overflow;
        }
        match self.size.messages < before {
            true => Added::Gathered,
            false => Added::Queued,
        }
    }

    /// Returns the next message.
    pub(crate) fn pop(&mut self) -> Option<Arc<SharedResponse>> {
        let response = self.queue.pop_front()?;
        self.size.messages -= 1;
        self.size.bytes -= response.bytes();
        self.answers -= usize::from(is_answer(&response));
        if self.queue.is_empty() {
            self.gather_at = Size::LEAST;
        }
        Some(response)
    }

    /// Returns how many answers to its own requests the listener has not been sent.
    pub(crate) fn answers(&self) -> usize {
        self.answers
    }

    fn gather(&mut self) {
        self.queue = gather::gather(std::mem::take(&mut self.queue));
        self.size = Size {
            messages: self.queue.len(),
            bytes: self.queue.iter().map(|response| response.bytes()).sum(),
        };
        self.gather_at = self.size.doubled();
    }
}

impl Size {
    const LEAST: Self = Self {
        messages: BACKLOG_MESSAGES,
        bytes: BACKLOG_BYTES,
    };

    fn exceeds(self, other: Self) -> bool {
        self.messages > other.messages || self.bytes > other.bytes
    }

    fn doubled(self) -> Self {
        Self {
            messages: self.messages.saturating_mul(2).max(Self::LEAST.messages),
            bytes: self.bytes.saturating_mul(2).max(Self::LEAST.bytes),
        }
    }
}

#[cfg(test)]
mod tests;
