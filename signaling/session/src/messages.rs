use std::collections::VecDeque;
use std::sync::Arc;

/// One participant's part in the exchange of messages.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// The highest sequence number of a reliable message that came from it. Zero: none.
    pub(crate) last_sequence: u32,
    joining: VecDeque<Arc<[u8]>>,
    joining_bytes: usize,
}

impl Messages {
    /// Most bytes of reliable messages that are kept for a participant whose media is not connected
    /// yet. The oldest go first.
    const MAX_JOINING_BYTES: usize = 100 * 1024;

    /// Keeps a reliable message until the participant is active.
    ///
    /// Departure: LiveKit keeps what has a sequence number for two seconds; here it is kept for as
    /// long as the participant takes to connect.
    pub(crate) fn keep(&mut self, payload: Arc<[u8]>) {
        self.joining_bytes += payload.len();
        self.joining.push_back(payload);
        while self.joining_bytes > Self::MAX_JOINING_BYTES {
            let Some(oldest) = self.joining.pop_front() else {
                break;
            };
            self.joining_bytes -= oldest.len();
        }
    }

    /// Hands out what was kept.
    pub(crate) fn take_kept(&mut self) -> VecDeque<Arc<[u8]>> {
        self.joining_bytes = 0;
        std::mem::take(&mut self.joining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_messages_for_a_joining_participant_go_first() {
        let mut messages = Messages::default();
        for byte in 0..3 {
            messages.keep(vec![byte; 60 * 1024].into());
        }
        let kept = messages.take_kept();
        assert_eq!(kept.iter().map(|kept| kept[0]).collect::<Vec<_>>(), [2]);
        assert!(messages.take_kept().is_empty());
    }
}
