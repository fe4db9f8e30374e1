use sfu_model::{DtlsRole, Extension, ExtensionId};

use super::*;
use crate::negotiation::description::Direction;
use crate::negotiation::{FirstOffer, Offer, Offerer, SdpError};

fn offerer(policy: CodecPolicy) -> Offerer {
    Offerer::new(facts(), credentials(1), policy, FirstOffer::AtOnce, 6)
}

/// Answers an offer as a client that takes everything, but rejects the sections in `rejected`.
fn accept(offer: &str, rejected: &[&str]) -> String {
    let sections = offer.split("m=").enumerate().map(|(index, section)| {
        let is_rejected = rejected
            .iter()
            .any(|name| section.contains(&format!("a=mid:{name}\r\n")));
        if is_rejected {
            section.replacen(" 9 ", " 0 ", 1)
        } else if index == 0 {
            section.replace("a=ice-lite\r\n", "")
        } else {
            section
                .replace("a=sendonly", "a=recvonly")
                .replace("a=setup:actpass", "a=setup:active")
                .replace(&credentials(1).ufrag, "client")
        }
    });
    sections.collect::<Vec<_>>().join("m=")
}

/// Lets a client take everything.
fn settle(offerer: &mut Offerer) -> (Offer, crate::negotiation::Answered) {
    let offer = offerer.create_offer().unwrap();
    let answer = accept(&offer.sdp, &[]);
    let answered = offerer.handle_answer(offer.id, &answer).unwrap().unwrap();
    (offer, answered)
}

/// An offerer with the subscriptions to which `SUBSCRIBER_ANSWER` was recorded.
fn recorded() -> (Offerer, Offer) {
    let mut offerer = offerer(CodecPolicy::default());
    for (index, codec) in [
        Codec::Red,
        Codec::Vp8,
        Codec::H264,
        Codec::Vp9,
        Codec::Av1,
        Codec::H265,
        Codec::Opus,
        Codec::Pcmu,
    ]
    .into_iter()
    .enumerate()
    {
        offerer.add_send(send(u32::try_from(index).unwrap(), &[codec]));
    }
    let offer = offerer.create_offer().unwrap();
    (offerer, offer)
}

#[test]
fn the_first_offer_brings_the_data_channels() {
    let mut offerer = offerer(CodecPolicy::default());
    assert!(offerer.needs_offer());
    let offer = offerer.create_offer().unwrap();
    assert!((1..=256).contains(&offer.id));
    assert_eq!(offer.sdp.matches("m=").count(), 1);
    assert!(
        offer
            .sdp
            .contains("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n")
    );
    assert!(offer.sdp.contains("a=setup:actpass\r\n"));
    assert!(offer.mid_to_track_id.is_empty());
}

#[test]
fn one_offer_is_outstanding_at_a_time() {
    let mut offerer = offerer(CodecPolicy::default());
    let first = offerer.create_offer().unwrap();
    assert_eq!(offerer.outstanding(), Some(first.id));
    offerer.add_send(send(1, &[Codec::Vp8]));
    assert!(!offerer.needs_offer());
    assert_eq!(offerer.create_offer(), None);
    let answer = accept(&first.sdp, &[]);
    offerer.handle_answer(first.id, &answer).unwrap().unwrap();
    assert!(offerer.needs_offer());
    let (second, answered) = settle(&mut offerer);
    assert_eq!(second.id, first.id + 1);
    assert_eq!(answered.sends[0].0, subscription(1));
    assert_eq!(answered.ice.ufrag, "client");
    assert!(!offerer.needs_offer());
}

#[test]
fn stale_answers_are_ignored_and_number_zero_is_the_outstanding_one() {
    let mut offerer = offerer(CodecPolicy::default());
    let offer = offerer.create_offer().unwrap();
    let answer = accept(&offer.sdp, &[]);
    assert_eq!(offerer.handle_answer(offer.id + 1, &answer), Ok(None));
    assert_eq!(offerer.outstanding(), Some(offer.id));
    assert!(offerer.handle_answer(0, &answer).unwrap().is_some());
    assert_eq!(offerer.handle_answer(offer.id, &answer), Ok(None));
    assert_eq!(offerer.handle_answer(0, &answer), Ok(None));
}

#[test]
fn chromium_answers_all_that_it_decodes() {
    let (mut offerer, offer) = recorded();
    let answered = offerer
        .handle_answer(offer.id, SUBSCRIBER_ANSWER)
        .unwrap()
        .unwrap();
    assert_eq!(answered.unsupported, [subscription(5)], "it has no H265");
    let first: Vec<(u32, Codec)> = answered
        .sends
        .iter()
        .map(|(subscription, media)| (subscription.index, media.codecs[0].codec))
        .collect();
    assert_eq!(
        first,
        [
            (0, Codec::Red),
            (1, Codec::Vp8),
            (2, Codec::H264),
            (3, Codec::Vp9),
            (4, Codec::Av1),
            (6, Codec::Opus),
            (7, Codec::Pcmu),
        ]
    );
    let (_, video) = &answered.sends[1];
    assert!(video.nack && video.rtx_ssrc.is_some());
    // The offer that this answers had no transport-cc: the client estimates.
    assert!(video.extensions.id(Extension::AbsSendTime).is_some());
    assert!(
        offerer.needs_offer(),
        "the section of H265 is to be given up"
    );
}

#[test]
fn a_rejected_sections_place_is_used_again_under_another_mid() {
    let (mut offerer, offer) = recorded();
    offerer
        .handle_answer(offer.id, SUBSCRIBER_ANSWER)
        .unwrap()
        .unwrap();
    offerer.add_send(send(20, &[Codec::Vp8]));
    let next = offerer.create_offer().unwrap();
    assert_eq!(next.sdp.matches("m=").count(), 9);
    assert!(!next.sdp.contains("a=mid:6\r\n"));
    assert_eq!(next.mid_to_track_id["9"], "TR_20");
}

#[test]
fn audio_can_be_asked_for_again_whether_or_not_the_answer_says_so() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Opus]));
    let offer = offerer.create_offer().unwrap();
    assert!(offer.sdp.contains("a=rtcp-fb:111 nack\r\n"));
    let silent = accept(&offer.sdp, &[]).replace("a=rtcp-fb:111 nack\r\n", "");
    let answered = offerer.handle_answer(0, &silent).unwrap().unwrap();
    assert!(answered.sends[0].1.nack);
}

#[test]
fn redundant_audio_can_be_asked_for_again_by_the_codec_in_it() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Red, Codec::Opus]));
    let (offer, answered) = settle(&mut offerer);
    assert_eq!(payload_types(section(&offer.sdp, "1"))[..2], ["63", "111"]);
    assert!(offer.sdp.contains("a=rtcp-fb:111 nack\r\n"));
    assert!(!offer.sdp.contains("a=rtcp-fb:63"));
    assert!(answered.sends[0].1.nack);
}

#[test]
fn a_section_is_used_again_with_another_ssrc_after_it_was_inactive() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    let (_, first) = settle(&mut offerer);
    offerer.remove_send(subscription(1));
    offerer.add_send(send(2, &[Codec::Vp8]));
    let (second, answered) = settle(&mut offerer);
    assert_eq!(answered.sends[0].1.mid, mid("2"));
    assert!(section(&second.sdp, "1").contains("a=inactive\r\n"));
    assert!(!section(&second.sdp, "1").contains("a=msid"));
    offerer.add_send(send(3, &[Codec::Vp9]));
    let (_, third) = settle(&mut offerer);
    let (_, media) = &third.sends[0];
    assert_eq!(media.mid, mid("1"));
    assert_ne!(media.ssrc, first.sends[0].1.ssrc);
}

#[test]
fn of_a_restricted_codec_one_format_is_offered() {
    let line = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E01F";
    let policy = CodecPolicy {
        restricted: vec![(Codec::H264, line.to_owned())],
        ..CodecPolicy::default()
    };
    let mut offerer = offerer(policy);
    offerer.add_send(send(1, &[Codec::H264]));
    let offer = offerer.create_offer().unwrap();
    assert_eq!(offer.sdp.matches(" H264/90000").count(), 1);
    assert!(offer.sdp.contains("a=rtpmap:108 H264/90000"));
}

#[test]
fn where_sections_cannot_be_used_again_their_places_are() {
    let policy = CodecPolicy {
        reuse_sections: false,
        ..CodecPolicy::default()
    };
    let mut offerer = offerer(policy);
    offerer.add_send(send(1, &[Codec::Vp8]));
    let (_, first) = settle(&mut offerer);
    offerer.remove_send(subscription(1));
    let (second, _) = settle(&mut offerer);
    assert!(second.sdp.contains("m=video 0 "));
    offerer.add_send(send(2, &[Codec::Vp8]));
    let (third, answered) = settle(&mut offerer);
    assert_eq!(third.sdp.matches("m=").count(), 2);
    let (_, media) = &answered.sends[0];
    assert_eq!(media.mid, mid("2"));
    assert_ne!(media.ssrc, first.sends[0].1.ssrc);
}

#[test]
fn a_rejected_section_is_unsupported() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    offerer.add_send(send(2, &[Codec::Opus]));
    let offer = offerer.create_offer().unwrap();
    let answer = accept(&offer.sdp, &["1"]);
    let answered = offerer.handle_answer(offer.id, &answer).unwrap().unwrap();
    assert_eq!(answered.unsupported, [subscription(1)]);
    assert_eq!(answered.sends.len(), 1);
}

#[test]
fn a_codec_that_the_client_may_not_be_sent_is_unsupported() {
    let policy = CodecPolicy {
        subscribe_disabled: vec![Codec::Av1],
        ..CodecPolicy::default()
    };
    let mut offerer = offerer(policy);
    offerer.add_send(send(1, &[Codec::Av1]));
    let (offer, answered) = settle(&mut offerer);
    assert!(!offer.sdp.contains("AV1"));
    assert_eq!(answered.unsupported, [subscription(1)]);
}

#[test]
fn a_subscription_that_ends_before_its_answer_is_not_sent() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    let offer = offerer.create_offer().unwrap();
    offerer.remove_send(subscription(1));
    let answer = accept(&offer.sdp, &[]);
    let answered = offerer.handle_answer(offer.id, &answer).unwrap().unwrap();
    assert!(answered.sends.is_empty());
    offerer.add_send(send(2, &[Codec::Vp8]));
    let (next, answered) = settle(&mut offerer);
    assert!(section(&next.sdp, "1").contains("a=inactive\r\n"));
    assert_eq!(
        answered.sends[0].1.mid,
        mid("2"),
        "the client saw the first track"
    );
}

#[test]
fn restarted_ice_gives_up_the_outstanding_offer() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    let lost = offerer.create_offer().unwrap();
    offerer.restart_ice(credentials(2));
    let next = offerer.create_offer().unwrap();
    assert!(next.id > lost.id);
    assert!(next.sdp.contains(&credentials(2).ufrag));
    assert!(next.mid_to_track_id.contains_key("1"));
    let late = offerer.handle_answer(lost.id, &accept(&lost.sdp, &[]));
    assert_eq!(late, Ok(None));
    let answered = offerer.handle_answer(next.id, &accept(&next.sdp, &[]));
    assert_eq!(answered.unwrap().unwrap().sends.len(), 1);
}

#[test]
fn what_did_not_change_is_not_reported_again() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    settle(&mut offerer);
    offerer.add_send(send(2, &[Codec::Opus]));
    let (_, answered) = settle(&mut offerer);
    let reported: Vec<SubscriptionId> = answered.sends.iter().map(|(id, _)| *id).collect();
    assert_eq!(reported, [subscription(2)]);
}

#[test]
fn identifiers_of_extensions_mean_one_thing_in_the_bundle() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    offerer.add_send(send(2, &[Codec::Opus]));
    let offer = offerer.create_offer().unwrap();
    let mut bound: BTreeMap<ExtensionId, Extension> = BTreeMap::new();
    for section in &parsed(&offer.sdp).sections {
        let Some((_, media)) = section.media() else {
            continue;
        };
        assert_eq!(media.direction, Direction::SendOnly);
        for (extension, id) in media.extensions.iter() {
            assert!((1..15).contains(&id.0), "the one-byte form ends at 14");
            assert_eq!(*bound.entry(id).or_insert(extension), extension);
        }
    }
}

#[test]
fn a_client_that_reports_arrivals_is_sent_no_times_of_sending() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    let (offer, answered) = settle(&mut offerer);
    assert!(offer.sdp.contains("transport-cc") && offer.sdp.contains("goog-remb"));
    let (_, video) = &answered.sends[0];
    assert!(video.extensions.id(Extension::TransportCc).is_some());
    assert_eq!(video.extensions.id(Extension::AbsSendTime), None);
}

#[test]
fn h264_is_offered_in_every_profile_but_high() {
    let mut offerer = offerer(CodecPolicy::default());
    let mut track = send(1, &[Codec::H264]);
    track.codecs[0].fmtp = Some("packetization-mode=1;profile-level-id=42e01f".to_owned());
    offerer.add_send(track);
    let offer = offerer.create_offer().unwrap();
    let types = payload_types(section(&offer.sdp, "1"));
    assert_eq!(offer.sdp.matches(" H264/90000\r\n").count(), 6);
    assert_eq!(types[..2], ["108", "109"], "as it is published");
    assert!(!offer.sdp.contains("profile-level-id=64"));
}

#[test]
fn a_client_may_answer_as_either_side_of_dtls() {
    for (setup, role) in [("active", DtlsRole::Server), ("passive", DtlsRole::Client)] {
        let mut offerer = offerer(CodecPolicy::default());
        let offer = offerer.create_offer().unwrap();
        let answer = accept(&offer.sdp, &[]).replace("setup:active", &format!("setup:{setup}"));
        let answered = offerer.handle_answer(offer.id, &answer).unwrap();
        assert_eq!(answered.unwrap().role, role, "{setup}");
    }
}

#[test]
fn an_answer_of_another_shape_is_refused_and_changes_nothing() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Vp8]));
    let offer = offerer.create_offer().unwrap();
    let good = accept(&offer.sdp, &[]);
    let before = format!("{offerer:?}");
    let swapped = good
        .replace("a=mid:1\r\n", "a=mid:5\r\n")
        .replace("BUNDLE 0 1", "BUNDLE 0 5");
    let shape = offerer.handle_answer(offer.id, &swapped);
    assert!(matches!(shape, Err(SdpError::SectionsChanged(_))));
    assert!(offerer.handle_answer(offer.id, "v=0\r\n").is_err());
    assert_eq!(format!("{offerer:?}"), before);
    assert!(offerer.handle_answer(offer.id, &good).unwrap().is_some());
}

#[test]
fn the_first_section_of_a_kind_names_every_codec_of_it() {
    let mut offerer = offerer(CodecPolicy::default());
    for (index, codec) in [Codec::Vp8, Codec::Vp8, Codec::Pcmu, Codec::Opus]
        .into_iter()
        .enumerate()
    {
        offerer.add_send(send(u32::try_from(index).unwrap(), &[codec]));
    }
    let (offer, answered) = settle(&mut offerer);
    let first = payload_types(section(&offer.sdp, "1"));
    assert_eq!(first[..2], ["96", "97"], "the track's own come first");
    for payload_type in ["98", "100", "125", "108", "35", "116"] {
        assert!(first.contains(&payload_type), "{payload_type} in {first:?}");
    }
    assert_eq!(payload_types(section(&offer.sdp, "2")), ["96", "97"]);
    assert_eq!(
        payload_types(section(&offer.sdp, "3")),
        ["0", "111", "63", "8"]
    );
    assert_eq!(payload_types(section(&offer.sdp, "4")), ["111"]);
    let codecs = |index: usize| {
        let (_, media) = &answered.sends[index];
        media.codecs.iter().map(|binding| binding.codec)
    };
    assert!(codecs(0).any(|codec| codec == Codec::H264));
    assert!(codecs(1).eq([Codec::Vp8]));
}

#[test]
fn audio_without_redundancy_is_retransmitted_where_redundancy_is_named_for_others() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::Opus]));
    let (offer, answered) = settle(&mut offerer);
    assert!(payload_types(section(&offer.sdp, "1")).contains(&"63"));
    assert!(answered.sends[0].1.nack);
}

#[test]
fn a_client_that_takes_other_codecs_than_the_tracks_does_not_receive_it() {
    let mut offerer = offerer(CodecPolicy::default());
    offerer.add_send(send(1, &[Codec::H265]));
    let offer = offerer.create_offer().unwrap();
    let answer = accept(&offer.sdp, &[]);
    let without = answer
        .lines()
        .filter(|line| !line.contains("H265") && !line.contains(":116 ") && !line.contains("=116"))
        .map(|line| line.replace(" 116 117", "") + "\r\n")
        .collect::<String>();
    assert!(without.contains("VP8"), "others are taken");
    let answered = offerer.handle_answer(offer.id, &without).unwrap().unwrap();
    assert_eq!(answered.unsupported, [subscription(1)]);
}

#[test]
fn another_section_names_every_codec_when_the_first_is_gone() {
    let mut offerer = offerer(CodecPolicy {
        reuse_sections: false,
        ..CodecPolicy::default()
    });
    offerer.add_send(send(1, &[Codec::Vp8]));
    offerer.add_send(send(2, &[Codec::Vp8]));
    settle(&mut offerer);
    offerer.remove_send(subscription(1));
    let (offer, _) = settle(&mut offerer);
    assert!(payload_types(section(&offer.sdp, "2")).contains(&"125"));
}

#[test]
fn a_transport_that_nothing_stands_on_is_offered_with_its_first_track() {
    let policy = CodecPolicy::default();
    let mut offerer = Offerer::new(facts(), credentials(1), policy, FirstOffer::WithTrack, 6);
    assert!(!offerer.needs_offer());
    assert_eq!(offerer.create_offer(), None);
    offerer.add_send(send(1, &[Codec::Vp8]));
    let (_, answered) = settle(&mut offerer);
    assert_eq!(answered.sends[0].0, subscription(1));
}
