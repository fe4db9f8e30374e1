use super::*;
use sfu_model::PayloadType;

/// An answerer that has answered a first offer with three idle sections of each kind.
fn idle() -> Answerer {
    let mut answerer = answerer(CodecPolicy::default());
    negotiate(&mut answerer, SINGLE_FIRST, &[]);
    answerer
}

fn seats(answer: &Answer) -> Vec<(u32, String)> {
    let seats = answer.sends.iter();
    seats
        .map(|(subscription, media)| (subscription.index, media.mid.0.as_str().to_owned()))
        .collect()
}

fn seat(index: u32, name: &str) -> (u32, String) {
    (index, name.to_owned())
}

#[test]
fn idle_sections_are_inactive_and_name_no_track() {
    let mut answerer = answerer(CodecPolicy::default());
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(answer.sdp.matches("a=inactive\r\n").count(), 6);
    assert!(!answer.sdp.contains("a=msid:") && !answer.sdp.contains("a=ssrc"));
    assert!(answer.mid_to_track_id.is_empty());
    assert!(!answerer.needs_offer());
}

#[test]
fn extensions_are_accepted_where_nothing_flows_yet() {
    let answer = negotiate(&mut answerer(CodecPolicy::default()), SINGLE_FIRST, &[]);
    let video = section(&answer.sdp, "3");
    for uri in [
        "sdes:rtp-stream-id",
        "repaired-rtp-stream-id",
        "transport-wide-cc",
        "abs-send-time",
    ] {
        assert!(video.contains(uri), "{uri}");
    }
}

#[test]
fn a_subscription_takes_an_idle_section_of_its_kind() {
    let mut answerer = idle();
    answerer.add_send(send(1, &[Codec::Vp8]));
    answerer.add_send(send(2, &[Codec::Red, Codec::Opus]));
    assert!(answerer.needs_offer());
    assert_eq!(answerer.missing_sections(), (0, 0));
    let answer = negotiate(&mut answerer, SINGLE_PUBLISHING, &[]);
    assert_eq!(seats(&answer), [seat(2, "0"), seat(1, "3")]);
    let video = section(&answer.sdp, "3");
    assert!(video.contains("a=sendonly\r\n"));
    assert!(video.contains("a=msid:PA_x|TR_1 TR_1\r\n"));
    assert_eq!(payload_types(video)[..2], ["96", "97"]);
    assert_eq!(payload_types(section(&answer.sdp, "0"))[..2], ["63", "111"]);
    let tracks: Vec<(&str, &str)> = answer
        .mid_to_track_id
        .iter()
        .map(|(name, track)| (name.as_str(), track.as_str()))
        .collect();
    assert_eq!(tracks, [("0", "TR_2"), ("3", "TR_1")]);
    assert!(!answerer.needs_offer());
}

#[test]
fn sections_are_missing_where_more_are_queued_than_idle() {
    let mut answerer = idle();
    for index in 0..5 {
        answerer.add_send(send(index, &[Codec::Vp8]));
    }
    assert_eq!(answerer.missing_sections(), (0, 2));
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(answer.sends.len(), 3);
    assert_eq!(answerer.missing_sections(), (0, 2));
    answerer.remove_send(subscription(4));
    assert_eq!(answerer.missing_sections(), (0, 1));
}

#[test]
fn nothing_is_asked_for_before_the_first_offer() {
    let mut answerer = answerer(CodecPolicy::default());
    answerer.add_send(send(1, &[Codec::Vp8]));
    assert!(!answerer.needs_offer());
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(seats(&answer), [seat(1, "3")]);
}

#[test]
fn a_section_is_used_again_after_the_client_saw_its_track_end() {
    let mut answerer = idle();
    answerer.add_send(send(1, &[Codec::Vp8]));
    let first = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    answerer.remove_send(subscription(1));
    answerer.add_send(send(2, &[Codec::Vp9]));
    let second = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(seats(&second), [seat(2, "4")]);
    assert!(section(&second.sdp, "3").contains("a=inactive\r\n"));
    answerer.add_send(send(3, &[Codec::Vp8]));
    let third = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(seats(&third), [seat(3, "3")]);
    let ssrcs = |answer: &Answer| (answer.sends[0].1.ssrc, answer.sends[0].1.rtx_ssrc);
    assert_ne!(ssrcs(&third), ssrcs(&first));
    assert_ne!(ssrcs(&second), ssrcs(&first));
}

#[test]
fn the_end_of_a_subscription_needs_an_offer() {
    let mut answerer = idle();
    answerer.add_send(send(1, &[Codec::Vp8]));
    negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert!(!answerer.needs_offer());
    answerer.remove_send(subscription(1));
    assert!(answerer.needs_offer());
    negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert!(!answerer.needs_offer());
}

#[test]
fn a_codec_that_the_client_lacks_is_unsupported() {
    let mut answerer = idle();
    let without = SINGLE_FIRST.replace("AV1/90000", "AV9/90000");
    answerer.add_send(send(1, &[Codec::Av1]));
    answerer.add_send(send(2, &[Codec::Vp8]));
    let answer = negotiate(&mut answerer, &without, &[]);
    assert_eq!(answer.unsupported, [subscription(1)]);
    assert_eq!(seats(&answer), [seat(2, "3")]);
    assert!(!answerer.needs_offer());
}

#[test]
fn a_codec_that_the_client_may_not_be_sent_is_unsupported() {
    let policy = CodecPolicy {
        subscribe_disabled: vec![Codec::Red],
        ..CodecPolicy::default()
    };
    let mut answerer = answerer(policy);
    answerer.add_send(send(1, &[Codec::Red]));
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    let (_, media) = &answer.sends[0];
    let codecs: Vec<Codec> = media.codecs.iter().map(|binding| binding.codec).collect();
    assert_eq!(codecs[0], Codec::Opus, "RED is sent as what is in it");
    assert!(!codecs.contains(&Codec::Red));
    assert!(media.nack);
}

#[test]
fn h264_is_sent_in_the_packetization_mode_it_was_published_in() {
    let mut answerer = idle();
    let published = "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f";
    let mut track = send(1, &[Codec::H264]);
    track.codecs[0].fmtp = Some(published.to_owned());
    answerer.add_send(track);
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    let (_, media) = &answer.sends[0];
    let h264 = media.codecs.iter().filter(|it| it.codec == Codec::H264);
    assert_eq!(h264.count(), 1, "a packet does not tell its profile");
    let PayloadType(number) = media.codecs[0].payload_type;
    assert!(SINGLE_FIRST.contains(&format!("a=fmtp:{number} {published}\n")));
}

#[test]
fn high_profile_is_not_sent() {
    let high = SINGLE_FIRST.replace("profile-level-id=42e01f", "profile-level-id=640c1f");
    assert_ne!(high, SINGLE_FIRST);
    let mut answerer = answerer(CodecPolicy::default());
    answerer.add_send(send(1, &[Codec::H264]));
    let answer = negotiate(&mut answerer, &high, &[]);
    assert_eq!(answer.unsupported, [subscription(1)]);
}

#[test]
fn a_section_in_which_the_client_stopped_receiving_is_left() {
    let mut answerer = idle();
    answerer.add_send(send(1, &[Codec::Vp8]));
    negotiate(&mut answerer, SINGLE_FIRST, &[]);
    let stopped = with_section_line(SINGLE_FIRST, "3", "a=recvonly", "a=inactive");
    let answer = negotiate(&mut answerer, &stopped, &[]);
    assert_eq!(seats(&answer), [seat(1, "4")]);
}

#[test]
fn a_replaced_subscription_keeps_its_section_unless_its_track_differs() {
    let mut answerer = idle();
    answerer.add_send(send(1, &[Codec::Vp8]));
    negotiate(&mut answerer, SINGLE_FIRST, &[]);
    answerer.add_send(send(1, &[Codec::Vp9, Codec::Vp8]));
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(seats(&answer), [seat(1, "3")]);
    let codecs = answer.sends[0].1.codecs.iter().map(|it| it.codec);
    assert_eq!(codecs.take(2).collect::<Vec<_>>(), [Codec::Vp9, Codec::Vp8]);
    let mut other = send(1, &[Codec::Vp8]);
    other.track_sid = TrackSid::from("TR_other");
    answerer.add_send(other);
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(seats(&answer), [seat(1, "4")]);
}

#[test]
fn the_name_of_a_stream_cannot_break_out_of_its_line() {
    let mut answerer = idle();
    let mut track = send(1, &[Codec::Vp8]);
    track.stream_id = "PA_x|my cam\r\na=evil".to_owned();
    answerer.add_send(track);
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert!(answer.sdp.contains("a=msid:PA_x|my_cam__a_evil TR_1\r\n"));
}

#[test]
fn our_ssrcs_are_none_of_the_clients() {
    let ours = {
        let mut answerer = idle();
        answerer.add_send(send(1, &[Codec::Opus]));
        negotiate(&mut answerer, SINGLE_FIRST, &[]).sends[0].1.ssrc
    };
    let mut answerer = answerer(CodecPolicy::default());
    let taken = SINGLE_PUBLISHING.find("a=ssrc:").unwrap();
    let (before, after) = SINGLE_PUBLISHING.split_at(taken);
    let offer = format!("{before}a=ssrc:{} cname:x\n{after}", ours.0);
    answerer.add_send(send(1, &[Codec::Opus]));
    let answer = negotiate(&mut answerer, &offer, &[]);
    assert_ne!(answer.sends[0].1.ssrc, ours);
}

#[test]
fn stereo_is_told() {
    let mut answerer = idle();
    answerer.add_send(SendTrack {
        stereo: true,
        ..send(1, &[Codec::Opus])
    });
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert!(section(&answer.sdp, "0").contains("useinbandfec=1;sprop-stereo=1\r\n"));
}

#[test]
fn the_first_section_of_a_kind_is_answered_with_every_codec_of_it() {
    let mut answerer = answerer(CodecPolicy::default());
    answerer.add_send(send(1, &[Codec::Vp8]));
    answerer.add_send(send(2, &[Codec::Vp8]));
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(seats(&answer), [seat(1, "3"), seat(2, "4")]);
    let h264 = |media: &sfu_model::SendMedia| {
        let mut codecs = media.codecs.iter();
        codecs.any(|binding| binding.codec == Codec::H264)
    };
    let named: Vec<bool> = answer.sends.iter().map(|(_, media)| h264(media)).collect();
    assert_eq!(named, [true, false]);
    assert!(section(&answer.sdp, "3").contains(" H264/90000\r\n"));
    assert_eq!(payload_types(section(&answer.sdp, "4")), ["96", "97"]);
}

#[test]
fn a_track_that_comes_in_another_codec_is_negotiated_again() {
    let mut answerer = idle();
    answerer.add_send(send(1, &[Codec::Vp8]));
    answerer.add_send(send(2, &[Codec::Vp8]));
    negotiate(&mut answerer, SINGLE_FIRST, &[]);
    answerer.add_send(send(2, &[Codec::Vp8]));
    assert!(!answerer.needs_offer(), "nothing has changed");
    answerer.add_send(send(2, &[Codec::H264]));
    assert!(answerer.needs_offer());
    let answer = negotiate(&mut answerer, SINGLE_FIRST, &[]);
    assert_eq!(answer.sends[0].1.codecs[0].codec, Codec::H264);
    assert!(!answerer.needs_offer());
}
