//! The messages of one channel on their way to the peer.

use std::collections::VecDeque;

use sfu_model::DataMessage;

use crate::SendDataError;
use crate::limits::{
    MAX_LOSSY_BYTES, MAX_LOSSY_MESSAGES, MAX_SCTP_MESSAGES, MAX_UNACCOUNTED_BYTES,
};
use crate::sctp::{Sctp, SctpUnavailable};

/// Messages in order: those that SCTP has, then those that wait for it to have fewer. All are shared
/// with other receivers' queues.
///
/// Reliable messages are bounded by the budgets of those who sent them, who are held back while they
/// are kept here; lossy ones by their number and bytes.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    /// What SCTP has and the peer has not acknowledged.
    handed_over: Messages,
    waiting: Messages,
    /// Bytes of the waiting messages that nobody's budget pays for.
    unaccounted: usize,
}

#[derive(Debug, Default)]
struct Messages {
    queue: VecDeque<DataMessage>,
    bytes: usize,
}

impl Messages {
    fn push(&mut self, message: DataMessage) {
        self.bytes += message.len();
        self.queue.push_back(message);
    }

    fn pop(&mut self) -> Option<DataMessage> {
        let message = self.queue.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }
}

impl SendQueue {
    /// Queues a message that must arrive.
    pub(crate) fn push_reliable(&mut self, message: DataMessage) -> Result<(), SendDataError> {
        if !message.permit.is_accounted() {
            if self.unaccounted + message.len() > MAX_UNACCOUNTED_BYTES {
                return Err(SendDataError::QueueFull);
            }
            self.unaccounted += message.len();
        }
        self.waiting.push(message);
        Ok(())
    }

    /// Queues a message that may be lost. Returns how many older ones gave way to it.
    pub(crate) fn push_lossy(&mut self, message: DataMessage) -> usize {
        let mut dropped = 0;
        self.waiting.push(message);
        while self.waiting.queue.len() > 1
            && (self.waiting.bytes > MAX_LOSSY_BYTES
                || self.waiting.queue.len() > MAX_LOSSY_MESSAGES)
        {
            self.waiting.pop();
            dropped += 1;
        }
        dropped
    }

    /// Forgets what the peer has acknowledged, until `buffered` bytes are left. Returns how many bytes
    /// it took.
    pub(crate) fn acknowledge(&mut self, buffered: usize) -> usize {
        let before = self.handed_over.bytes;
        while let Some(oldest) = self.handed_over.queue.front()
            && self.handed_over.bytes - oldest.len() >= buffered
        {
            self.handed_over.pop();
        }
        before - self.handed_over.bytes
    }

    /// Hands messages over to SCTP, which may have `max_bytes` of them.
    pub(crate) fn feed(
        &mut self,
        sctp: &mut Sctp,
        stream: u16,
        max_bytes: usize,
    ) -> Result<(), SctpUnavailable> {
        while self.handed_over.bytes < max_bytes
            && self.handed_over.queue.len() < MAX_SCTP_MESSAGES
            && let Some(message) = self.waiting.pop()
        {
            if !message.permit.is_accounted() {
                self.unaccounted = self.unaccounted.saturating_sub(message.len());
            }
            sctp.send_message(stream, &message)?;
            self.handed_over.push(message);
        }
        Ok(())
    }

    /// Reports whether somebody who sent a message waits for the peer to take it.
    pub(crate) fn is_pressing(&self) -> bool {
        let mut oldest_first = self.handed_over.queue.iter().chain(&self.waiting.queue);
        let oldest = oldest_first.next();
        oldest.is_some_and(|message| message.permit.is_pressing())
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::DataBudget;

    use super::*;

    #[test]
    fn the_oldest_lossy_messages_give_way() {
        let mut queue = SendQueue::default();
        let messages = MAX_LOSSY_BYTES / 1_024;
        let dropped = (0..=messages).map(|i| {
            let byte = i.to_le_bytes()[0];
            queue.push_lossy(vec![byte; 1_024].into())
        });
        assert_eq!(dropped.sum::<usize>(), 1);
        assert_eq!(queue.waiting.queue[0][0], 1);
        let dropped = (0..2 * MAX_LOSSY_MESSAGES).map(|_| queue.push_lossy(vec![7].into()));
        assert_eq!(dropped.sum::<usize>(), messages + MAX_LOSSY_MESSAGES);
        assert_eq!(queue.waiting.queue.len(), MAX_LOSSY_MESSAGES);
    }

    #[test]
    fn what_nobody_pays_for_is_bounded_and_what_a_sender_pays_for_is_not() {
        let mut queue = SendQueue::default();
        let pushed = (0..)
            .take_while(|_| queue.push_reliable(vec![0; 1_024].into()).is_ok())
            .count();
        assert_eq!(pushed, MAX_UNACCOUNTED_BYTES / 1_024);
        let budget = DataBudget::new(1);
        for _ in 0..pushed {
            let message = DataMessage {
                payload: vec![0; 1_024].into(),
                permit: budget.permit(1_024),
            };
            assert_eq!(queue.push_reliable(message), Ok(()));
        }
    }
}
