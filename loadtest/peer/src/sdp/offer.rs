use sfu_model::{Codec, Extension, MediaKind, PayloadType, Ssrc};

use super::LocalTransport;

/// The name of the data channels' section.
pub const DATA_MID: &str = "data";

/// An audio or video section of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferSection {
    /// Audio or video.
    pub kind: MediaKind,
    /// What we do in it.
    pub role: Role,
}

/// What we do in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The server may send us a track here.
    Receive,
    /// Nothing: it has carried a track of ours that has ended.
    Idle,
    /// We send a track.
    Send {
        /// The track's id, by which the server knows what we announced.
        track: String,
        /// Its coding.
        codec: Codec,
        /// Its encodings, the lowest first.
        layers: Vec<OfferedLayer>,
    },
}

/// An encoding of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedLayer {
    /// Its name, where there are several.
    pub rid: Option<&'static str>,
    /// Its stream.
    pub ssrc: Ssrc,
    /// Its retransmissions.
    pub rtx: Option<Ssrc>,
}

/// Header extensions that we offer, by their numbers.
const EXTENSIONS: [(u8, Extension, Option<MediaKind>); 6] = [
    (1, Extension::AudioLevel, Some(MediaKind::Audio)),
    (2, Extension::AbsSendTime, None),
    (3, Extension::TransportCc, None),
    (4, Extension::Mid, None),
    (10, Extension::Rid, Some(MediaKind::Video)),
    (11, Extension::RepairedRid, Some(MediaKind::Video)),
];

const OPUS: PayloadType = PayloadType(111);
const VP8: (PayloadType, PayloadType) = (PayloadType(96), PayloadType(97));
const H264: (PayloadType, PayloadType) = (PayloadType(108), PayloadType(109));

/// Returns the numbers by which we offer a codec and its retransmissions. `None` for codecs that we do not offer.
pub fn payload_types(codec: Codec) -> Option<(PayloadType, Option<PayloadType>)> {
    match codec {
        Codec::Opus => Some((OPUS, None)),
        Codec::Vp8 => Some((VP8.0, Some(VP8.1))),
        Codec::H264 => Some((H264.0, Some(H264.1))),
        Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::Vp9 | Codec::H265 | Codec::Av1 => None,
    }
}

/// Writes an offer of the data channels and of `sections`, whose names are their places. `version` grows with
/// each offer.
pub fn write_offer(
    transport: &LocalTransport<'_>,
    version: u32,
    sections: &[OfferSection],
) -> String {
    let mut mids = format!(" {DATA_MID}");
    for mid in 0..sections.len() {
        mids.push_str(&format!(" {mid}"));
    }
    let mut sdp = String::with_capacity(1_024 + sections.len() * 900);
    transport.write(version, &mids, &mut sdp);
    sdp.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n");
    transport.write_section(true, &mut sdp);
    sdp.push_str(&format!(
        "a=mid:{DATA_MID}\r\na=sctp-port:5000\r\na=max-message-size:65536\r\n"
    ));
    for (mid, section) in sections.iter().enumerate() {
        write_section(transport, mid, section, &mut sdp);
    }
    sdp
}

fn write_section(
    transport: &LocalTransport<'_>,
    mid: usize,
    section: &OfferSection,
    sdp: &mut String,
) {
    let (media, codecs): (_, &[Codec]) = match (section.kind, &section.role) {
        (MediaKind::Audio, _) => ("audio", &[Codec::Opus]),
        (
            MediaKind::Video,
            Role::Send {
                codec: Codec::H264, ..
            },
        ) => ("video", &[Codec::H264]),
        (MediaKind::Video, Role::Send { .. }) => ("video", &[Codec::Vp8]),
        (MediaKind::Video, Role::Receive | Role::Idle) => ("video", &[Codec::Vp8, Codec::H264]),
    };
    sdp.push_str(&format!("m={media} 9 UDP/TLS/RTP/SAVPF"));
    let numbers = codecs.iter().filter_map(|codec| payload_types(*codec));
    for (PayloadType(number), rtx) in numbers {
        sdp.push_str(&format!(" {number}"));
        if let Some(PayloadType(rtx)) = rtx {
            sdp.push_str(&format!(" {rtx}"));
        }
    }
    sdp.push_str("\r\n");
    transport.write_section(false, sdp);
    sdp.push_str(&format!("a=mid:{mid}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"));
    for codec in codecs {
        write_codec(*codec, sdp);
    }
    for (id, extension, kind) in EXTENSIONS {
        if kind.is_none_or(|kind| kind == section.kind) {
            sdp.push_str(&format!("a=extmap:{id} {}\r\n", extension.uri()));
        }
    }
    match &section.role {
        Role::Receive => sdp.push_str("a=recvonly\r\n"),
        Role::Idle => sdp.push_str("a=inactive\r\n"),
        Role::Send { track, layers, .. } => write_sending(track, layers, sdp),
    }
}

fn write_codec(codec: Codec, sdp: &mut String) {
    sdp.push_str(match codec {
        Codec::Opus => {
            "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
             a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\n"
        }
        Codec::Vp8 => {
            "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\n\
             a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
        }
        Codec::H264 => {
            "a=rtpmap:108 H264/90000\r\n\
             a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
             a=rtcp-fb:108 transport-cc\r\na=rtcp-fb:108 ccm fir\r\na=rtcp-fb:108 nack\r\n\
             a=rtcp-fb:108 nack pli\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n"
        }
        Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::Vp9 | Codec::H265 | Codec::Av1 => "",
    });
}

/// Simulcast layers are told apart by rid alone, as browsers write them; a single encoding by its SSRC.
fn write_sending(track: &str, layers: &[OfferedLayer], sdp: &mut String) {
    sdp.push_str(&format!("a=sendonly\r\na=msid:loadtest {track}\r\n"));
    let rids: Vec<_> = layers.iter().filter_map(|layer| layer.rid).collect();
    for rid in &rids {
        sdp.push_str(&format!("a=rid:{rid} send\r\n"));
    }
    if !rids.is_empty() {
        sdp.push_str(&format!("a=simulcast:send {}\r\n", rids.join(";")));
        return;
    }
    for OfferedLayer { ssrc, rtx, .. } in layers {
        let Ssrc(ssrc) = ssrc;
        if let Some(Ssrc(rtx)) = rtx {
            sdp.push_str(&format!("a=ssrc-group:FID {ssrc} {rtx}\r\n"));
        }
        for ssrc in [Some(*ssrc), rtx.map(|rtx| rtx.0)].into_iter().flatten() {
            sdp.push_str(&format!(
                "a=ssrc:{ssrc} cname:loadtest\r\na=ssrc:{ssrc} msid:loadtest {track}\r\n"
            ));
        }
    }
}
