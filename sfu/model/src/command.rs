use std::sync::Arc;

use crate::{
    Bitrate, Codec, DataChannel, DataMessage, DtlsRole, ExtensionMap, Fingerprint, IceCredentials,
    Importance, MediaKind, Mid, PayloadType, PeerId, PublicationId, Rid, ShardIndex, SpatialLayer,
    Ssrc, SubscriptionId, TemporalLayer, Token,
};

/// What the control plane asks of the shards; [`Command::destination`] says of which.
///
/// Commands about an id that has gone are dropped: the other side may have heard of its end later.
#[derive(Clone, Debug)]
pub enum Command {
    /// Adds a peer. It answers ICE checks from here on, as ICE-lite, by `local`.
    AddPeer {
        /// The id that the control plane gave it.
        peer: PeerId,
        /// Our credentials; the ufrag is unique in the process and leads datagrams to the peer.
        local: IceCredentials,
        /// Who opens the data channels.
        data_channels: DataChannelOpener,
    },
    /// Sets what the peer's description says of its transport. DTLS begins with the first; a later
    /// one tells of restarted ICE.
    SetRemote {
        /// The peer.
        peer: PeerId,
        /// Its credentials.
        remote: IceCredentials,
        /// The certificate that it will show.
        fingerprint: Fingerprint,
        /// The side of the handshake that it leaves to us.
        role: DtlsRole,
    },
    /// Replaces our credentials: ICE restarts, DTLS and media go on (RFC 8445 section 9). Checks by
    /// the old credentials are answered until one by the new ones came.
    RestartIce {
        /// The peer.
        peer: PeerId,
        /// Our new credentials.
        local: IceCredentials,
    },
    /// Closes the transport and drops all that hangs on it.
    RemovePeer {
        /// The peer.
        peer: PeerId,
    },
    /// Has a peer belong to another room, on the same shard, under another id: its transport and what it publishes go
    /// on. Whoever subscribed to that, and what it subscribed to, belongs to the room that it leaves, and ends.
    MovePeer {
        /// The peer as it was called.
        peer: PeerId,
        /// As it is called from here on.
        to: PeerId,
        /// What it publishes, as it was called and as it is called from here on. What is not listed ends.
        publications: Vec<(PublicationId, PublicationId)>,
    },
    /// Receives a publication, or replaces how it is received.
    Publish {
        /// The id that the control plane gave it.
        publication: PublicationId,
        /// Who sends it.
        peer: PeerId,
        /// Its media section.
        media: ReceiveMedia,
    },
    /// Ends a publication and its subscriptions.
    Unpublish {
        /// The publication.
        publication: PublicationId,
    },
    /// Sends a publication to a peer, or replaces how it is sent.
    Subscribe {
        /// The id that the control plane gave it.
        subscription: SubscriptionId,
        /// What to send.
        publication: PublicationId,
        /// To whom.
        peer: PeerId,
        /// Its media section there.
        media: SendMedia,
    },
    /// Ends a subscription. Its media section can then carry another one.
    Unsubscribe {
        /// The subscription.
        subscription: SubscriptionId,
    },
    /// Sets which layers a subscription forwards.
    SetForwarding {
        /// The subscription.
        subscription: SubscriptionId,
        /// The layers.
        forwarding: Forwarding,
    },
    /// Has a peer's link taken to carry no more than this, whatever it carries.
    CapLink {
        /// The peer.
        peer: PeerId,
        /// The most; `None` to go by the link again.
        most: Option<Bitrate>,
    },
    /// Sets whose cameras come first in a room, on links that do not carry all: of those who speak.
    SetSpeakers {
        /// The cameras, in place of those before.
        publications: Arc<[PublicationId]>,
        /// One peer of the room on each of its shards.
        peers: Arc<[PeerId]>,
    },
    /// Sends a message on a data channel to each of `peers`, one after the other while other work goes
    /// on. A channel that is not open yet queues reliable messages and drops lossy ones.
    SendData {
        /// The receivers. Each shard sends to those that live on it.
        peers: Arc<[PeerId]>,
        /// The channel.
        channel: DataChannel,
        /// The message.
        message: DataMessage,
    },
}

/// Which shards carry a command out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// This one.
    Shard(ShardIndex),
    /// Each that any of these peers lives on.
    ShardsOf(&'a [PeerId]),
}

impl Command {
    /// Returns which shards carry the command out.
    pub fn destination(&self) -> Destination<'_> {
        Destination::Shard(match self {
            Self::AddPeer { peer, .. }
            | Self::SetRemote { peer, .. }
            | Self::RestartIce { peer, .. }
            | Self::RemovePeer { peer }
            | Self::MovePeer { peer, .. }
            | Self::CapLink { peer, .. }
            | Self::Publish { peer, .. }
            | Self::Subscribe { peer, .. } => peer.shard,
            Self::Unpublish { publication } => publication.shard,
            Self::Unsubscribe { subscription } | Self::SetForwarding { subscription, .. } => {
                subscription.shard
            }
            Self::SetSpeakers { peers, .. } | Self::SendData { peers, .. } => {
                return Destination::ShardsOf(peers);
            }
        })
    }
}

/// Who opens LiveKit's data channels of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataChannelOpener {
    /// The peer; we answer on its channels.
    Peer,
    /// We open `_reliable`, `_lossy` and `_data_track` (the subscriber transport of two).
    Server,
}

/// One payload type and what it stands for in a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecBinding {
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: PayloadType,
    /// The payload type of its retransmissions (RFC 4588), if negotiated.
    pub rtx: Option<PayloadType>,
}

/// How a publication is received: one media section of the publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveMedia {
    /// Audio or video.
    pub kind: MediaKind,
    /// The media section.
    pub mid: Mid,
    /// Payload types, preferred first.
    pub codecs: Vec<CodecBinding>,
    /// The payload type of packets that repair lost ones (FlexFEC-03), if negotiated.
    pub flexfec: Option<PayloadType>,
    /// Header extensions.
    pub extensions: ExtensionMap,
    /// RTP streams of the section, lowest layer first as far as is known; at most [`SpatialLayer::COUNT`].
    pub encodings: Vec<ReceiveEncoding>,
    /// Whether that is known.
    pub layer_order: LayerOrder,
    /// Whether lost packets are asked for again (`a=rtcp-fb nack`).
    pub nack: bool,
    /// Whether arrival times are reported back (`a=rtcp-fb transport-cc`).
    pub transport_cc: bool,
}

impl ReceiveMedia {
    /// Returns what holds of a publication of which only the kind is known yet: no packet fits it.
    pub fn unknown(kind: MediaKind) -> Self {
        Self {
            kind,
            mid: Mid(Token::default()),
            codecs: Vec::new(),
            flexfec: None,
            extensions: ExtensionMap::default(),
            encodings: Vec::new(),
            layer_order: LayerOrder::Known,
            nack: false,
            transport_cc: false,
        }
    }
}

/// Whether it is known which RTP stream of a section is which layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerOrder {
    /// Something said so.
    Known,
    /// They are listed as they were found. [`crate::Event::PictureSized`] says how large each is; another
    /// [`Command::Publish`] may then list them otherwise.
    Unknown,
}

/// One RTP stream of a publication: found by SSRC, by rid, or by its section alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveEncoding {
    /// The rid of `a=simulcast`.
    pub rid: Option<Rid>,
    /// The SSRC of `a=ssrc`.
    pub ssrc: Option<Ssrc>,
    /// The SSRC of its retransmissions (`a=ssrc-group:FID`).
    pub rtx_ssrc: Option<Ssrc>,
    /// The SSRC of the packets that repair it (`a=ssrc-group:FEC-FR`).
    pub flexfec_ssrc: Option<Ssrc>,
}

/// How a subscription is sent: one media section of the subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendMedia {
    /// The media section.
    pub mid: Mid,
    /// The SSRC that all layers are sent as.
    pub ssrc: Ssrc,
    /// The SSRC of retransmissions, if negotiated.
    pub rtx_ssrc: Option<Ssrc>,
    /// Payload types, preferred first. A packet of a codec that is not here is not sent.
    pub codecs: Vec<CodecBinding>,
    /// Header extensions.
    pub extensions: ExtensionMap,
    /// Whether the subscriber may ask for lost packets again.
    pub nack: bool,
    /// `CNAME` of our sender reports (RFC 3550 section 6.5.1); shared by what plays in step.
    pub cname: String,
    /// What is forwarded at first.
    pub forwarding: Forwarding,
    /// What is sent while the publication sends nothing yet.
    pub opening: Opening,
    /// How much it matters beside what else the peer is sent.
    pub importance: Importance,
    /// Whether nothing may be sent where the peer's link does not carry the least of it.
    pub pausing: Pausing,
    /// Whether sound is sent with more redundancy than it comes with where some of it is lost.
    pub redundancy: RedundancyPolicy,
}

/// With how much redundancy Opus is sent (RED, RFC 2198) to those who take that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedundancyPolicy {
    /// With more than it comes with while the subscriber loses some.
    #[default]
    ByLoss,
    /// As it comes: it is encrypted end to end, or its publisher wants none.
    AsItComes,
}

/// Whether video may be paused where a link has no room for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pausing {
    /// Its lowest layer is sent, whatever becomes of it.
    #[default]
    Never,
    /// The subscriber is told so.
    Allowed,
}

/// What a subscription begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// The first packet of the publication, whenever that comes.
    #[default]
    Media,
    /// Padding, or silence, from a moment after it began until the first packet comes, but not for long: the subscriber
    /// knows a track by its first packet.
    Padding,
}

impl SendMedia {
    /// Returns whether it is audio or video.
    pub fn kind(&self) -> MediaKind {
        let first = self.codecs.first();
        first.map_or(MediaKind::Video, |binding| binding.codec.kind())
    }
}

/// Which layers of a publication a subscription forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Nothing.
    Paused,
    /// The highest layers that arrive, up to these.
    UpTo {
        /// Highest spatial layer.
        spatial: SpatialLayer,
        /// Highest temporal layer.
        temporal: TemporalLayer,
    },
}
