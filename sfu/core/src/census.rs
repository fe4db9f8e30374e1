//! Tells the control plane once a second what was counted of the peers of each room, and of what they send and get.

use std::collections::BTreeMap;
use std::time::Instant;

use sfu_model::{Event, LinkStatistics, PeerStatistics, RoomIndex, ShardIndex, Statistics};

use crate::keys::PeerKey;
use crate::limits::{
    IDLE_STATISTICS_INTERVAL, STATISTICS_INTERVAL, STATISTICS_STEP, STREAMS_OF_ONE_PART,
};
use crate::tables::Tables;
use crate::timers::{Deadline, Schedule, Sleeper, TimerReason};

/// The peers of each room, and whose turn it is to be told of.
///
/// What is counted lies with what it is of, so that a packet costs nothing here. A round goes over all peers of a room
/// in parts that are no longer than what packets can wait for.
#[derive(Debug)]
pub(crate) struct Census {
    shard: ShardIndex,
    rooms: BTreeMap<RoomIndex, Round>,
}

/// How far the round of a room is.
#[derive(Debug)]
struct Round {
    peers: Vec<PeerKey>,
    began: Instant,
    /// How many of them had their turn.
    counted: usize,
    part: u32,
    /// Whether anything was sent or came since the round before.
    is_busy: bool,
    armed: Option<Deadline>,
}

impl Census {
    pub(crate) fn new(shard: ShardIndex) -> Self {
        Self {
            shard,
            rooms: BTreeMap::new(),
        }
    }

    /// Has a peer counted from here on, until it is gone.
    pub(crate) fn enrol(
        &mut self,
        now: Instant,
        room: RoomIndex,
        peer: PeerKey,
        schedule: &mut Schedule,
    ) {
        let round = self.rooms.entry(room).or_insert_with(|| Round::new(now));
        round.peers.push(peer);
        round.await_turn(room, schedule);
    }

    /// Counts a peer no more that is gone.
    pub(crate) fn dismiss(&mut self, room: RoomIndex, peer: PeerKey, schedule: &mut Schedule) {
        let Some(round) = self.rooms.get_mut(&room) else {
            return;
        };
        round.dismiss(peer);
        if round.peers.is_empty() {
            schedule.disarm(Sleeper::Statistics(room), &mut round.armed);
            self.rooms.remove(&room);
        }
    }

    /// Tells of those of a room whose turn it is.
    pub(crate) fn tell(
        &mut self,
        now: Instant,
        room: RoomIndex,
        tables: &mut Tables,
        schedule: &mut Schedule,
    ) -> Option<Event> {
        let round = self.rooms.get_mut(&room)?;
        round.armed = None;
        if round.counted == 0 {
            round.begin(now);
        }
        let part = round.part;
        let streams = round.count(now, tables);
        round.await_turn(room, schedule);
        (!streams.is_empty()).then(|| Event::Statistics {
            room,
            shard: self.shard,
            part,
            streams: Box::new(streams),
        })
    }

    /// Reports whether any peer of a room is counted here.
    pub(crate) fn knows(&self, room: RoomIndex) -> bool {
        self.rooms.contains_key(&room)
    }

    /// Tells nothing of a room until another peer is enrolled.
    pub(crate) fn forget(&mut self, room: RoomIndex) {
        self.rooms.remove(&room);
    }
}

impl Round {
    fn new(now: Instant) -> Self {
        Self {
            peers: Vec::new(),
            began: now,
            counted: 0,
            part: 0,
            is_busy: true,
            armed: None,
        }
    }

    fn begin(&mut self, now: Instant) {
        self.began = now;
        self.part = 0;
        self.is_busy = false;
    }

    fn dismiss(&mut self, peer: PeerKey) {
        let place = self.peers.iter().position(|key| *key == peer);
        if let Some(place) = place {
            self.peers.remove(place);
            self.counted -= usize::from(place < self.counted);
        }
    }

    /// Returns what was counted of the next peers.
    fn count(&mut self, now: Instant, tables: &mut Tables) -> Statistics {
        let mut statistics = Statistics::default();
        let mut streams = 0;
        while streams < STREAMS_OF_ONE_PART
            && let Some(key) = self.peers.get(self.counted)
        {
            self.counted += 1;
            streams += count_peer(now, *key, tables, &mut statistics);
        }
        self.part += 1;
        self.is_busy |= !(statistics.encodings.is_empty() && statistics.subscriptions.is_empty());
        if self.counted >= self.peers.len() {
            self.counted = 0;
        }
        statistics
    }

    /// Sees to it that the room has its next turn: with the rest of a round soon, with another when its time has come.
    fn await_turn(&mut self, room: RoomIndex, schedule: &mut Schedule) {
        let at = match (self.counted, self.is_busy) {
            (0, true) => self.began + STATISTICS_INTERVAL,
            (0, false) => self.began + IDLE_STATISTICS_INTERVAL,
            _ => self.began + STATISTICS_STEP * self.part,
        };
        let next = Deadline {
            at,
            reason: TimerReason::Statistics,
        };
        schedule.arm(Sleeper::Statistics(room), &mut self.armed, Some(next));
    }
}

/// Adds what was counted of a peer. Returns how many streams that was.
fn count_peer(now: Instant, key: PeerKey, tables: &mut Tables, out: &mut Statistics) -> usize {
    let Some(peer) = tables.peers.get(key) else {
        return 0;
    };
    out.peers.push(PeerStatistics {
        peer: peer.id,
        silence: peer.transport.silence(now),
        round_trip: peer.rtt(),
        traffic: peer.transport.traffic(),
        link: peer.sends.bandwidth.as_deref().map(|link| LinkStatistics {
            estimate: link.estimate(),
            target: link.target(),
            queue_delay: link.queue_delay(),
        }),
    });
    let mut streams = 1;
    for key in peer.receives.routes.publications() {
        if let Some(publication) = tables.publications.get_mut(key) {
            publication.take_statistics(&mut out.encodings);
            streams += 1;
        }
    }
    let subscriptions = (0..).map_while(|place| peer.sends.at(place));
    for key in subscriptions {
        let Some(subscription) = tables.subscriptions.get_mut(key) else {
            continue;
        };
        streams += 1;
        if let Some(publication) = tables.publications.get(subscription.publication) {
            let counted = subscription.take_statistics(now, publication);
            out.subscriptions.extend(counted);
        }
    }
    streams
}
