//! Which formats are spoken: what is offered, and what of a client's offer is understood.

use sfu_model::{Codec, MediaKind, PayloadType};

use super::payload::parameter;

/// A format that we offer, with LiveKit's payload type: clients and dashboards know them.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfferedFormat {
    pub(super) codec: Codec,
    pub(super) payload_type: PayloadType,
    pub(super) fmtp: Option<&'static str>,
}

impl OfferedFormat {
    const fn new(codec: Codec, payload_type: u8, fmtp: Option<&'static str>) -> Self {
        Self {
            codec,
            payload_type: PayloadType(payload_type),
            fmtp,
        }
    }

    /// Returns the payload type of retransmissions: the next one, for video.
    pub(super) fn rtx(self) -> Option<PayloadType> {
        match self.codec.kind() {
            MediaKind::Video => Some(PayloadType(self.payload_type.0 + 1)),
            MediaKind::Audio => None,
        }
    }
}

/// Opus parameters where a client gives none: 10 ms packets at least, in-band FEC (RFC 7587).
pub(super) const OPUS_FMTP: &str = "minptime=10;useinbandfec=1";

/// Everything that we may offer. H264's High profile is not among it: few receivers decode it all.
pub(super) const OFFERED: [OfferedFormat; 15] = [
    OfferedFormat::new(Codec::Opus, 111, Some(OPUS_FMTP)),
    OfferedFormat::new(Codec::Red, 63, Some("111/111")),
    OfferedFormat::new(Codec::Pcmu, 0, None),
    OfferedFormat::new(Codec::Pcma, 8, None),
    OfferedFormat::new(Codec::Vp8, 96, None),
    OfferedFormat::new(Codec::Vp9, 98, Some("profile-id=0")),
    OfferedFormat::new(Codec::Vp9, 100, Some("profile-id=1")),
    OfferedFormat::new(
        Codec::H264,
        125,
        Some("level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    ),
    OfferedFormat::new(
        Codec::H264,
        108,
        Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    ),
    OfferedFormat::new(
        Codec::H264,
        104,
        Some("level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"),
    ),
    OfferedFormat::new(
        Codec::H264,
        102,
        Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
    ),
    OfferedFormat::new(
        Codec::H264,
        39,
        Some("level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f"),
    ),
    OfferedFormat::new(
        Codec::H264,
        106,
        Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"),
    ),
    OfferedFormat::new(Codec::Av1, 35, None),
    OfferedFormat::new(Codec::H265, 116, None),
];

/// Returns `<encoding>/<clock>[/<channels>]` of `a=rtpmap`.
pub(super) fn rtpmap(codec: Codec) -> String {
    let channels = match codec {
        Codec::Opus | Codec::Red => "/2",
        Codec::Pcmu
        | Codec::Pcma
        | Codec::Vp8
        | Codec::Vp9
        | Codec::H264
        | Codec::H265
        | Codec::Av1 => "",
    };
    format!("{}/{}{channels}", codec.name(), codec.clock_rate())
}

/// Returns the codec of an `a=rtpmap` value, if it is one that is forwarded and is meant for `kind`:
/// `red/90000` is the video's and not known here.
pub(super) fn codec_of_rtpmap(value: &str, kind: MediaKind) -> Option<Codec> {
    let mut parts = value.split('/');
    let codec = Codec::from_name(parts.next()?.trim())?;
    let clock_rate: u32 = parts.next()?.trim().parse().ok()?;
    (codec.kind() == kind && codec.clock_rate() == clock_rate).then_some(codec)
}

/// Returns the codec of a payload type that needs no `a=rtpmap` (RFC 3551 table 4).
pub(super) fn static_codec(payload_type: PayloadType) -> Option<Codec> {
    match payload_type.0 {
        0 => Some(Codec::Pcmu),
        8 => Some(Codec::Pcma),
        _ => None,
    }
}

/// Reports whether the profile that `fmtp` names is one that is forwarded: those that all receivers
/// of the codec decode, and of H264 those up to High.
pub(super) fn is_known_profile(codec: Codec, fmtp: Option<&str>) -> bool {
    let get = |key| fmtp.and_then(|fmtp| parameter(fmtp, key));
    match codec {
        Codec::Vp9 => matches!(get("profile-id"), None | Some("0" | "1")),
        Codec::Av1 => matches!(get("profile"), None | Some("0")),
        Codec::H265 => matches!(get("profile-id"), None | Some("1")),
        Codec::H264 => H264Profile::of(fmtp).is_some(),
        Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::Vp8 => true,
    }
}

/// `profile_idc` of H264 (RFC 6184 section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum H264Profile {
    /// 0x42, constrained or not.
    Baseline,
    /// 0x4d.
    Main,
    /// 0x64.
    High,
}

impl H264Profile {
    /// Returns the profile of `profile-level-id`; Baseline if it is not given.
    pub(super) fn of(fmtp: Option<&str>) -> Option<Self> {
        let id = fmtp.and_then(|fmtp| parameter(fmtp, "profile-level-id"));
        match id.map(|id| id.as_bytes().first_chunk()) {
            None | Some(Some(b"42")) => Some(Self::Baseline),
            Some(Some(b"4d" | b"4D")) => Some(Self::Main),
            Some(Some(b"64")) => Some(Self::High),
            Some(_) => None,
        }
    }
}

/// Reports whether a subscriber may be sent what `fmtp` describes.
pub(super) fn is_subscribable(codec: Codec, fmtp: Option<&str>) -> bool {
    codec != Codec::H264 || H264Profile::of(fmtp) != Some(H264Profile::High)
}

/// Reports whether two descriptions of a codec's parameters mean the same format: of H264, the
/// packetization mode and the profile with its constraints, of VP9 the profile. Levels may differ.
pub(super) fn is_same_format(codec: Codec, one: &str, other: Option<&str>) -> bool {
    affinity(codec, Some(one), other) == affinity(codec, Some(one), Some(one))
}

/// Returns how well `candidate` suits a stream that was published as `published`: H264 should keep
/// its packetization mode, then its profile with its constraints. Larger is better.
pub(super) fn affinity(codec: Codec, published: Option<&str>, candidate: Option<&str>) -> u8 {
    let same = |key, default| {
        let get = |fmtp: Option<&str>| {
            fmtp.and_then(|fmtp| parameter(fmtp, key))
                .unwrap_or(default)
                .to_ascii_lowercase()
        };
        (get(published), get(candidate))
    };
    match codec {
        Codec::H264 => {
            let (mode, candidate_mode) = same("packetization-mode", "0");
            let (profile, candidate_profile) = same("profile-level-id", "42001f");
            let same_profile = profile.get(..4) == candidate_profile.get(..4);
            2 * u8::from(mode == candidate_mode) + u8::from(same_profile)
        }
        Codec::Vp9 => {
            let (profile, candidate_profile) = same("profile-id", "0");
            u8::from(profile == candidate_profile)
        }
        Codec::Opus
        | Codec::Red
        | Codec::Pcmu
        | Codec::Pcma
        | Codec::Vp8
        | Codec::H265
        | Codec::Av1 => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn offered_payload_types_are_unique() {
        let types: Vec<PayloadType> = OFFERED
            .into_iter()
            .flat_map(|format| [Some(format.payload_type), format.rtx()])
            .flatten()
            .collect();
        let unique: BTreeSet<PayloadType> = types.iter().copied().collect();
        assert_eq!(unique.len(), types.len());
    }

    #[test]
    fn redundancy_of_video_is_not_the_audio_codec() {
        let audio = codec_of_rtpmap("red/48000/2", MediaKind::Audio);
        assert_eq!(audio, Some(Codec::Red));
        assert_eq!(codec_of_rtpmap("red/90000", MediaKind::Video), None);
    }

    #[test]
    fn profiles_beyond_what_all_receivers_decode_are_unknown() {
        assert!(is_known_profile(Codec::Vp9, Some("profile-id=0")));
        assert!(!is_known_profile(Codec::Vp9, Some("profile-id=2")));
        assert!(!is_known_profile(
            Codec::Av1,
            Some("level-idx=5;profile=1;tier=0")
        ));
        assert!(!is_known_profile(
            Codec::H264,
            Some("profile-level-id=f4001f")
        ));
    }

    #[test]
    fn packetization_mode_weighs_more_than_the_profile() {
        let published = Some("packetization-mode=1;profile-level-id=42e01f");
        let mode = affinity(
            Codec::H264,
            published,
            Some("packetization-mode=1;profile-level-id=4d001f"),
        );
        let profile = affinity(
            Codec::H264,
            published,
            Some("packetization-mode=0;profile-level-id=42e01f"),
        );
        assert!(mode > profile);
    }
}
