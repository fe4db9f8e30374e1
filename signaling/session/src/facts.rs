//! What a room stands on: the node, its place, its options.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sfu_model::{
    Codec, NodeId, NodeIndex, ParticipantSid, Pausing, RoomIndex, RoomName, ShardIndex, UnixTime,
};

use crate::limits::MAX_ATTRIBUTES;
use crate::negotiation::TransportFacts;
use crate::proto;

/// The version that the server gives of itself: the release of LiveKit whose behaviour it has.
/// Clients compare it (calls between participants need 1.8.0), so it is not this crate's own.
pub const COMPATIBLE_VERSION: &str = "1.13.5";

/// What is true of the node, for all its rooms.
pub struct NodeFacts {
    /// The node's id.
    pub node: NodeId,
    /// The region that clients are told; may be empty.
    pub region: String,
    /// The ICE servers that a participant is told, as of a time: TURN credentials expire.
    pub ice_servers: Box<dyn IceServers>,
    /// Largest sizes of what participants and callers may set.
    pub limits: Limits,
    /// Whether an administrator may unmute a participant's track.
    pub enable_remote_unmute: bool,
    /// Whether a client whose media over UDP failed at once is reached over TCP.
    pub allow_tcp_fallback: bool,
    /// Whether video of a client that says nothing of it may be paused where its link has no room for it.
    pub pausing: Pausing,
}

impl fmt::Debug for NodeFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeFacts")
            .field("node", &self.node)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Names the ICE servers of a participant.
pub trait IceServers: Send + Sync {
    /// Returns the servers, with credentials for `participant` where they are personal.
    fn for_participant(&self, now: UnixTime, participant: &ParticipantSid)
    -> Vec<proto::IceServer>;
}

impl IceServers for Vec<proto::IceServer> {
    /// Returns the same servers for everybody.
    fn for_participant(&self, _: UnixTime, _: &ParticipantSid) -> Vec<proto::IceServer> {
        self.clone()
    }
}

/// Largest sizes in bytes. Zero means no limit, as in LiveKit's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Metadata of a room or a participant.
    pub metadata: usize,
    /// All keys and values of a participant's attributes.
    pub attributes: usize,
    /// A participant's display name.
    pub name: usize,
    /// Video subscriptions of one participant.
    pub video_subscriptions: usize,
    /// Audio subscriptions of one participant.
    pub audio_subscriptions: usize,
}

impl Limits {
    pub(crate) fn allow_name(&self, name: &str) -> bool {
        self.name == 0 || name.len() <= self.name
    }

    pub(crate) fn allow_metadata(&self, metadata: &str) -> bool {
        self.metadata == 0 || metadata.len() <= self.metadata
    }

    /// Keys and values count.
    pub(crate) fn allow_attributes<'a, M>(&self, attributes: M) -> bool
    where
        M: IntoIterator<Item = (&'a String, &'a String)>,
    {
        let mut count = 0;
        let sizes = attributes.into_iter().inspect(|_| count += 1);
        let bytes = sizes.map(|(key, value)| key.len() + value.len()).sum();
        count <= MAX_ATTRIBUTES && self.allow_attribute_bytes(bytes)
    }

    pub(crate) fn allow_attribute_bytes(&self, bytes: usize) -> bool {
        self.attributes == 0 || bytes <= self.attributes
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            metadata: 512 * 1024,
            attributes: 64 * 1024,
            name: 256,
            video_subscriptions: 0,
            audio_subscriptions: 0,
        }
    }
}

/// Where a room lives: its number, its shards, and how those are reached.
#[derive(Clone, Debug)]
pub struct RoomPlace {
    /// The number of its node, which all ids carry that the room hands out.
    pub node: NodeIndex,
    /// The room's number in the process.
    pub index: RoomIndex,
    /// The shard of its first participants, one of `shards`.
    pub home: ShardIndex,
    /// How many participants live there before further ones live on other shards too.
    pub home_participants: usize,
    /// Certificate and addresses of every shard, by [`ShardIndex`].
    pub shards: Arc<[Arc<TransportFacts>]>,
}

/// What a room is created with.
#[derive(Clone, Debug)]
pub struct RoomOptions {
    /// Its name.
    pub name: RoomName,
    /// How long it stays open when nobody has ever joined.
    pub empty_timeout: Duration,
    /// How long it stays open after the last participant left.
    pub departure_timeout: Duration,
    /// Whether what a participant publishes as one stream plays in step.
    pub sync_streams: bool,
    /// Most participants, not counting agents and recorders; zero for any number.
    pub max_participants: u32,
    /// How long it lasts at most, whoever is there.
    pub max_session_duration: Option<Duration>,
    /// Opaque text for the app.
    pub metadata: String,
    /// What becomes of a session when another of its identity is about to begin.
    pub duplicates: DuplicateIdentity,
    /// Codecs that may be published, and their restrictions, in LiveKit's order.
    pub codecs: Vec<EnabledCodec>,
}

/// What becomes of a session when another of its identity is about to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateIdentity {
    /// It ends, and the other begins, as in LiveKit.
    #[default]
    Replace,
    /// It goes on, and the other is refused, unless its client is cut off.
    Refuse,
}

/// A codec that a room accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnabledCodec {
    /// The codec.
    pub codec: Codec,
    /// Parameters that it is restricted to; empty for any.
    pub fmtp: String,
}

impl RoomOptions {
    /// Returns the options of a room that nothing was said about.
    pub fn new(name: RoomName) -> Self {
        const CODECS: [Codec; 9] = [
            Codec::Pcmu,
            Codec::Pcma,
            Codec::Opus,
            Codec::Red,
            Codec::Vp8,
            Codec::H264,
            Codec::Vp9,
            Codec::Av1,
            Codec::H265,
        ];
        let codecs = CODECS.map(|codec| EnabledCodec {
            codec,
            fmtp: String::new(),
        });
        Self {
            name,
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            sync_streams: false,
            max_participants: 0,
            max_session_duration: None,
            metadata: String::new(),
            duplicates: DuplicateIdentity::default(),
            codecs: codecs.into(),
        }
    }
}
