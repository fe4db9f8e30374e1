use std::sync::Arc;
use std::time::Instant;

use sfu_core::{Arrivals, ExportBatch, Shard, ShardConfig, Transmit};
use sfu_model::{Command, Destination, Event, Now, Path, PeerId, ShardIndex};
use sfu_transport::TransportConfig;

use crate::{Random, Seed};

/// The shards of a world. They share a port; at which of them a datagram comes in, the client's port
/// says, as a kernel would have it.
#[derive(Debug)]
pub(crate) struct Plane {
    shards: Vec<Shard>,
    /// What one shard has for another and that has not taken yet.
    batch: ExportBatch,
    /// From which to which.
    way: (ShardIndex, ShardIndex),
}

impl Plane {
    /// Makes `count` empty shards.
    pub(crate) fn new(seed: Seed, transport: TransportConfig, count: u16) -> Self {
        let mut config = ShardConfig::new(Arc::new(transport));
        config.shards = count;
        config.arrivals = Arrivals::Anywhere;
        // The first of the sources of randomness are the shards'.
        let shard = |index: u16| {
            let random = Random::new(seed, index.into()).bytes();
            Shard::new(ShardIndex(index), config.clone(), random)
        };
        Self {
            shards: (0..count).map(shard).collect(),
            batch: ExportBatch::default(),
            way: (ShardIndex(0), ShardIndex(0)),
        }
    }

    pub(crate) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Gives a command to the shards that it names.
    pub(crate) fn command(&mut self, now: Now, command: &Command) {
        let concerns = |shard: ShardIndex| match command.destination() {
            Destination::Shard(only) => shard == only,
            Destination::ShardsOf(peers) => peers.iter().any(|peer: &PeerId| peer.shard == shard),
        };
        for (index, shard) in (0..).map(ShardIndex).zip(&mut self.shards) {
            if concerns(index) {
                shard.handle_command(now, command.clone());
            }
        }
    }

    pub(crate) fn handle_datagram(&mut self, now: Now, path: Path, datagram: &mut [u8]) {
        let entrance = usize::from(path.remote.port()) % self.shards.len().max(1);
        if let Some(shard) = self.shards.get_mut(entrance) {
            shard.handle_datagram(now, path, datagram);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.shards.iter().filter_map(Shard::poll_timeout);
        deadlines.map(|deadline| deadline.at).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        for shard in &mut self.shards {
            let deadline = shard.poll_timeout();
            if deadline.is_some_and(|deadline| deadline.at <= now.mono) {
                shard.handle_timeout(now);
            }
        }
    }

    /// Returns what is to be sent next, and carries over what shards have for each other meanwhile.
    pub(crate) fn poll_transmit(&mut self, now: Now, buf: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            let mut shards = self.shards.iter_mut();
            let transmit = shards.find_map(|shard| shard.poll_transmit(now, buf));
            if transmit.is_some() {
                return transmit;
            }
            let worked = self.shards.iter_mut().any(|shard| shard.work(now));
            if !worked && !self.exchange(now) {
                return None;
            }
        }
    }

    /// Carries over what one shard has for another, as far as that takes it. Returns whether there
    /// was anything.
    fn exchange(&mut self, now: Now) -> bool {
        if self.batch.is_empty() {
            let Some(way) = self.next_export() else {
                return false;
            };
            self.way = way;
        }
        let (from, to) = self.way;
        if let Some(shard) = self.shards.get_mut(usize::from(to.0)) {
            shard.handle_export(now, from, &mut self.batch);
        }
        true
    }

    fn next_export(&mut self) -> Option<(ShardIndex, ShardIndex)> {
        let count = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        let mut shards = (0..).map(ShardIndex).zip(&mut self.shards);
        shards.find_map(|(from, shard)| {
            let mut others = (0..count).map(ShardIndex);
            let to = others.find(|to| shard.poll_export(*to, &mut self.batch))?;
            Some((from, to))
        })
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.shards.iter_mut().find_map(Shard::poll_event)
    }
}
