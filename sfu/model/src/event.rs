use crate::{
    Codec, DataChannel, DataMessage, PeerId, PictureSize, PublicationId, Rid, RoomIndex,
    ShardIndex, Ssrc, Statistics, SubscriptionId,
};

/// What a shard tells the control plane.
#[derive(Clone, Debug)]
pub enum Event {
    /// ICE and DTLS are up: media flows.
    PeerConnected {
        /// The peer.
        peer: PeerId,
        /// What its packets travel in.
        protocol: LinkProtocol,
    },
    /// Nothing authenticated has come for 10 s; the transport is kept.
    PeerSilent {
        /// The peer.
        peer: PeerId,
    },
    /// Packets of a silent peer come again.
    PeerResumed {
        /// The peer.
        peer: PeerId,
    },
    /// The transport is over. The shard keeps nothing of it; no `RemovePeer` is needed.
    PeerClosed {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: CloseReason,
    },
    /// Packets of a publication are of another codec than was told last; before anything was told, than
    /// the first that its description lists. RED and the Opus in it count as one.
    CodecChanged {
        /// The publication.
        publication: PublicationId,
        /// What its packets are.
        codec: Codec,
    },
    /// An encoding of a publication sends, or sends on, as an SSRC that its description does not declare.
    EncodingStarted {
        /// The publication.
        publication: PublicationId,
        /// The encoding; `None` is the only one.
        rid: Option<Rid>,
        /// What its packets come as.
        ssrc: Ssrc,
    },
    /// Pictures of an encoding are of another size than was told last. It is told of publications of which
    /// [`crate::LayerOrder`] is not known, as far as their codec's key frames can be read.
    PictureSized {
        /// The publication.
        publication: PublicationId,
        /// The encoding.
        rid: Rid,
        /// How large its pictures are.
        size: PictureSize,
    },
    /// Nothing is sent of a subscription any more, as its peer's link has no room for it.
    SubscriptionPaused {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// It is sent again.
    SubscriptionResumed {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// A data channel can be written to.
    DataChannelOpened {
        /// The peer.
        peer: PeerId,
        /// The channel.
        channel: DataChannel,
    },
    /// A binary message came on a data channel.
    DataReceived {
        /// The peer.
        peer: PeerId,
        /// The channel.
        channel: DataChannel,
        /// The message. What it holds of its sender's budget holds the sender back: drop it when the
        /// message is done with.
        message: DataMessage,
    },
    /// How loud the audio publications of a room on one shard were since the last report, every
    /// 400 ms; those without audible packets are left out, and an empty list follows the last audible
    /// one.
    AudioLevels {
        /// The room.
        room: RoomIndex,
        /// Who reports: each shard tells of its own publications alone.
        shard: ShardIndex,
        /// The loudest first.
        levels: Vec<(PublicationId, AudioLevel)>,
    },
    /// What was counted of the peers of a room on one shard, and of what they send and get: of each once a second, in
    /// parts that are short enough not to delay packets.
    Statistics {
        /// The room.
        room: RoomIndex,
        /// Who reports.
        shard: ShardIndex,
        /// Which part of the room's report: the same one of the next second makes it superfluous.
        part: u32,
        /// What was counted.
        streams: Box<Statistics>,
    },
}

impl Event {
    /// Returns which peer the event is about, if it is about one.
    pub fn peer_mut(&mut self) -> Option<&mut PeerId> {
        match self {
            Self::PeerConnected { peer, .. }
            | Self::PeerSilent { peer }
            | Self::PeerResumed { peer }
            | Self::PeerClosed { peer, .. }
            | Self::DataChannelOpened { peer, .. }
            | Self::DataReceived { peer, .. } => Some(peer),
            Self::CodecChanged { .. }
            | Self::EncodingStarted { .. }
            | Self::PictureSized { .. }
            | Self::SubscriptionPaused { .. }
            | Self::SubscriptionResumed { .. }
            | Self::AudioLevels { .. }
            | Self::Statistics { .. } => None,
        }
    }

    /// Returns which publication the event is about, if it is about one.
    pub fn publication_mut(&mut self) -> Option<&mut PublicationId> {
        match self {
            Self::CodecChanged { publication, .. }
            | Self::EncodingStarted { publication, .. }
            | Self::PictureSized { publication, .. } => Some(publication),
            Self::PeerConnected { .. }
            | Self::PeerSilent { .. }
            | Self::PeerResumed { .. }
            | Self::PeerClosed { .. }
            | Self::DataChannelOpened { .. }
            | Self::DataReceived { .. }
            | Self::SubscriptionPaused { .. }
            | Self::SubscriptionResumed { .. }
            | Self::AudioLevels { .. }
            | Self::Statistics { .. } => None,
        }
    }

    /// Returns the room that the event is for.
    pub fn room(&self) -> RoomIndex {
        match self {
            Self::PeerConnected { peer, .. }
            | Self::PeerSilent { peer }
            | Self::PeerResumed { peer }
            | Self::PeerClosed { peer, .. }
            | Self::DataChannelOpened { peer, .. }
            | Self::DataReceived { peer, .. } => peer.room,
            Self::CodecChanged { publication, .. }
            | Self::EncodingStarted { publication, .. }
            | Self::PictureSized { publication, .. } => publication.room,
            Self::SubscriptionPaused { subscription }
            | Self::SubscriptionResumed { subscription } => subscription.room,
            Self::AudioLevels { room, .. } | Self::Statistics { room, .. } => *room,
        }
    }
}

/// What carries a peer's datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkProtocol {
    /// UDP.
    Udp,
    /// ICE-TCP, framed by RFC 4571.
    Tcp,
}

/// Why a shard closed a transport by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Nothing authenticated came for 15 s.
    TimedOut,
    /// DTLS failed: no common parameters, or a certificate other than the one announced.
    HandshakeFailed,
    /// The peer closed DTLS.
    ClosedByPeer,
    /// The peer broke the rules of SCTP or its data channels.
    DataChannelFailed,
    /// The peer took next to none of the reliable messages for it for 5 s, while senders were held back
    /// for its sake.
    DataStalled,
    /// A fault of ours while handling the peer's input; only this peer is given up.
    InternalFault,
}

/// Loudness on LiveKit's scale: `0.0` silent, `1.0` loudest (0 dBov).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct AudioLevel(pub f32);
