//! The offers and answers are recorded of Chromium 156 and Firefox 153, less some codecs.

mod hostile;
mod offering;
mod publishing;
mod sending;

use std::collections::BTreeMap;
use std::sync::Arc;

use sfu_model::{
    Codec, Fingerprint, Forwarding, IceCredentials, LinkProtocol, MediaKind, Mid, NodeIndex,
    RoomIndex, ShardIndex, SubscriptionId, Token, TrackSid,
};

use super::description::Description;
use super::{
    Answer, Answerer, Candidate, CodecPolicy, OfferedCodec, PublishDecision, SendTrack,
    TransportFacts,
};

const SINGLE_FIRST: &str = include_str!("../fixtures/chromium-single-first.sdp");
const SINGLE_PUBLISHING: &str = include_str!("../fixtures/chromium-single-publishing.sdp");
const SIMULCAST: &str = include_str!("../fixtures/chromium-simulcast.sdp");
const SVC: &str = include_str!("../fixtures/chromium-svc.sdp");
const FIREFOX: &str = include_str!("../fixtures/firefox-single-publishing.sdp");
const SUBSCRIBER_ANSWER: &str = include_str!("../fixtures/chromium-subscriber-answer.sdp");

/// An offer in the shape of pion's: transport attributes at session level, no candidates.
const PION: &str = "v=0
o=- 1 2 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=group:BUNDLE 0 1
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:0
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:* nack
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=ssrc-group:SIM 11 12 13
a=ssrc-group:FID 11 21
a=ssrc-group:FID 12 22
a=ssrc-group:FID 13 23
a=ssrc:11 cname:c
a=ssrc:11 msid:stream track
a=sendrecv
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=setup:actpass
a=mid:1
a=sctp-port:5000
";

fn facts() -> Arc<TransportFacts> {
    Arc::new(TransportFacts {
        fingerprint: Fingerprint([7; 32]),
        candidates: vec![Candidate {
            address: "192.0.2.1:50000".parse().unwrap(),
            protocol: LinkProtocol::Udp,
        }],
    })
}

fn credentials(random: u8) -> IceCredentials {
    IceCredentials::generate(ShardIndex(0), [random; 34])
}

fn answerer(policy: CodecPolicy) -> Answerer {
    Answerer::new(facts(), credentials(1), policy, 5)
}

fn mid(text: &str) -> Mid {
    Mid(Token::new(text.as_bytes()).unwrap())
}

fn subscription(index: u32) -> SubscriptionId {
    SubscriptionId {
        shard: ShardIndex(0),
        room: RoomIndex(0),
        index,
        node: NodeIndex(0),
    }
}

fn send(index: u32, codecs: &[Codec]) -> SendTrack {
    SendTrack {
        subscription: subscription(index),
        stream_id: format!("PA_x|TR_{index}"),
        track_sid: TrackSid::from(format!("TR_{index}")),
        kind: codecs
            .first()
            .map_or(MediaKind::Video, |codec| codec.kind()),
        codecs: codecs
            .iter()
            .map(|codec| OfferedCodec {
                codec: *codec,
                fmtp: None,
            })
            .collect(),
        stereo: false,
        forwarding: Forwarding::Paused,
    }
}

fn decision(preferred: Option<Codec>) -> PublishDecision {
    PublishDecision {
        track: TrackSid::from("TR_published"),
        preferred,
        dtx: false,
        stereo: false,
        red: false,
    }
}

/// Offers `sdp` and answers it.
fn negotiate(answerer: &mut Answerer, sdp: &str, decisions: &[(&str, PublishDecision)]) -> Answer {
    answerer.handle_offer(sdp).unwrap();
    let decisions: BTreeMap<Mid, PublishDecision> = decisions
        .iter()
        .map(|(name, decision)| (mid(name), decision.clone()))
        .collect();
    answerer.answer(&decisions)
}

/// Returns the part of a description that is about one section.
fn section<'a>(sdp: &'a str, name: &str) -> &'a str {
    let wanted = format!("a=mid:{name}\r\n");
    let cut = sdp.split("m=").find(|section| section.contains(&wanted));
    cut.unwrap_or_else(|| panic!("no section {name} in {sdp}"))
}

/// Returns the payload types of a section's `m=` line.
fn payload_types(section: &str) -> Vec<&str> {
    let line = section.lines().next().unwrap_or_default();
    line.split(' ').skip(3).collect()
}

/// Replaces a line of one section.
fn with_section_line(sdp: &str, name: &str, from: &str, to: &str) -> String {
    let wanted = format!("a=mid:{name}\n");
    let changed = sdp.split("m=").map(|section| {
        if section.contains(&wanted) {
            assert!(section.contains(from), "no {from} in section {name}");
            section.replace(from, to)
        } else {
            section.to_owned()
        }
    });
    changed.collect::<Vec<_>>().join("m=")
}

fn parsed(sdp: &str) -> Description {
    Description::parse(sdp).unwrap()
}
