//! A session description as we read and write it.

use sfu_model::{ExtensionMap, Fingerprint, IceCredentials, MediaKind, Mid, Rid, Ssrc};

use super::payload::Payload;

/// A session description (RFC 8866) as far as WebRTC uses it: one bundled transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// The transport of the bundle.
    pub(super) transport: TransportDescription,
    /// `a=extmap-allow-mixed`: one- and two-byte header extensions may alternate (RFC 8285).
    pub(super) mixed_extensions: bool,
    /// In the order of their `m=` lines.
    pub(super) sections: Vec<Section>,
}

/// What a description says of its sender's transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransportDescription {
    /// `a=ice-ufrag` and `a=ice-pwd`.
    pub(super) ice: IceCredentials,
    /// `a=fingerprint:sha-256`.
    pub(super) fingerprint: Fingerprint,
    /// `a=setup`.
    pub(super) setup: Setup,
}

/// DTLS role (RFC 8842 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// Either, as the other side likes.
    ActPass,
    /// DTLS client.
    Active,
    /// DTLS server.
    Passive,
}

impl Setup {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// One `m=` line and its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// `a=mid`. Only a rejected section may lack one.
    pub(super) mid: Option<Mid>,
    /// The `m=` line's own words.
    pub(super) line: MediaLine,
    /// What the section is for.
    pub(super) content: Content,
}

impl Section {
    /// Returns the audio or video of the section.
    pub(super) fn media(&self) -> Option<(Mid, &Media)> {
        match &self.content {
            Content::Media(media) => Some((self.mid?, media)),
            Content::DataChannels | Content::Rejected => None,
        }
    }
}

/// The words of an `m=` line, except its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MediaLine {
    /// `audio`, `video`, `application`.
    pub(super) media: String,
    /// `UDP/TLS/RTP/SAVPF`, `UDP/DTLS/SCTP`.
    pub(super) protocol: String,
    /// Payload types, or `webrtc-datachannel`.
    pub(super) formats: String,
}

/// What a section is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// RTP in the bundle.
    Media(Media),
    /// SCTP in the bundle (RFC 8841).
    DataChannels,
    /// Port 0, or something that cannot be served: it stays only so that others keep their place.
    Rejected,
}

/// Audio or video of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) kind: MediaKind,
    pub(super) direction: Direction,
    /// Preferred first. One that names no codec of ours is left out.
    pub(super) payloads: Vec<Payload>,
    pub(super) extensions: ExtensionMap,
    /// `a=simulcast`: rids that the client sends and we receive, in its order.
    pub(super) simulcast: Vec<Rid>,
    /// `a=rid`: how large a picture the client sends as each of them, where it says so.
    pub(super) sizes: Vec<(Rid, EncodingSize)>,
    /// `a=msid`.
    pub(super) msid: Option<Msid>,
    /// `a=ssrc`, lowest layer first.
    pub(super) streams: Vec<Stream>,
}

/// How large an encoding may be (RFC 8851 section 5): what it is restricted to tells it from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EncodingSize {
    /// `max-width` times `max-height`, or `max-fs`, in pixels.
    pub(super) pixels: Option<u64>,
    /// `max-br`, in bit/s.
    pub(super) bitrate: Option<u64>,
}

/// `a=msid:<stream> <track>` (RFC 8830).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Msid {
    /// `-` says that there is none.
    pub(super) stream: String,
    pub(super) track: Option<String>,
}

/// An RTP stream that is named by SSRC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) ssrc: Ssrc,
    /// The other SSRC of `a=ssrc-group:FID`.
    pub(super) rtx: Option<Ssrc>,
    /// The other SSRC of `a=ssrc-group:FEC-FR` (RFC 8627 section 5.1); never of what we send.
    pub(super) flexfec: Option<Ssrc>,
    /// `a=ssrc:… cname:…`.
    pub(super) cname: String,
}

/// Who sends in a section, seen by the side that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    const ALL: [Self; 4] = [
        Self::SendRecv,
        Self::SendOnly,
        Self::RecvOnly,
        Self::Inactive,
    ];

    pub(super) fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|direction| direction.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(super) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// Returns the word of an `m=` line for `kind`.
pub(super) fn media_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}
