//! A participant's messages that wait.

use std::collections::VecDeque;
use std::sync::Arc;

/// One participant's part in the exchange of messages.
#[derive(Debug)]
pub(crate) struct Messages {
    /// The highest sequence number of a reliable message that came from it. Zero: none.
    pub(crate) last_sequence: u32,
    /// Reliable messages that wait until the participant is active.
    ///
    /// Departure: LiveKit keeps what has a sequence number for two seconds; here it is kept for as
    /// long as the participant takes to connect.
    pub(crate) reliable: Backlog,
    /// Lossy messages that wait until its channel for them is open, which is a moment after it has
    /// become active.
    pub(crate) lossy: Backlog,
    /// Whether that channel is open.
    pub(crate) lossy_open: bool,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            last_sequence: 0,
            reliable: Backlog::new(100 * 1024),
            lossy: Backlog::new(16 * 1024),
            lossy_open: false,
        }
    }
}

/// Messages that wait. When there are too many bytes of them, the oldest go first.
#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: VecDeque<Arc<[u8]>>,
    bytes: usize,
    limit: usize,
}

impl Backlog {
    fn new(limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            limit,
        }
    }

    pub(crate) fn keep(&mut self, payload: Arc<[u8]>) {
        self.bytes += payload.len();
        self.waiting.push_back(payload);
        while self.bytes > self.limit {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
        }
    }

    /// Hands out what was kept.
    pub(crate) fn take(&mut self) -> VecDeque<Arc<[u8]>> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_messages_of_a_backlog_go_first() {
        let mut backlog = Backlog::new(100);
        for byte in 0..3 {
            backlog.keep(vec![byte; 60].into());
        }
        let kept = backlog.take();
        assert_eq!(kept.iter().map(|kept| kept[0]).collect::<Vec<_>>(), [2]);
        assert!(backlog.take().is_empty());
    }
}
