//! A section in which we send: what of the client's formats suits a track, and how the shard sends it.

use std::cmp::Reverse;

use sfu_model::{
    Codec, CodecBinding, ExtensionMap, Importance, MediaKind, Mid, Opening, Pausing, PayloadType,
    RedundancyPolicy, SendMedia, Ssrc,
};

use super::codecs::{self, OFFERED, OfferedFormat};
use super::description::{Media, Msid, Stream};
use super::numbers::Numbers;
use super::payload::{Feedback, Format, Payload, rtx_of};
use super::receive_section::{drop_red_without_opus, plain_opus_parameters, retransmission};
use super::{CodecPolicy, SendTrack};

/// Longest half of `a=msid` that is written.
const MAX_MSID: usize = 256;

/// The SSRCs of the track that a section carries. Another track gets others: libwebrtc leaves the
/// audio sinks of a section where they were if its SSRC stays, and an app that reads samples then
/// hears nothing of the second track.
#[derive(Clone, Copy, Debug)]
pub(super) struct SendSsrcs {
    pub(super) media: Ssrc,
    /// Of retransmissions: video only.
    pub(super) rtx: Option<Ssrc>,
}

/// Which codecs a section in which we send names, beside those that carry its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    /// None: a description of hundreds of sections stays small.
    Track,
    /// All of its kind that the client may be sent: Pion (up to 4.0.12) takes what the first section of a kind names for
    /// all that a transport will ever know.
    ///
    /// Departure: LiveKit names them in every section. One is enough for Pion, and a section is four times as long.
    Kind,
}

impl Breadth {
    /// Returns the breadth of a section that is the first of its kind, or not.
    pub(super) fn of_place(first: bool) -> Self {
        match first {
            true => Self::Kind,
            false => Self::Track,
        }
    }
}

impl SendSsrcs {
    /// Draws SSRCs for a track of `kind`.
    pub(super) fn draw(kind: MediaKind, numbers: &mut Numbers) -> Self {
        Self {
            media: numbers.ssrc(),
            rtx: (kind == MediaKind::Video).then(|| numbers.ssrc()),
        }
    }
}

impl SendTrack {
    /// Returns the codecs that carry the track, preferred first: RED can be sent as the Opus in it.
    fn carriers(&self) -> Vec<Codec> {
        let mut carriers: Vec<Codec> = Vec::new();
        for offered in &self.codecs {
            let inner = (offered.codec == Codec::Red).then_some(Codec::Opus);
            for codec in [Some(offered.codec), inner].into_iter().flatten() {
                if codec.kind() == self.kind && !carriers.contains(&codec) {
                    carriers.push(codec);
                }
            }
        }
        carriers
    }

    fn published_fmtp(&self, codec: Codec) -> Option<&str> {
        let published = self.codecs.iter().find(|offered| offered.codec == codec);
        published.and_then(|offered| offered.fmtp.as_deref())
    }

    /// Returns the order in which formats suit the track: by its codecs, then by their parameters.
    fn rank(&self, carriers: &[Codec], codec: Codec, fmtp: Option<&str>) -> (usize, Reverse<u8>) {
        let place = carriers.iter().position(|carrier| *carrier == codec);
        let affinity = codecs::affinity(codec, self.published_fmtp(codec), fmtp);
        (place.unwrap_or(usize::MAX), Reverse(affinity))
    }

    /// Returns `a=msid` for the section. The stream may hold a name that an app chose; a character
    /// that is none of RFC 8830's `token-char` becomes `_`.
    pub(super) fn msid(&self) -> Msid {
        Msid {
            stream: token(&self.stream_id),
            track: Some(token(self.track_sid.as_str())),
        }
    }

    /// Returns the streams of `a=ssrc`.
    pub(super) fn streams(&self, ssrcs: SendSsrcs, payloads: &[Payload]) -> Vec<Stream> {
        vec![Stream {
            ssrc: ssrcs.media,
            rtx: ssrcs.rtx.filter(|_| has_rtx(payloads)),
            flexfec: None,
            cname: token(&self.stream_id),
        }]
    }
}

fn token(text: &str) -> String {
    let is_token = |c: char| c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]".contains(c);
    text.chars()
        .take(MAX_MSID)
        .map(|c| if is_token(c) { c } else { '_' })
        .collect()
}

fn has_rtx(payloads: &[Payload]) -> bool {
    let is_rtx = |payload: &Payload| matches!(payload.format, Format::Rtx { .. });
    payloads.iter().any(is_rtx)
}

/// Returns what of the client's `remote` formats the section can name, what suits the track first, as
/// an answer of ours has it. Empty if the client cannot receive the track.
pub(super) fn payloads(
    remote: &Media,
    policy: &CodecPolicy,
    track: &SendTrack,
    breadth: Breadth,
) -> Vec<Payload> {
    let carriers = track.carriers();
    let mut suitable: Vec<&Payload> = remote
        .payloads
        .iter()
        .filter(|payload| {
            payload.codec().is_some_and(|codec| {
                (breadth == Breadth::Kind || carriers.contains(&codec))
                    && policy.may_subscribe(codec)
                    && policy.takes_format(codec, payload.fmtp.as_deref())
                    && codecs::is_subscribable(codec, payload.fmtp.as_deref())
            })
        })
        .collect();
    drop_red_without_opus(&mut suitable);
    suitable.sort_by_cached_key(|payload| {
        let codec = payload.codec();
        codec.map(|codec| track.rank(&carriers, codec, payload.fmtp.as_deref()))
    });
    let carries = |payload: &&Payload| {
        payload
            .codec()
            .is_some_and(|codec| carriers.contains(&codec))
    };
    if !suitable.iter().any(carries) {
        return Vec::new();
    }
    let mut answered = Vec::new();
    for payload in suitable {
        let Some(codec) = payload.codec() else {
            continue;
        };
        let mut feedback = feedback(codec, carries(&payload));
        if codec.kind() == MediaKind::Video {
            feedback.retain(|feedback| payload.has(*feedback));
        }
        answered.push(Payload {
            payload_type: payload.payload_type,
            format: payload.format,
            fmtp: sent_parameters(codec, payload.fmtp.as_deref(), track),
            feedback,
        });
        answered.extend(retransmission(remote, policy, payload));
    }
    answered
}

/// Returns what we offer for the track, best first. Empty if the client may not be sent any of it.
pub(super) fn offered_payloads(
    policy: &CodecPolicy,
    track: &SendTrack,
    breadth: Breadth,
) -> Vec<Payload> {
    let carriers = track.carriers();
    let mut formats: Vec<OfferedFormat> = OFFERED
        .into_iter()
        .filter(|format| format.codec.kind() == track.kind && policy.may_subscribe(format.codec))
        .filter(|format| breadth == Breadth::Kind || carriers.contains(&format.codec))
        .filter(|format| policy.takes_format(format.codec, format.fmtp))
        .collect();
    let opus = formats.iter().any(|format| format.codec == Codec::Opus);
    formats.retain(|format| format.codec != Codec::Red || opus);
    formats.sort_by_key(|format| track.rank(&carriers, format.codec, format.fmtp));
    let carries = |format: &OfferedFormat| carriers.contains(&format.codec);
    if !formats.iter().any(carries) {
        return Vec::new();
    }
    let mut offered = Vec::new();
    for format in formats {
        offered.push(Payload {
            payload_type: format.payload_type,
            format: Format::Codec(format.codec),
            fmtp: sent_parameters(format.codec, format.fmtp, track),
            feedback: feedback(format.codec, carries(&format)),
        });
        if let Some(rtx) = format.rtx().filter(|_| policy.rtx) {
            offered.push(Payload {
                payload_type: rtx,
                format: Format::Rtx {
                    of: format.payload_type,
                },
                fmtp: None,
                feedback: Vec::new(),
            });
        }
    }
    offered
}

/// Returns the feedback that we take for what we send. Lost audio can be asked for again, also where it has redundancy: that
/// brings back what the redundancy did not, and tells at once that something is lost.
///
/// Departure: LiveKit has none asked for again that has redundancy.
fn feedback(codec: Codec, carries: bool) -> Vec<Feedback> {
    match codec.kind() {
        // Clients look at the codec in the redundancy.
        MediaKind::Audio if carries && codec != Codec::Red => vec![Feedback::Nack],
        MediaKind::Audio => Vec::new(),
        MediaKind::Video => vec![
            Feedback::GoogRemb,
            Feedback::TransportCc,
            Feedback::CcmFir,
            Feedback::Nack,
            Feedback::NackPli,
        ],
    }
}

/// Returns the parameters of a format for what we send: Opus tells whether the track is in stereo.
fn sent_parameters(codec: Codec, fmtp: Option<&str>, track: &SendTrack) -> Option<String> {
    if codec != Codec::Opus {
        return fmtp.map(str::to_owned);
    }
    let mut parameters = plain_opus_parameters(fmtp);
    if track.stereo {
        parameters.push_str(";sprop-stereo=1");
    }
    Some(parameters)
}

/// Returns how the shard sends the track. Of several payload types of a codec the best alone is
/// named: a packet does not tell its profile.
pub(super) fn send_media(
    mid: Mid,
    ssrcs: SendSsrcs,
    payloads: &[Payload],
    extensions: ExtensionMap,
    track: &SendTrack,
) -> SendMedia {
    let mut codecs: Vec<CodecBinding> = Vec::new();
    for payload in payloads {
        let Some(codec) = payload.codec() else {
            continue;
        };
        if codecs.iter().all(|binding| binding.codec != codec) {
            codecs.push(CodecBinding {
                codec,
                payload_type: payload.payload_type,
                rtx: rtx_of(payloads, payload.payload_type),
            });
        }
    }
    let retransmits = |binding: &CodecBinding| binding.rtx.is_some();
    SendMedia {
        mid,
        ssrc: ssrcs.media,
        rtx_ssrc: ssrcs.rtx.filter(|_| codecs.iter().any(retransmits)),
        nack: payloads.iter().any(|payload| payload.has(Feedback::Nack)),
        codecs,
        extensions,
        cname: token(&track.stream_id),
        forwarding: track.forwarding,
        opening: Opening::Media,
        importance: Importance::default(),
        pausing: Pausing::default(),
        redundancy: RedundancyPolicy::default(),
    }
}

/// Adds the payload types of `more` to `payloads`, and to those that are in both the feedback.
pub(super) fn merge(payloads: &mut Vec<Payload>, more: Vec<Payload>) {
    for payload in more {
        let same = |number: PayloadType| move |known: &&mut Payload| known.payload_type == number;
        match payloads.iter_mut().find(same(payload.payload_type)) {
            Some(known) => {
                let new: Vec<Feedback> = payload
                    .feedback
                    .into_iter()
                    .filter(|feedback| !known.feedback.contains(feedback))
                    .collect();
                known.feedback.extend(new);
            }
            None => payloads.push(payload),
        }
    }
}
