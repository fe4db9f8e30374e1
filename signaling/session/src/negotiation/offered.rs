//! What a client's offer says.

use sfu_model::{Fingerprint, IceCredentials, MediaKind, Mid, ReceiveEncoding};

use super::OfferedCodec;

/// What an accepted offer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The client's credentials.
    pub ice: IceCredentials,
    /// Of the client's certificate.
    pub fingerprint: Fingerprint,
    /// Whether the credentials differ from those of the last offer. The answer must then carry
    /// other credentials of ours: see [`Answerer::restart_ice`](super::Answerer::restart_ice).
    pub ice_restarted: bool,
    /// Audio and video sections that are not rejected, in their order.
    pub sections: Vec<OfferedSection>,
    /// Whether data channels are offered.
    pub data_channels: bool,
}

/// An audio or video section of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSection {
    /// Its identifier.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// Whether the client sends in it. A section that did and does not do so has been unpublished,
    /// as has one that is not listed any more.
    pub publishes: bool,
    /// The stream of `a=msid`, if any (`-` counts as none).
    pub stream_id: Option<String>,
    /// The track of `a=msid`: the `cid` of the client's request, mostly.
    pub track_id: Option<String>,
    /// RTP streams that are named, lowest layer first.
    pub encodings: Vec<ReceiveEncoding>,
    /// Codecs that are offered and that the client may publish in, preferred first.
    pub codecs: Vec<OfferedCodec>,
}
