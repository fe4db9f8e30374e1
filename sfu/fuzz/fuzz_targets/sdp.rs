#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sfu_model::{
    Codec, Fingerprint, Forwarding, IceCredentials, LinkProtocol, MediaKind, NodeIndex, RoomIndex,
    ShardIndex, SubscriptionId, TrackSid,
};
use signaling_session::negotiation::{
    Answerer, Candidate, CodecPolicy, FirstOffer, OfferedCodec, Offerer, PublishDecision,
    SendTrack, TransportFacts,
};

fn facts() -> Arc<TransportFacts> {
    Arc::new(TransportFacts {
        fingerprint: Fingerprint([7; 32]),
        candidates: vec![Candidate {
            address: "192.0.2.1:50000".parse().unwrap(),
            protocol: LinkProtocol::Udp,
        }],
    })
}

fn credentials() -> IceCredentials {
    IceCredentials::generate(ShardIndex(0), [3; 34])
}

fn send(index: u32, kind: MediaKind, codec: Codec) -> SendTrack {
    SendTrack {
        subscription: SubscriptionId {
            shard: ShardIndex(0),
            room: RoomIndex(0),
            index,
            node: NodeIndex(0),
        },
        stream_id: format!("PA_x|TR_{index}"),
        track_sid: TrackSid::from(format!("TR_{index}")),
        kind,
        codecs: vec![OfferedCodec { codec, fmtp: None }],
        stereo: false,
        forwarding: Forwarding::Paused,
    }
}

fn sends() -> [SendTrack; 2] {
    [
        send(1, MediaKind::Video, Codec::Vp8),
        send(2, MediaKind::Audio, Codec::Opus),
    ]
}

fn decision() -> PublishDecision {
    PublishDecision {
        track: TrackSid::from("TR_published"),
        preferred: Some(Codec::Vp9),
        dtx: true,
        stereo: false,
        red: true,
    }
}

/// Offers one description after the other, and answers those that are taken.
fn answer_each(descriptions: &[&str]) {
    let mut answerer = Answerer::new(facts(), credentials(), CodecPolicy::default(), 5);
    for description in descriptions {
        let before = format!("{answerer:?}");
        match answerer.handle_offer(description) {
            Err(_) => assert_eq!(
                format!("{answerer:?}"),
                before,
                "what is refused changes nothing"
            ),
            Ok(offered) => {
                let mids = offered.sections.iter().map(|section| section.mid);
                let decisions: BTreeMap<_, _> = mids.map(|mid| (mid, decision())).collect();
                answerer.answer(&decisions);
                sends().into_iter().for_each(|send| answerer.add_send(send));
                answerer.missing_sections();
            }
        }
    }
}

/// Takes each description as the answer to an offer of ours.
fn offer_to_each(descriptions: &[&str]) {
    let mut offerer = Offerer::new(
        facts(),
        credentials(),
        CodecPolicy::default(),
        FirstOffer::AtOnce,
        5,
    );
    sends().into_iter().for_each(|send| offerer.add_send(send));
    for description in descriptions {
        offerer.create_offer();
        let before = format!("{offerer:?}");
        if offerer.handle_answer(0, description).is_err() {
            assert_eq!(
                format!("{offerer:?}"),
                before,
                "what is refused changes nothing"
            );
        }
        offerer.add_send(send(3, MediaKind::Video, Codec::H264));
    }
}

// Descriptions with form feeds between them.
fuzz_target!(|text: &str| {
    let descriptions: Vec<&str> = text.split('\u{c}').take(8).collect();
    answer_each(&descriptions);
    offer_to_each(&descriptions);
});
