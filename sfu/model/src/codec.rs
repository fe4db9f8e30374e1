/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A payload format that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Redundant audio around Opus (RFC 2198).
    Red,
    /// G.711 mu-law (RFC 3551).
    Pcmu,
    /// G.711 A-law (RFC 3551).
    Pcma,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// The AOM's "RTP Payload Format For AV1".
    Av1,
}

impl Codec {
    /// Returns the kind of media that it carries.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Opus | Self::Red | Self::Pcmu | Self::Pcma => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => MediaKind::Video,
        }
    }

    /// Returns what it is without redundancy around it: the Opus in RED, else itself.
    pub fn without_redundancy(self) -> Self {
        if self == Self::Red { Self::Opus } else { self }
    }

    /// Returns the encoding name of `a=rtpmap`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Red => "red",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        }
    }

    /// Returns the codec of an encoding name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [Codec; 9] = [
            Codec::Opus,
            Codec::Red,
            Codec::Pcmu,
            Codec::Pcma,
            Codec::Vp8,
            Codec::Vp9,
            Codec::H264,
            Codec::H265,
            Codec::Av1,
        ];
        ALL.into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// Returns the MIME type as LiveKit's messages write it: the name as RTP's registry has it.
    pub fn mime_type(self) -> &'static str {
        match self {
            Self::Opus => "audio/opus",
            Self::Red => "audio/red",
            Self::Pcmu => "audio/PCMU",
            Self::Pcma => "audio/PCMA",
            Self::Vp8 => "video/VP8",
            Self::Vp9 => "video/VP9",
            Self::H264 => "video/H264",
            Self::H265 => "video/H265",
            Self::Av1 => "video/AV1",
        }
    }

    /// Returns the RTP clock rate in Hz.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus | Self::Red => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => 90_000,
        }
    }

    /// Reports whether one RTP stream carries several spatial layers.
    pub fn is_svc(self) -> bool {
        matches!(self, Self::Vp9 | Self::Av1)
    }
}
