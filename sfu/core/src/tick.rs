//! Does what is due.

use sfu_model::{Now, RoomIndex};

use crate::Shard;
use crate::isolation::AtStake;
use crate::keys::PeerKey;
use crate::limits::LEAST_SLEEP;
use crate::openings::Openings;
use crate::repair::Repair;
use crate::reports::Reports;
use crate::timers::{Sleeper, TimerReason};

/// What is due.
impl Shard {
    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(sleeper) = self.schedule.take_due(now.mono) {
            match sleeper {
                Sleeper::Peer(key) => {
                    self.isolated(AtStake::Peer(key), |shard| shard.wake_peer(now, key));
                }
                Sleeper::Publication(key) => self.isolated(AtStake::Publication(key), |shard| {
                    shard.key_frames().repeat_all(now.mono, key);
                }),
                Sleeper::Room(room) => {
                    self.isolated(AtStake::Levels(room), |shard| {
                        shard.report_levels(now, room);
                    });
                }
                Sleeper::Statistics(room) => {
                    self.isolated(AtStake::Statistics(room), |shard| {
                        shard.tell_statistics(now, room);
                    });
                }
            }
        }
    }

    fn wake_peer(&mut self, now: Now, key: PeerKey) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        peer.wake();
        if peer.timers.take_due(TimerReason::Transport, now.mono) {
            peer.transport.handle_timeout(now);
            self.settle(now, key);
        }
        if self.take_due(now, key, TimerReason::Nack) {
            self.ask_again(now, key);
        }
        if self.take_due(now, key, TimerReason::TransportFeedback) {
            self.reports().send_transport_feedback(now.mono, key);
        }
        if self.take_due(now, key, TimerReason::ReceiverReport) {
            self.reports().send_receiver_report(now.mono, key);
        }
        if self.take_due(now, key, TimerReason::SenderReport) {
            self.reports().send_sender_reports(now.mono, key);
        }
        if self.take_due(now, key, TimerReason::Opening) {
            Openings::new(&mut self.tables).send(now, key, &mut self.output);
        }
        if self.take_due(now, key, TimerReason::Bandwidth) {
            self.wake_bandwidth(now, key);
        }
        if self.take_due(now, key, TimerReason::Pacing) {
            self.send_held(now, key);
        }
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let timeout = peer.transport.poll_timeout();
        let earliest = now.mono + LEAST_SLEEP;
        let timeout = timeout.map(|at| at.max(earliest));
        peer.timers.set(TimerReason::Transport, timeout);
        peer.arm(key, &mut self.schedule);
    }

    /// Asks a publisher for what is missing.
    fn ask_again(&mut self, now: Now, key: PeerKey) {
        let mut wanted = Vec::new();
        Repair::new(&mut self.tables, &mut self.output).ask(now.mono, key, &mut wanted);
        for wanted in wanted {
            self.key_frames().request(now.mono, wanted);
        }
    }

    fn reports(&mut self) -> Reports<'_> {
        Reports::new(&mut self.tables, &mut self.output)
    }

    /// Tells who is audible in a room.
    fn report_levels(&mut self, now: Now, room: RoomIndex) {
        let publications = &mut self.tables.publications;
        let schedule = &mut self.schedule;
        let report = self.levels.report(now.mono, room, publications, schedule);
        if let Some(report) = report {
            self.output.event(report);
        }
    }

    /// Tells what was counted in a room.
    fn tell_statistics(&mut self, now: Now, room: RoomIndex) {
        let (tables, schedule) = (&mut self.tables, &mut self.schedule);
        let told = self.census.tell(now.mono, room, tables, schedule);
        if let Some(told) = told {
            self.output.event(told);
        }
    }

    fn take_due(&mut self, now: Now, key: PeerKey, reason: TimerReason) -> bool {
        let peer = self.tables.peers.get_mut(key);
        peer.is_some_and(|peer| peer.timers.take_due(reason, now.mono))
    }
}
