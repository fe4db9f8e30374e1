//! Does what is due.

use sfu_model::Now;
use std::time::Duration;

use crate::Shard;
use crate::keys::PeerKey;
use crate::timers::{Sleeper, TimerReason};

/// What is due.
impl Shard {
    /// A peer is not woken again sooner than this: what a transport believes to be overdue cannot
    /// keep the shard busy.
    const LEAST_SLEEP: Duration = Duration::from_millis(1);

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(sleeper) = self.schedule.take_due(now.mono) {
            match sleeper {
                Sleeper::Peer(key) => self.isolated(key, |shard| shard.wake_peer(now, key)),
                Sleeper::Publication(key) => self.isolated_publication(key, |shard| {
                    shard.repeat_key_frame_requests(now.mono, key);
                }),
                Sleeper::Room(room) => {
                    self.isolated_room(room, |shard| shard.report_levels(now, room));
                }
            }
        }
    }

    fn wake_peer(&mut self, now: Now, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        peer.armed = None;
        if peer.timers.take_due(TimerReason::Transport, now.mono) {
            peer.transport.handle_timeout(now);
            self.settle(now, key);
        }
        if self.take_due(now, key, TimerReason::Nack) {
            self.send_nacks(now.mono, key);
        }
        if self.take_due(now, key, TimerReason::TransportFeedback) {
            self.send_transport_feedback(now.mono, key);
        }
        if self.take_due(now, key, TimerReason::ReceiverReport) {
            self.send_receiver_report(now.mono, key);
        }
        if self.take_due(now, key, TimerReason::SenderReport) {
            self.send_sender_reports(now.mono, key);
        }
        if self.take_due(now, key, TimerReason::Opening) {
            self.send_openings(now, key);
        }
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let timeout = peer.transport.poll_timeout();
        let earliest = now.mono + Self::LEAST_SLEEP;
        let timeout = timeout.map(|at| at.max(earliest));
        peer.timers.set(TimerReason::Transport, timeout);
        peer.arm(key, &mut self.schedule);
    }

    fn take_due(&mut self, now: Now, key: PeerKey, reason: TimerReason) -> bool {
        let peer = self.peers.get_mut(key);
        peer.is_some_and(|peer| peer.timers.take_due(reason, now.mono))
    }
}
