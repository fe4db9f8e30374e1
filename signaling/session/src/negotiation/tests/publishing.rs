use sfu_model::{Extension, ExtensionId, PayloadType, Ssrc};

use super::*;
use crate::negotiation::description::{Content, Direction};

fn rids(answer: &Answer, name: &str) -> Vec<String> {
    let (_, media) = answer
        .receives
        .iter()
        .find(|(section, _)| *section == mid(name))
        .unwrap();
    let rids = media.encodings.iter().filter_map(|encoding| encoding.rid);
    rids.map(|rid| rid.0.as_str().to_owned()).collect()
}

#[test]
fn simulcast_is_received_by_rid() {
    let mut answerer = answerer(CodecPolicy::default());
    let answer = negotiate(&mut answerer, SIMULCAST, &[]);
    assert_eq!(rids(&answer, "1"), ["q", "h", "f"]);
    let video = section(&answer.sdp, "1");
    assert!(video.contains("a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\n"));
    assert!(video.contains("a=simulcast:recv q;h;f\r\n"));
    assert!(video.contains("a=recvonly\r\n"));
}

#[test]
fn rids_of_known_names_are_ordered_lowest_first() {
    for (offered, expected) in [
        ("f;h;q", ["q", "h", "f"]),
        ("0;1;2", ["2", "1", "0"]),
        ("c;a;b", ["c", "a", "b"]),
    ] {
        let offer = SIMULCAST.replace("simulcast:send q;h;f", &format!("simulcast:send {offered}"));
        let answer = negotiate(&mut answerer(CodecPolicy::default()), &offer, &[]);
        assert_eq!(rids(&answer, "1"), expected);
    }
}

#[test]
fn an_offer_tells_tracks_and_codecs() {
    let offered = answerer(CodecPolicy::default())
        .handle_offer(SIMULCAST)
        .unwrap();
    assert!(offered.data_channels && !offered.ice_restarted);
    let kinds: Vec<MediaKind> = offered
        .sections
        .iter()
        .map(|section| section.kind)
        .collect();
    assert_eq!(kinds, [MediaKind::Audio, MediaKind::Video]);
    for section in &offered.sections {
        assert!(section.publishes);
        let track = section.track_id.as_deref().unwrap();
        assert!(SIMULCAST.contains(&format!(" {track}\n")));
    }
    let first = offered.sections[1].codecs.first().unwrap();
    assert_eq!(first.codec, Codec::Vp8);
}

#[test]
fn the_preferred_codec_comes_first_with_its_retransmissions() {
    let mut answerer = answerer(CodecPolicy::default());
    let answer = negotiate(
        &mut answerer,
        SIMULCAST,
        &[("1", decision(Some(Codec::Av1)))],
    );
    let types = payload_types(section(&answer.sdp, "1"));
    let (_, media) = &answer.receives[1];
    let first = media.codecs[0];
    assert_eq!(first.codec, Codec::Av1);
    assert_eq!(types[0], first.payload_type.0.to_string());
    assert_eq!(types[1], first.rtx.unwrap().0.to_string());
    assert!(
        media
            .codecs
            .iter()
            .any(|binding| binding.codec == Codec::Vp8)
    );
}

#[test]
fn the_preferred_codec_stands_alone_where_order_is_ignored() {
    let policy = CodecPolicy {
        preferred_codec_alone: true,
        ..CodecPolicy::default()
    };
    let decision = decision(Some(Codec::Vp9));
    let answer = negotiate(&mut answerer(policy), SIMULCAST, &[("1", decision)]);
    let (_, media) = &answer.receives[1];
    assert!(
        media
            .codecs
            .iter()
            .all(|binding| binding.codec == Codec::Vp9)
    );
}

#[test]
fn of_a_restricted_codec_one_format_is_accepted() {
    let line = "packetization-mode=0;profile-level-id=42e033";
    let policy = CodecPolicy {
        enabled: vec![Codec::H264],
        restricted: vec![(Codec::H264, line.to_owned())],
        ..CodecPolicy::default()
    };
    let answer = negotiate(&mut answerer(policy), SIMULCAST, &[("1", decision(None))]);
    let (_, media) = &answer.receives[0];
    let formats: Vec<Codec> = media.codecs.iter().map(|binding| binding.codec).collect();
    assert_eq!(formats, [Codec::H264]);
    assert!(
        answer
            .sdp
            .contains("packetization-mode=0;profile-level-id=42e01f")
    );
}

#[test]
fn svc_is_one_stream_with_its_retransmissions() {
    let answer = negotiate(&mut answerer(CodecPolicy::default()), SVC, &[]);
    let (_, media) = &answer.receives[0];
    assert_eq!(media.encodings.len(), 1);
    assert!(media.encodings[0].ssrc.is_some() && media.encodings[0].rtx_ssrc.is_some());
    assert_eq!(media.codecs[0].codec, Codec::Vp9);
    assert!(
        media
            .extensions
            .id(Extension::DependencyDescriptor)
            .is_some()
    );
    assert!(media.nack && media.transport_cc);
}

#[test]
fn opus_parameters_follow_the_track() {
    let mut answerer = answerer(CodecPolicy::default());
    let offer = SIMULCAST.replace("useinbandfec=1", "useinbandfec=1;stereo=1");
    let answer = negotiate(&mut answerer, &offer, &[]);
    assert!(
        answer
            .sdp
            .contains("a=fmtp:111 minptime=10;useinbandfec=1\r\n")
    );

    let wanted = PublishDecision {
        dtx: true,
        stereo: true,
        ..decision(None)
    };
    let answer = negotiate(&mut answerer, &offer, &[("0", wanted)]);
    let chosen = "useinbandfec=1;usedtx=1;stereo=1;maxaveragebitrate=510000\r\n";
    assert!(answer.sdp.contains(chosen));
    assert!(section(&answer.sdp, "0").contains("a=rtcp-fb:111 nack\r\n"));
}

#[test]
fn red_comes_first_only_where_it_is_wanted() {
    let mut answerer = answerer(CodecPolicy::default());
    let answer = negotiate(&mut answerer, SIMULCAST, &[("0", decision(None))]);
    assert_eq!(payload_types(section(&answer.sdp, "0"))[..2], ["111", "63"]);

    let wanted = PublishDecision {
        red: true,
        ..decision(None)
    };
    let answer = negotiate(&mut answerer, SIMULCAST, &[("0", wanted)]);
    assert_eq!(payload_types(section(&answer.sdp, "0"))[..2], ["63", "111"]);
}

#[test]
fn red_goes_with_the_opus_in_it() {
    let policy = CodecPolicy {
        publish_disabled: vec![Codec::Opus],
        ..CodecPolicy::default()
    };
    let answer = negotiate(&mut answerer(policy), SIMULCAST, &[]);
    assert_eq!(payload_types(section(&answer.sdp, "0")), ["0"]);
}

#[test]
fn a_disabled_codec_is_not_answered() {
    let policy = CodecPolicy {
        publish_disabled: vec![Codec::H264],
        ..CodecPolicy::default()
    };
    let answer = negotiate(&mut answerer(policy), SIMULCAST, &[]);
    assert!(!answer.sdp.contains("H264"));
}

#[test]
fn retransmission_can_be_disabled() {
    let policy = CodecPolicy {
        rtx: false,
        ..CodecPolicy::default()
    };
    let answer = negotiate(&mut answerer(policy), SIMULCAST, &[]);
    assert!(!answer.sdp.contains("rtx"));
}

#[test]
fn a_section_without_a_common_codec_is_rejected_and_its_place_used_again() {
    let policy = CodecPolicy {
        enabled: vec![Codec::Opus],
        ..CodecPolicy::default()
    };
    let mut answerer = answerer(policy);
    let answer = negotiate(&mut answerer, SIMULCAST, &[]);
    assert!(answer.sdp.contains("m=video 0 UDP/TLS/RTP/SAVPF"));
    assert!(answer.sdp.contains("a=group:BUNDLE 0 2\r\n"));

    let recycled = SIMULCAST.replace("a=mid:1\n", "a=mid:9\n");
    let recycled = recycled.replace("BUNDLE 0 1 2", "BUNDLE 0 9 2");
    assert!(answerer.handle_offer(&recycled).is_ok());
}

#[test]
fn a_section_cannot_change_its_place() {
    let mut answerer = answerer(CodecPolicy::default());
    negotiate(&mut answerer, SIMULCAST, &[]);
    let moved = SIMULCAST.replace("a=mid:1\n", "a=mid:9\n");
    let moved = moved.replace("BUNDLE 0 1 2", "BUNDLE 0 9 2");
    let before = format!("{answerer:?}");
    assert!(answerer.handle_offer(&moved).is_err());
    assert_eq!(format!("{answerer:?}"), before);
}

#[test]
fn changed_credentials_restart_ice() {
    let mut answerer = answerer(CodecPolicy::default());
    let first = negotiate(&mut answerer, PION, &[]);
    assert!(first.sdp.contains(&credentials(1).ufrag));
    assert!(!answerer.handle_offer(PION).unwrap().ice_restarted);
    let restarted = PION.replace("ufrag:abcd", "ufrag:efgh");
    assert!(answerer.handle_offer(&restarted).unwrap().ice_restarted);
    answerer.restart_ice(credentials(2));
    let second = answerer.answer(&BTreeMap::new());
    assert!(second.sdp.contains(&credentials(2).ufrag));
    assert!(!second.sdp.contains(&credentials(1).ufrag));
}

#[test]
fn ssrc_groups_name_the_layers() {
    let answer = negotiate(&mut answerer(CodecPolicy::default()), PION, &[]);
    let (_, media) = &answer.receives[0];
    let streams: Vec<_> = media
        .encodings
        .iter()
        .map(|encoding| (encoding.ssrc, encoding.rtx_ssrc))
        .collect();
    let pair = |ssrc, rtx| (Some(Ssrc(ssrc)), Some(Ssrc(rtx)));
    assert_eq!(streams, [pair(11, 21), pair(12, 22), pair(13, 23)]);
    assert!(media.nack, "a=rtcp-fb:* is for every payload type");
}

#[test]
fn packets_that_repair_lost_ones_are_received_where_they_are_offered() {
    let plain = negotiate(&mut answerer(CodecPolicy::default()), PION, &[]);
    assert_eq!(plain.receives[0].1.flexfec, None);
    assert!(!plain.sdp.contains("flexfec"));
    let line = |line: &str| PION.lines().find(|it| it.starts_with(line)).unwrap();
    let section = line("m=video");
    let offer = PION
        .replace(
            section,
            &format!(
                "{section} 115\na=rtpmap:115 flexfec-03/90000\n\
                 a=fmtp:115 repair-window=10000000\na=rtcp-fb:115 transport-cc\na=rtcp-fb:115 goog-remb"
            ),
        )
        .replace(line("a=ssrc-group:SIM"), "a=ssrc-group:FEC-FR 11 31\na=ssrc:31 cname:x");
    for alone in [false, true] {
        let policy = CodecPolicy {
            preferred_codec_alone: alone,
            ..CodecPolicy::default()
        };
        let answer = negotiate(&mut answerer(policy), &offer, &[]);
        let (_, media) = &answer.receives[0];
        assert_eq!(media.flexfec, Some(PayloadType(115)));
        let streams = media.encodings.iter();
        let streams: Vec<_> = streams.map(|it| (it.ssrc, it.flexfec_ssrc)).collect();
        assert_eq!(streams[0], (Some(Ssrc(11)), Some(Ssrc(31))));
        assert!(!streams.iter().any(|(ssrc, _)| *ssrc == Some(Ssrc(31))));
        assert!(answer.sdp.contains(
            "a=rtpmap:115 flexfec-03/90000\r\na=fmtp:115 repair-window=10000000\r\n\
             a=rtcp-fb:115 transport-cc\r\n"
        ));
        assert!(!answer.sdp.contains("a=rtcp-fb:115 goog-remb"));
    }
}

#[test]
fn an_msid_of_an_ssrc_counts_where_there_is_no_other() {
    let offered = answerer(CodecPolicy::default()).handle_offer(PION).unwrap();
    let section = &offered.sections[0];
    assert_eq!(section.stream_id.as_deref(), Some("stream"));
    assert_eq!(section.track_id.as_deref(), Some("track"));
}

#[test]
fn a_stream_without_ssrc_is_known_by_its_section() {
    let offer: String = PION
        .lines()
        .filter(|line| !line.starts_with("a=ssrc"))
        .map(|line| format!("{line}\n"))
        .collect();
    let answer = negotiate(&mut answerer(CodecPolicy::default()), &offer, &[]);
    let (section, media) = &answer.receives[0];
    assert_eq!((*section, media.encodings.len()), (mid("0"), 1));
    assert_eq!(media.encodings[0].ssrc, None);
}

#[test]
fn sections_of_firefox_that_are_bundle_only_are_served() {
    let answer = negotiate(&mut answerer(CodecPolicy::default()), FIREFOX, &[]);
    assert_eq!(rids(&answer, "8"), ["q", "h", "f"]);
    let video = section(&answer.sdp, "8");
    assert!(video.starts_with("video 9 "));
    let (_, media) = &answer.receives[1];
    let dependency = media.extensions.id(Extension::DependencyDescriptor);
    assert_eq!(
        dependency,
        Some(ExtensionId(8)),
        "its line limits it to /sendonly"
    );
    assert_eq!(media.codecs[0].payload_type, PayloadType(120));
}

#[test]
fn what_did_not_change_is_not_reported_again() {
    let mut answerer = answerer(CodecPolicy::default());
    let first = negotiate(&mut answerer, SIMULCAST, &[]);
    assert_eq!(first.receives.len(), 2);
    let second = negotiate(&mut answerer, SIMULCAST, &[("1", decision(None))]);
    let sections: Vec<Mid> = second
        .receives
        .iter()
        .map(|(section, _)| *section)
        .collect();
    assert_eq!(sections, [mid("1")], "it has a track");
    let third = negotiate(&mut answerer, SIMULCAST, &[]);
    assert!(third.receives.is_empty());
}

#[test]
fn a_decision_lasts_as_long_as_the_track_of_its_section() {
    let mut answerer = answerer(CodecPolicy::default());
    let wanted = decision(Some(Codec::Av1));
    let first = negotiate(&mut answerer, SIMULCAST, &[("1", wanted)]);
    let types = |answer: &Answer| {
        let types = payload_types(section(&answer.sdp, "1"));
        types.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let second = negotiate(&mut answerer, SIMULCAST, &[]);
    assert_eq!(types(&second), types(&first));

    let video = SIMULCAST.rfind("a=msid:").unwrap();
    let mut other = SIMULCAST.to_owned();
    let renamed = SIMULCAST.get(video..).unwrap().replacen('-', "x", 8);
    other.replace_range(video.., &renamed);
    let third = negotiate(&mut answerer, &other, &[]);
    assert_ne!(types(&third), types(&first));
}

#[test]
fn an_unpublished_section_is_inactive() {
    let mut answerer = answerer(CodecPolicy::default());
    negotiate(&mut answerer, SIMULCAST, &[]);
    assert!(answerer.receive(mid("1")).is_some());
    let ended = with_section_line(SIMULCAST, "1", "a=sendonly", "a=inactive");
    let offered = answerer.handle_offer(&ended).unwrap();
    assert!(!offered.sections[1].publishes);
    let answer = answerer.answer(&BTreeMap::new());
    assert!(section(&answer.sdp, "1").contains("a=inactive\r\n"));
    assert!(answerer.receive(mid("1")).is_none());
}

#[test]
fn an_answer_reads_back_as_what_it_says() {
    let answer = negotiate(&mut answerer(CodecPolicy::default()), SIMULCAST, &[]);
    let description = parsed(&answer.sdp);
    assert_eq!(description.transport.ice, credentials(1));
    assert_eq!(description.transport.fingerprint, facts().fingerprint);
    assert!(description.mixed_extensions);
    let [audio, video, data] = description.sections.as_slice() else {
        panic!("{description:?}");
    };
    for section in [audio, video] {
        let (_, media) = section.media().unwrap();
        assert_eq!(media.direction, Direction::RecvOnly);
        assert_eq!(media.msid, None);
    }
    assert_eq!(data.content, Content::DataChannels);
    assert!(answer.sdp.contains("\r\na=ice-lite\r\n"));
    assert!(answer.sdp.contains("a=max-message-size:64000\r\n"));
    assert_eq!(answer.sdp.matches("a=candidate:").count(), 1);
    assert_eq!(answer.sdp.matches("a=setup:passive").count(), 3);
    assert!(answer.mid_to_track_id.is_empty());
}
