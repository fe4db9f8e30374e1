use std::time::Duration;

use sfu_model::Bitrate;

use crate::PerMille;

/// How one direction of a link treats packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkProfile {
    /// What its bottleneck carries; `None` for a link without one.
    pub rate: Option<Bitrate>,
    /// What may wait for the bottleneck.
    pub queue: QueueLimit,
    /// How long a packet travels at least, once it is through the bottleneck.
    pub delay: Duration,
    /// How much longer it may take. Order is kept.
    pub jitter: Duration,
    /// How many packets are lost, each for itself.
    pub loss: PerMille,
    /// Loss that comes in bursts.
    pub bursts: Option<Bursts>,
    /// How many arrive twice.
    pub duplication: PerMille,
    /// How many are held back by up to [`LinkProfile::DETOUR`] and overtaken meanwhile.
    pub reordering: PerMille,
}

/// Room of a drop-tail queue: what comes when it is full is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueLimit {
    /// Packets that would wait for longer find no room.
    Time(Duration),
    /// So many bytes may wait; a packet that need not wait always finds room.
    Bytes(u64),
}

impl QueueLimit {
    /// What home routers hold at the rate that they have, about.
    pub const DEFAULT: Self = Self::Time(Duration::from_millis(200));
}

impl Default for QueueLimit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Loss in bursts, after Gilbert and Elliott: a chain of two states, where only one of them loses packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// How often a packet begins a burst.
    pub begin: PerMille,
    /// How often a packet ends it: a burst lasts for 1,000 by this many packets on average.
    pub end: PerMille,
    /// How many packets are lost meanwhile.
    pub loss: PerMille,
}

impl LinkProfile {
    /// Longest time that a packet is held back which loses its place.
    pub const DETOUR: Duration = Duration::from_millis(30);

    /// A link that delivers everything at once.
    pub const IDEAL: Self = Self {
        rate: None,
        queue: QueueLimit::DEFAULT,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: PerMille(0),
        bursts: None,
        duplication: PerMille(0),
        reordering: PerMille(0),
    };

    /// A link that delivers everything in order, 20 ms later.
    pub const CLEAN: Self = Self {
        delay: Duration::from_millis(20),
        ..Self::IDEAL
    };

    /// A link on which nothing arrives.
    pub const CUT: Self = Self {
        loss: PerMille(1_000),
        ..Self::CLEAN
    };

    /// A clean link that loses so many packets.
    pub const fn losing(loss: PerMille) -> Self {
        Self {
            loss,
            ..Self::CLEAN
        }
    }
}
