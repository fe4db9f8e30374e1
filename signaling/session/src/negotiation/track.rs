//! What the room says of tracks to those who negotiate them.

use sfu_model::{Codec, Forwarding, MediaKind, SubscriptionId, TrackSid};

/// A codec as the publisher's description has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// The codec.
    pub codec: Codec,
    /// The parameters of `a=fmtp`, without the payload type. They tell H264's profile.
    pub fmtp: Option<String>,
}

/// What the room decided of a section in which the client publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishDecision {
    /// The track that the section carries.
    pub track: TrackSid,
    /// The codec to put first in the answer; as offered if `None` or not offered.
    pub preferred: Option<Codec>,
    /// Whether Opus may pause in silence: not `TF_NO_DTX`.
    pub dtx: bool,
    /// Whether Opus is wanted in stereo: `TF_STEREO`.
    pub stereo: bool,
    /// Whether redundant audio is wanted: put RED first.
    pub red: bool,
}

/// A subscription that wants a media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendTrack {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The first half of `a=msid`, and the CNAME: `PA_x|TR_x`, or `PA_x|<stream>` to play in step.
    pub stream_id: String,
    /// The second half of `a=msid`, and the value in `mid_to_track_id`.
    pub track_sid: TrackSid,
    /// Audio or video.
    pub kind: MediaKind,
    /// What the publication arrives in, preferred first.
    pub codecs: Vec<OfferedCodec>,
    /// Whether the publication is in stereo (`sprop-stereo=1`).
    pub stereo: bool,
    /// What is forwarded at first.
    pub forwarding: Forwarding,
}
