use std::time::Duration;

use crate::{
    Bitrate, Codec, PeerId, PictureSize, PublicationId, SpatialLayer, Step, SubscriptionId,
};

/// What a shard has counted of some peers of a room, and of what they send and get.
///
/// Counters begin with what they count and only grow, so that a later report makes an earlier one superfluous.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The peers.
    pub peers: Vec<PeerStatistics>,
    /// What they send; encodings of which nothing has come since they were told of last are left out.
    pub encodings: Vec<EncodingStatistics>,
    /// What they get; subscriptions of which nothing was sent or reported since then are left out.
    pub subscriptions: Vec<SubscriptionStatistics>,
}

impl Statistics {
    /// Reports whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.encodings.is_empty() && self.subscriptions.is_empty()
    }
}

/// How a peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatistics {
    /// The peer.
    pub peer: PeerId,
    /// How long nothing authenticated has come from it.
    pub silence: Duration,
    /// How far away it is, by its answers to sender reports.
    pub round_trip: Option<Duration>,
    /// What came from it and went to it since it began.
    pub traffic: Traffic,
    /// What its link carries, while it is sent video.
    pub link: Option<LinkStatistics>,
}

/// What came from somebody and went to it, in bytes of datagrams: without the headers of UDP and IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What came.
    pub received: u64,
    /// What went.
    pub sent: u64,
}

impl Traffic {
    /// Returns what is more than before.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            sent: self.sent.saturating_sub(before.sent),
        }
    }

    /// Adds that of another way.
    pub fn add(&mut self, other: Self) {
        self.received += other.received;
        self.sent += other.sent;
    }
}

/// What a subscriber's link carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStatistics {
    /// What it carries by all that was heard.
    pub estimate: Bitrate,
    /// What is meant to be sent: the layers that its tracks are granted, sound and repair.
    pub target: Bitrate,
    /// How long packets wait in queues on the way.
    pub queue_delay: Duration,
}

/// One encoding of a publication, as it comes. Its counters begin anew when it goes on as another SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingStatistics {
    /// The publication.
    pub publication: PublicationId,
    /// Which of its encodings, lowest first.
    pub encoding: SpatialLayer,
    /// The codec of the latest packet.
    pub codec: Option<Codec>,
    /// How many packets came, each once.
    pub packets: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// How many did not come, also not when they were asked for again.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// How many pictures came whose last packet did.
    pub pictures: u64,
    /// How large its pictures are, as far as key frames tell.
    pub size: Option<PictureSize>,
}

/// One peer's receipt of a publication. Its counters begin anew when it goes on as another SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionStatistics {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The codec that it is sent in.
    pub codec: Option<Codec>,
    /// How many packets were sent, each once.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// How many reports about them have come.
    pub reports: u64,
    /// How many were lost on the way by the reports, before any was sent again; what never came from the publisher
    /// aside.
    pub lost: u64,
    /// Interarrival jitter by the latest report.
    pub jitter: Duration,
    /// Round-trip time by the latest report that tells it.
    pub round_trip: Option<Duration>,
    /// The layers that are forwarded, of video.
    pub forwarded: Option<Step>,
    /// The highest layers that the publisher sends of those that are wanted; nothing if it sends none, or none is.
    pub wanted: Option<Step>,
    /// Whether it is paused, as the link has no room for it.
    pub paused: bool,
}
