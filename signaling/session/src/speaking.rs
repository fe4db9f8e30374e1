//! Which cameras shards are told to be those of speakers.

use std::collections::{BTreeMap, BTreeSet};

use sfu_model::{Command, Now, PeerId, ShardIndex};

use crate::floor::Foreground;
use crate::proto::TrackSource;
use crate::{Room, TimerReason};

impl Room {
    /// Takes note of who speaks by now.
    pub(crate) fn follow_floor(&mut self, now: Now) {
        let speaking = self.speakers.speaking().collect();
        self.floor.note(now.mono, &speaking);
        self.settle_floor(now);
    }

    /// Gives and takes the floor, and tells the shards whose cameras come first if those are others than before.
    pub(crate) fn settle_floor(&mut self, now: Now) {
        self.floor.settle(now.mono);
        match self.floor.next() {
            Some(at) => self.timers.set(TimerReason::Floor, at),
            None => self.timers.cancel(&TimerReason::Floor),
        }
        if self.floor.is_nobodys() {
            return;
        }
        let holders: BTreeSet<_> = self.floor.holders().collect();
        let tracks = self.tracks.iter();
        let cameras = tracks.filter(|track| {
            track.info.source() == TrackSource::Camera && holders.contains(&track.publisher)
        });
        let streams = cameras.flat_map(|track| &track.streams);
        let cameras = streams.map(|stream| stream.publication).collect();
        // One peer stands for its shard.
        let peers = self.roster.iter().map(|it| it.transports.send_peer());
        let peers: BTreeMap<ShardIndex, PeerId> = peers.map(|peer| (peer.shard, peer)).collect();
        let shards = peers.keys().copied().collect();
        if let Some(publications) = self.floor.tell(Foreground { cameras, shards }) {
            self.outputs.media(Command::SetSpeakers {
                publications,
                peers: peers.into_values().collect(),
            });
        }
    }
}
