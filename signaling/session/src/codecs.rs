//! Which codecs a client publishes and is sent in, and how its messages name them.

use sfu_model::{Codec, MediaKind};
use signaling_protocol::Client;

use crate::negotiation::CodecPolicy;
use crate::{EnabledCodec, proto};

/// Retransmissions of video (RFC 4588 section 8.6).
const RTX_MIME_TYPE: &str = "video/rtx";

/// Returns how a client's transports are negotiated, where `enabled` are the room's codecs.
pub(crate) fn codec_policy(client: &Client, enabled: &[EnabledCodec]) -> CodecPolicy {
    let (disabled, publish_disabled) = disabled_codecs(client);
    let mut subscribe_disabled = disabled.clone();
    if !client.takes_red() {
        subscribe_disabled.push(Codec::Red);
    }
    CodecPolicy {
        enabled: enabled.iter().map(|enabled| enabled.codec).collect(),
        restricted: restrictions(enabled),
        publish_disabled: disabled.into_iter().chain(publish_disabled).collect(),
        subscribe_disabled,
        rtx: true,
        preferred_codec_alone: !client.obeys_codec_order(),
        reuse_sections: client.takes_reused_sections(),
    }
}

/// Returns the parameters of codecs that are enabled with parameters alone.
fn restrictions(enabled: &[EnabledCodec]) -> Vec<(Codec, String)> {
    let free = |codec| {
        enabled
            .iter()
            .any(|it| it.codec == codec && it.fmtp.is_empty())
    };
    let restricted = enabled.iter().filter(|it| !free(it.codec));
    restricted.map(|it| (it.codec, it.fmtp.clone())).collect()
}

/// Returns what a client is told of its own device, if anything.
pub(crate) fn client_configuration(client: &Client) -> Option<proto::ClientConfiguration> {
    let (codecs, publish) = disabled_codecs(client);
    if codecs.is_empty() && publish.is_empty() {
        return None;
    }
    let named = |codecs: Vec<Codec>| codecs.into_iter().map(|codec| named(codec, "")).collect();
    Some(proto::ClientConfiguration {
        disabled_codecs: Some(proto::DisabledCodecs {
            codecs: named(codecs),
            publish: named(publish),
        }),
        ..proto::ClientConfiguration::default()
    })
}

/// Lists what a client may publish in: VP8 first, H.264 second as the most compatible, then other
/// video, then audio.
pub(crate) fn publishable_codecs<'a>(
    policy: &CodecPolicy,
    enabled: &'a [EnabledCodec],
) -> Vec<&'a EnabledCodec> {
    let rank = |codec: Codec| match codec {
        Codec::Vp8 => 0,
        Codec::H264 => 1,
        Codec::Vp9 | Codec::Av1 | Codec::H265 => 2,
        Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma => 3,
    };
    let may = |enabled: &&EnabledCodec| policy.may_publish(enabled.codec);
    let mut codecs: Vec<_> = enabled.iter().filter(may).collect();
    codecs.sort_by_key(|enabled| rank(enabled.codec));
    codecs
}

/// Lists a room's codecs as clients and callers are told: RTX goes with every video codec, and is the last of them.
pub(crate) fn room_codecs(enabled: &[EnabledCodec]) -> Vec<proto::Codec> {
    let video = |enabled: &EnabledCodec| enabled.codec.kind() == MediaKind::Video;
    let rtx = enabled.iter().any(video).then(|| proto::Codec {
        mime: RTX_MIME_TYPE.to_owned(),
        fmtp_line: String::new(),
    });
    let codecs = enabled
        .iter()
        .map(|enabled| named(enabled.codec, &enabled.fmtp));
    codecs.chain(rtx).collect()
}

/// Writes a codec as LiveKit's messages have it.
pub(crate) fn named(codec: Codec, fmtp: &str) -> proto::Codec {
    proto::Codec {
        mime: codec.mime_type().to_owned(),
        fmtp_line: fmtp.to_owned(),
    }
}

/// Returns the codecs that fail on a device: in both directions, and for publishing only.
fn disabled_codecs(client: &Client) -> (Vec<Codec>, Vec<Codec>) {
    let both = [(Codec::Av1, client.takes_av1())];
    let publish = [
        (Codec::Vp9, client.may_publish_vp9()),
        (Codec::H264, client.may_publish_h264()),
    ];
    let failing = |codecs: &[(Codec, bool)]| {
        let failing = codecs.iter().filter(|(_, works)| !works);
        failing.map(|(codec, _)| *codec).collect()
    };
    (failing(&both), failing(&publish))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firefox_on_linux() -> Client {
        Client::from(proto::ClientInfo {
            browser: "Firefox".to_owned(),
            os: "Linux".to_owned(),
            protocol: 16,
            ..proto::ClientInfo::default()
        })
    }

    fn enabled() -> Vec<EnabledCodec> {
        crate::RoomOptions::new("lobby".into()).codecs
    }

    #[test]
    fn a_device_that_fails_at_publishing_a_codec_can_still_receive_it() {
        let policy = codec_policy(&firefox_on_linux(), &enabled());
        assert!(!policy.may_publish(Codec::H264) && policy.may_subscribe(Codec::H264));
        assert!(policy.preferred_codec_alone && !policy.may_subscribe(Codec::Red));
    }

    #[test]
    fn the_most_compatible_codecs_are_named_first() {
        let policy = codec_policy(&Client::default(), &enabled());
        let codecs = publishable_codecs(&policy, &enabled())
            .iter()
            .map(|enabled| enabled.codec)
            .collect::<Vec<_>>();
        assert_eq!(codecs[..3], [Codec::Vp8, Codec::H264, Codec::Vp9]);
        assert!(codecs.ends_with(&[Codec::Opus, Codec::Red]));
    }

    #[test]
    fn codecs_are_spelled_as_in_the_registry_and_retransmission_is_the_last() {
        let named = room_codecs(&enabled());
        let mimes: Vec<_> = named.iter().map(|codec| codec.mime.as_str()).collect();
        let expected = [
            "audio/PCMU",
            "audio/PCMA",
            "audio/opus",
            "audio/red",
            "video/VP8",
            "video/H264",
            "video/VP9",
            "video/AV1",
            "video/H265",
            "video/rtx",
        ];
        assert_eq!(mimes, expected);
        let audio = enabled()
            .into_iter()
            .filter(|it| it.codec == Codec::Opus)
            .collect::<Vec<_>>();
        assert_eq!(room_codecs(&audio).len(), 1);
    }

    #[test]
    fn a_codec_is_restricted_unless_it_is_enabled_without_parameters_too() {
        let with = |fmtp: &str| EnabledCodec {
            codec: Codec::H264,
            fmtp: fmtp.to_owned(),
        };
        let baseline = "packetization-mode=1;profile-level-id=42e01f";
        let restricted = restrictions(&[with(baseline)]);
        assert_eq!(restricted, [(Codec::H264, baseline.to_owned())]);
        assert_eq!(restrictions(&[with(baseline), with("")]), []);
    }

    #[test]
    fn a_client_without_quirks_is_configured_by_nothing() {
        assert_eq!(client_configuration(&Client::default()), None);
        assert!(client_configuration(&firefox_on_linux()).is_some());
    }
}
