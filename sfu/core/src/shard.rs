//! The shard itself: its tables, and what the driver calls between two pieces of work.

use std::sync::Arc;
use std::time::Duration;

use sfu_model::{Event, Now, Path, ShardIndex, SpatialLayer};
use sfu_rtp::AudioLevelParameters;
use sfu_transport::TransportConfig;

use crate::census::Census;
use crate::data_queue::DataWork;
use crate::directory::Directory;
use crate::export::Exports;
use crate::fan_outs::FanOuts;
use crate::levels::Levels;
use crate::output::Output;
use crate::paths::Paths;
use crate::seed::Seed;
use crate::tables::Tables;
use crate::timers::Schedule;
use crate::{Counters, Deadline, Transmit};

/// What all peers of a shard share.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// The DTLS certificate of the process.
    pub transport: Arc<TransportConfig>,
    /// Least time between two requests for a key frame of one encoding, lowest layer first.
    pub key_frame_interval: [Duration; SpatialLayer::COUNT],
    /// When an audio publication counts as audible. Its window is how often levels are reported.
    pub audio_levels: AudioLevelParameters,
    /// How many shards the media plane has.
    pub shards: u16,
    /// At which of them datagrams arrive.
    pub arrivals: Arrivals,
}

/// At which shard the datagrams of a peer arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// At the peer's own: each has ports of its own.
    AtOwner,
    /// At any: all share a port. What arrives elsewhere is handed over.
    Anywhere,
}

impl ShardConfig {
    /// Returns LiveKit's defaults, for a media plane of one shard.
    pub fn new(transport: Arc<TransportConfig>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            transport,
            key_frame_interval: [second / 2, second, second],
            audio_levels: AudioLevelParameters::default(),
            shards: 1,
            arrivals: Arrivals::AtOwner,
        }
    }
}

/// Peers, publications and subscriptions of one thread.
#[derive(Debug)]
pub struct Shard {
    pub(crate) index: ShardIndex,
    pub(crate) config: ShardConfig,
    pub(crate) seed: Seed,
    pub(crate) directory: Directory,
    pub(crate) tables: Tables,
    pub(crate) levels: Levels,
    pub(crate) census: Census,
    pub(crate) schedule: Schedule,
    pub(crate) output: Output,
    pub(crate) exports: Exports,
    pub(crate) fan_outs: FanOuts,
    pub(crate) data_work: DataWork,
    pub(crate) paths: Paths,
}

impl Shard {
    /// Makes the empty shard `index` of those that `config` counts. `seed` is fresh randomness: numbers on the wire and the secrets of
    /// transports derive from it.
    pub fn new(index: ShardIndex, config: ShardConfig, seed: [u8; 32]) -> Self {
        Self {
            index,
            exports: Exports::new(index, config.shards),
            levels: Levels::new(index, config.audio_levels),
            census: Census::new(index),
            config,
            seed: Seed::new(seed),
            directory: Directory::default(),
            paths: Paths::default(),
            tables: Tables::default(),
            schedule: Schedule::default(),
            output: Output::default(),
            fan_outs: FanOuts::default(),
            data_work: DataWork::default(),
        }
    }

    /// Writes the next datagrams for one destination into `buf`, replacing what it held (the
    /// buffer itself is exchanged for another). `None`: nothing is left to send.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut Vec<u8>) -> Option<Transmit> {
        let transmit = loop {
            if let Some(transmit) = self.output.transmit.pop(buf) {
                break transmit;
            }
            if !self.next_fan_out(now) {
                buf.clear();
                return None;
            }
        };
        let counters = &mut self.output.counters;
        counters.datagrams_out += transmit.layout.count(buf.len()) as u64;
        counters.bytes_out += transmit.layout.datagram_bytes(buf.len()) as u64;
        Some(transmit)
    }

    /// Reports whether so much waits to be sent that it should be drained before more is handled.
    pub fn is_backlogged(&self) -> bool {
        self.output.transmit.is_half_full() || self.fan_outs.is_full()
    }

    /// Returns the path of an ICE-TCP connection that leads to no peer any more: it can be closed, after what
    /// [`Shard::poll_transmit`] has for it.
    pub fn poll_left_path(&mut self) -> Option<Path> {
        self.paths.poll_left()
    }

    /// Returns the next event for the control plane.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.output.events.pop_front()
    }

    /// Returns when [`Shard::handle_timeout`] must be called next.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.schedule.next()
    }

    /// Returns what was counted.
    pub fn counters(&self) -> &Counters {
        &self.output.counters
    }

    /// Brings the gauges up to date after something was added or removed.
    pub(crate) fn count_held(&mut self) {
        let counters = &mut self.output.counters;
        counters.peers = self.tables.peers.len();
        counters.publications = self.tables.publications.len();
        counters.subscriptions = self.tables.subscriptions.len();
    }
}
