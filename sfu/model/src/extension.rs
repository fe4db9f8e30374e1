/// An RTP header extension that the server reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Extension {
    /// Media section of the stream (RFC 9143).
    Mid,
    /// Simulcast encoding of the stream (RFC 8852).
    Rid,
    /// Simulcast encoding that the stream retransmits (RFC 8852).
    RepairedRid,
    /// Loudness of the audio in the packet (RFC 6464).
    AudioLevel,
    /// 24-bit send time, for the receiver's bandwidth estimate.
    AbsSendTime,
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportCc,
    /// Capture time of the packet's first sample.
    AbsCaptureTime,
    /// Layers and frame dependencies (AV1 RTP specification, appendix A).
    DependencyDescriptor,
    /// Bounds of the receiver's playout delay.
    PlayoutDelay,
    /// Orientation of the picture (3GPP TS 26.114).
    VideoOrientation,
}

impl Extension {
    /// Every extension, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AudioLevel,
        Self::AbsSendTime,
        Self::TransportCc,
        Self::AbsCaptureTime,
        Self::DependencyDescriptor,
        Self::PlayoutDelay,
        Self::VideoOrientation,
    ];

    /// Returns the URI of `a=extmap`.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::TransportCc => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
        }
    }

    /// Returns the extension of a URI.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|extension| extension.uri() == uri)
    }
}

/// Local identifier of an extension in one transport: `1..=255`; up to 14 in the one-byte form
/// (RFC 8285 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionId(pub u8);

/// Which identifier stands for which extension, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionMap {
    ids: [Option<ExtensionId>; Extension::ALL.len()],
}

impl ExtensionMap {
    /// Binds `extension` to `id`.
    pub fn set(&mut self, extension: Extension, id: ExtensionId) {
        if let Some(slot) = self.ids.get_mut(extension as usize) {
            *slot = Some(id);
        }
    }

    /// Returns the identifier of `extension`, if negotiated.
    pub fn id(&self, extension: Extension) -> Option<ExtensionId> {
        self.ids.get(extension as usize).copied().flatten()
    }

    /// Returns the extension that `id` stands for, if negotiated.
    pub fn extension(&self, id: ExtensionId) -> Option<Extension> {
        Extension::ALL
            .into_iter()
            .find(|extension| self.id(*extension) == Some(id))
    }

    /// Iterates over what is bound, in the order of [`Extension::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Extension, ExtensionId)> + '_ {
        Extension::ALL
            .into_iter()
            .filter_map(|extension| Some((extension, self.id(extension)?)))
    }
}

impl FromIterator<(Extension, ExtensionId)> for ExtensionMap {
    fn from_iter<I: IntoIterator<Item = (Extension, ExtensionId)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (extension, id) in pairs {
            map.set(extension, id);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_found_by_its_identifier() {
        let map: ExtensionMap = [(Extension::Rid, ExtensionId(10))].into_iter().collect();
        assert_eq!(map.extension(ExtensionId(10)), Some(Extension::Rid));
        assert_eq!(map.extension(ExtensionId(9)), None);
    }

    #[test]
    fn every_uri_names_its_extension() {
        for extension in Extension::ALL {
            assert_eq!(Extension::from_uri(extension.uri()), Some(extension));
        }
    }
}
