//! A section in which the client publishes: what we answer there, and how the shard receives it.

use sfu_model::{
    Codec, CodecBinding, Extension, ExtensionMap, LayerOrder, MediaKind, Mid, ReceiveEncoding,
    ReceiveMedia, SpatialLayer,
};

use super::codecs::OPUS_FMTP;
use super::description::{Media, Msid};
use super::payload::{Feedback, Format, Payload, flexfec_of, rtx_of, without_parameters};
use super::{CodecPolicy, OfferedCodec, PublishDecision, extensions, layer_order};

/// Opus parameters that are ours to choose, whatever the offer says.
const CHOSEN_OPUS_PARAMETERS: [&str; 4] = ["stereo", "sprop-stereo", "usedtx", "maxaveragebitrate"];

/// Returns what of the client's `offer` it may publish in, as the answer has it.
pub(super) fn payloads(
    offer: &Media,
    policy: &CodecPolicy,
    decision: Option<&PublishDecision>,
) -> Vec<Payload> {
    let mut accepted = acceptable(offer, policy);
    let preferred = decision.and_then(|decision| match offer.kind {
        MediaKind::Audio if decision.red => Some(Codec::Red),
        MediaKind::Audio | MediaKind::Video => decision.preferred,
    });
    if let Some(preferred) = preferred {
        accepted.sort_by_key(|payload| payload.codec() != Some(preferred));
        let offered = accepted.first().and_then(|payload| payload.codec()) == Some(preferred);
        // RED is nothing without the codec inside.
        if policy.preferred_codec_alone && offered && preferred != Codec::Red {
            accepted.retain(|payload| payload.codec() == Some(preferred));
        }
    }
    let mut answered = Vec::new();
    for payload in accepted {
        answered.push(answer_payload(payload, decision));
        answered.extend(retransmission(offer, policy, payload));
    }
    let repairs = flexfec_of(&offer.payloads);
    answered.extend(repairs.map(|repairs| answer_payload(repairs, decision)));
    answered
}

/// Returns the codecs that the client offers and may publish in, preferred first.
pub(super) fn offered_codecs(offer: &Media, policy: &CodecPolicy) -> Vec<OfferedCodec> {
    let codecs = acceptable(offer, policy).into_iter().filter_map(|payload| {
        Some(OfferedCodec {
            codec: payload.codec()?,
            fmtp: payload.fmtp.clone(),
        })
    });
    codecs.collect()
}

fn acceptable<'a>(offer: &'a Media, policy: &CodecPolicy) -> Vec<&'a Payload> {
    let mut accepted: Vec<&Payload> = offer
        .payloads
        .iter()
        .filter(|payload| {
            payload.codec().is_some_and(|codec| {
                policy.may_publish(codec) && policy.takes_format(codec, payload.fmtp.as_deref())
            })
        })
        .collect();
    drop_red_without_opus(&mut accepted);
    accepted
}

/// Drops RED whose parameters (`111/111`, RFC 2198 section 5) do not begin with an Opus that is
/// there too.
pub(super) fn drop_red_without_opus(payloads: &mut Vec<&Payload>) {
    let opus: Vec<String> = payloads
        .iter()
        .filter(|payload| payload.codec() == Some(Codec::Opus))
        .map(|payload| payload.payload_type.0.to_string())
        .collect();
    payloads.retain(|payload| {
        let inner = payload
            .fmtp
            .as_deref()
            .and_then(|fmtp| fmtp.split('/').next());
        payload.codec() != Some(Codec::Red)
            || inner.is_some_and(|inner| opus.iter().any(|opus| opus == inner.trim()))
    });
}

/// Returns the offered retransmission format of `payload`, if we use them.
pub(super) fn retransmission(
    offer: &Media,
    policy: &CodecPolicy,
    payload: &Payload,
) -> Option<Payload> {
    let rtx = rtx_of(&offer.payloads, payload.payload_type).filter(|_| policy.rtx)?;
    Some(Payload {
        payload_type: rtx,
        format: Format::Rtx {
            of: payload.payload_type,
        },
        fmtp: None,
        feedback: Vec::new(),
    })
}

fn answer_payload(payload: &Payload, decision: Option<&PublishDecision>) -> Payload {
    let wanted = |feedback: &&Feedback| match feedback {
        Feedback::TransportCc | Feedback::CcmFir | Feedback::Nack | Feedback::NackPli => true,
        Feedback::GoogRemb => false,
    };
    let (fmtp, feedback) = match payload.codec() {
        Some(Codec::Opus) => {
            let fmtp = opus_parameters(payload.fmtp.as_deref(), decision);
            (Some(fmtp), vec![Feedback::Nack])
        }
        // Departure: RFC 3264 and 4585 answer with what was offered; browsers offer no `nack` for
        // audio, yet retransmit when the answer has it.
        Some(Codec::Pcmu | Codec::Pcma) => (payload.fmtp.clone(), vec![Feedback::Nack]),
        Some(Codec::Red) => (payload.fmtp.clone(), Vec::new()),
        Some(Codec::Vp8 | Codec::Vp9 | Codec::H264 | Codec::H265 | Codec::Av1) | None => {
            let feedback = payload.feedback.iter().filter(wanted).copied().collect();
            (payload.fmtp.clone(), feedback)
        }
    };
    Payload {
        payload_type: payload.payload_type,
        format: payload.format,
        fmtp,
        feedback,
    }
}

/// Returns the offered parameters with those that the track's settings choose.
fn opus_parameters(offered: Option<&str>, decision: Option<&PublishDecision>) -> String {
    let mut fmtp = plain_opus_parameters(offered);
    if decision.is_some_and(|decision| decision.dtx) {
        fmtp.push_str(";usedtx=1");
    }
    if decision.is_some_and(|decision| decision.stereo) {
        fmtp.push_str(";stereo=1;maxaveragebitrate=510000");
    }
    fmtp
}

/// Returns the offered parameters of Opus without those that are ours to choose.
pub(super) fn plain_opus_parameters(offered: Option<&str>) -> String {
    let offered = offered.unwrap_or(OPUS_FMTP);
    let plain = without_parameters(offered, &CHOSEN_OPUS_PARAMETERS);
    if plain.is_empty() {
        return OPUS_FMTP.to_owned();
    }
    plain
}

/// Returns the part of the offered header extensions that is read.
pub(super) fn extension_map(offer: &Media) -> ExtensionMap {
    extensions::common(&offer.extensions, extensions::received(offer.kind))
}

/// Returns how the shard receives the section, after an answer with `payloads`.
pub(super) fn receive_media(mid: Mid, offer: &Media, payloads: &[Payload]) -> ReceiveMedia {
    let extensions = extension_map(offer);
    let codecs: Vec<CodecBinding> = payloads
        .iter()
        .filter_map(|payload| {
            Some(CodecBinding {
                codec: payload.codec()?,
                payload_type: payload.payload_type,
                rtx: rtx_of(payloads, payload.payload_type),
            })
        })
        .collect();
    let any = |feedback| payloads.iter().any(|payload| payload.has(feedback));
    let (encodings, layer_order) = encodings(offer);
    ReceiveMedia {
        kind: offer.kind,
        mid,
        codecs,
        flexfec: flexfec_of(payloads).map(|payload| payload.payload_type),
        extensions,
        encodings,
        layer_order,
        nack: any(Feedback::Nack),
        transport_cc: any(Feedback::TransportCc) && extensions.id(Extension::TransportCc).is_some(),
    }
}

/// Returns the RTP streams of the section, lowest layer first: by rid, else by SSRC, else one that
/// is known by its section alone; and whether it is known that the lowest is first.
pub(super) fn encodings(offer: &Media) -> (Vec<ReceiveEncoding>, LayerOrder) {
    let (rids, order) = layer_order::lowest_first(&offer.simulcast, &offer.sizes);
    let mut encodings: Vec<ReceiveEncoding> = rids
        .into_iter()
        .map(|rid| ReceiveEncoding {
            rid: Some(rid),
            ..ReceiveEncoding::default()
        })
        .collect();
    if encodings.is_empty() {
        let by_ssrc = offer.streams.iter().map(|stream| ReceiveEncoding {
            rid: None,
            ssrc: Some(stream.ssrc),
            rtx_ssrc: stream.rtx,
            flexfec_ssrc: stream.flexfec,
        });
        encodings.extend(by_ssrc);
    }
    if encodings.is_empty() {
        encodings.push(ReceiveEncoding::default());
    }
    encodings.truncate(SpatialLayer::COUNT);
    (encodings, order)
}

/// Returns the stream and the track of `a=msid`; `-` counts as no stream.
pub(super) fn msid_of(offer: &Media) -> (Option<String>, Option<String>) {
    let Some(Msid { stream, track }) = &offer.msid else {
        return (None, None);
    };
    let stream = (stream != "-").then(|| stream.clone());
    // One word stands for both in the descriptions of old clients.
    let track = track.clone().or_else(|| stream.clone());
    (stream, track)
}

/// Returns what may flow some day in a section that carries nothing: the client may be asked for a
/// codec there that it would otherwise have to negotiate first.
pub(super) fn idle_payloads(offer: &Media, policy: &CodecPolicy) -> Vec<Payload> {
    let mut accepted: Vec<&Payload> = offer
        .payloads
        .iter()
        .filter(|payload| {
            let codec = payload.codec();
            codec.is_some_and(|codec| {
                (policy.may_subscribe(codec) || policy.may_publish(codec))
                    && policy.takes_format(codec, payload.fmtp.as_deref())
            })
        })
        .collect();
    drop_red_without_opus(&mut accepted);
    let mut answered = Vec::new();
    for payload in accepted {
        answered.push(answer_payload(payload, None));
        answered.extend(retransmission(offer, policy, payload));
    }
    answered
}
