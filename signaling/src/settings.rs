use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use signaling_protocol::proto;
use signaling_session::{DuplicateIdentity, EnabledCodec};

use crate::load::LoadLimits;

/// What the operator sets for all rooms of the node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether a join creates a room that does not exist.
    pub auto_create: bool,
    /// How long a room stays open when nobody has ever joined.
    pub empty_timeout: Duration,
    /// How long a room stays open after the last participant left.
    pub departure_timeout: Duration,
    /// Whether what one participant publishes together plays in step.
    pub sync_streams: bool,
    /// Most participants of a room; zero for any number.
    pub max_participants: u32,
    /// How long a room lasts at most.
    pub max_session_duration: Option<Duration>,
    /// How many participants of a room live on its home shard before further ones live on others.
    pub home_participants: usize,
    /// Codecs that may be published.
    pub codecs: Vec<EnabledCodec>,
    /// What becomes of a session when another of its identity is about to begin.
    pub duplicates: DuplicateIdentity,
    /// Named sets of room options.
    pub presets: BTreeMap<String, Preset>,
    /// Largest sizes of names.
    pub limits: NameLimits,
    /// The load at which nobody else is let in.
    pub load: LoadLimits,
    /// Largest signalling message in bytes.
    pub max_signal_message: usize,
    /// Proxies that say truly where a client is.
    pub trusted_proxies: Vec<IpNet>,
}

/// A named set of room options. What it does not say is as [`Settings`] say.
#[derive(Clone, Debug, Default)]
pub struct Preset {
    /// What LiveKit has in one.
    pub configuration: proto::RoomConfiguration,
    /// What becomes of a session when another of its identity is about to begin.
    pub duplicates: Option<DuplicateIdentity>,
    /// How long a room lasts at most.
    pub max_session_duration: Option<Duration>,
}

/// Largest sizes in bytes; zero for no limit.
#[derive(Clone, Copy, Debug)]
pub struct NameLimits {
    /// A room's name.
    pub room_name: usize,
    /// A participant's identity.
    pub identity: usize,
    /// Metadata of a room.
    pub metadata: usize,
}

impl NameLimits {
    /// Reports whether metadata is longer than allowed.
    pub fn metadata_exceeded(&self, metadata: &str) -> bool {
        self.metadata > 0 && metadata.len() > self.metadata
    }
}
