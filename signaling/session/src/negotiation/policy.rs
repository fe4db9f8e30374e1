//! What a transport's client may publish and be sent, and how it reports.

use sfu_model::Codec;

use super::codecs;

/// Which codecs and feedback a transport of this client uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecPolicy {
    /// Codecs that the room enables, in its order.
    pub enabled: Vec<Codec>,
    /// Parameters (`a=fmtp`) that the room restricts a codec to: one line of those that name it.
    /// A codec without a line is not restricted.
    pub restricted: Vec<(Codec, String)>,
    /// Codecs that this client must not publish in.
    pub publish_disabled: Vec<Codec>,
    /// Codecs that this client must not be sent.
    pub subscribe_disabled: Vec<Codec>,
    /// Whether lost video is retransmitted as RFC 4588 has it.
    pub rtx: bool,
    /// The client ignores the order of codecs in an answer: answer with the preferred one alone.
    pub preferred_codec_alone: bool,
    /// Whether a section can be used again after its subscription ended.
    pub reuse_sections: bool,
}

impl Default for CodecPolicy {
    /// LiveKit's defaults, for a client without quirks.
    fn default() -> Self {
        Self {
            enabled: vec![
                Codec::Pcmu,
                Codec::Pcma,
                Codec::Opus,
                Codec::Red,
                Codec::Vp8,
                Codec::H264,
                Codec::Vp9,
                Codec::Av1,
                Codec::H265,
            ],
            restricted: Vec::new(),
            publish_disabled: Vec::new(),
            subscribe_disabled: Vec::new(),
            rtx: true,
            preferred_codec_alone: false,
            reuse_sections: true,
        }
    }
}

impl CodecPolicy {
    /// Reports whether the client may publish in `codec`.
    pub fn may_publish(&self, codec: Codec) -> bool {
        self.enabled.contains(&codec) && !self.publish_disabled.contains(&codec)
    }

    /// Reports whether the client may be sent `codec`.
    pub fn may_subscribe(&self, codec: Codec) -> bool {
        self.enabled.contains(&codec) && !self.subscribe_disabled.contains(&codec)
    }

    /// Reports whether the room takes a codec with these parameters.
    pub(super) fn takes_format(&self, codec: Codec, fmtp: Option<&str>) -> bool {
        let lines = self.restricted.iter().filter(|(of, _)| *of == codec);
        let mut lines = lines.map(|(_, line)| line.as_str()).peekable();
        lines.peek().is_none() || lines.any(|line| codecs::is_same_format(codec, line, fmtp))
    }
}
