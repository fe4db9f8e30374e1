use std::time::{Duration, Instant};

use super::channels::{DataChannels, DataDelivery};
use super::stamp::{DataSender, DataStamp};
use super::window::Window;

/// Data that a peer publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboundData {
    /// Who it is of.
    pub sender: DataSender,
    /// How it is delivered.
    pub delivery: DataDelivery,
    /// Length of each packet's payload in bytes.
    pub payload_len: usize,
    /// Between two packets.
    pub interval: Duration,
}

/// Data that is being published, at a steady rate from the opening of its channel on.
#[derive(Debug)]
pub(super) struct DataPublication {
    config: OutboundData,
    next_at: Instant,
    /// Of the latest packet.
    number: u64,
    /// Packets of the window.
    sent: u64,
}

impl DataPublication {
    /// Most packets that are sent at once by a publisher that is late; the rest follows.
    const BURST: usize = 32;

    pub(super) fn new(now: Instant, config: OutboundData) -> Self {
        Self {
            config,
            next_at: now,
            number: 0,
            sent: 0,
        }
    }

    pub(super) fn delivery(&self) -> DataDelivery {
        self.config.delivery
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.next_at
    }

    /// Sends the packets that are due. One for which SCTP's queue has no room is left out: a client would wait before it
    /// makes the next.
    pub(super) fn handle_timeout(
        &mut self,
        (now, since_epoch): (Instant, Duration),
        channels: &mut DataChannels,
        window: Option<&Window>,
    ) {
        if self.number == 0 {
            // The channel was opened a moment ago.
            self.next_at = self.next_at.max(now);
        }
        for _ in 0..Self::BURST {
            if self.next_at > now {
                return;
            }
            self.next_at += self.config.interval;
            let stamp = DataStamp {
                sender: self.config.sender,
                number: self.number + 1,
                made_at: since_epoch,
            };
            let message = stamp.write_packet(self.config.delivery, self.config.payload_len);
            if channels.send(self.config.delivery, message) {
                self.number += 1;
                self.sent += u64::from(window.is_some_and(|window| window.contains(since_epoch)));
            }
        }
    }
}
