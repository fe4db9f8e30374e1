//! A stream that begins anew: what was sent before stays what it was.
//!
//! Where retransmissions have no SSRC of their own, a packet that goes out again under its number must be
//! the very same: another one under the same SRTP index would give the session's keys away (RFC 7714
//! section 8.4).

use std::time::Duration;

use sfu_model::{Codec, Event, Extension, ExtensionId, MediaKind, SendMedia, Ssrc};
use sfu_rtp::rtcp::{NackPair, write_nack};
use sfu_rtp::{RtpHeader, RtpTimestamp, SeqNo};

use crate::media::{
    CAMERA, MICROPHONE, OPUS, Source, call, camera, extensions, opus, publish, receive, rid, send,
    subscribe,
};
use crate::simulcast::{simulcast, sources};
use crate::world::World;

/// Asks for a packet that participant 1 had, and returns what comes.
fn ask_again(world: &mut World, media: Ssrc, seq: SeqNo) -> Vec<Vec<u8>> {
    world.pass(Duration::from_millis(200));
    world.participants[1].rtp.clear();
    let pair = NackPair {
        first: seq,
        following: 0,
    };
    world.send_rtcp(1, |out| write_nack(out, Ssrc(9), media, &[pair]));
    std::mem::take(&mut world.participants[1].rtp)
}

fn without_rtx() -> SendMedia {
    let mut media = send(MediaKind::Video, "0", 50_000);
    media.rtx_ssrc = None;
    media
}

/// Has the camera go on as another SSRC that repeats its sequence numbers, and asks for a packet from
/// before.
fn ask_after_restart(media: SendMedia) -> Vec<Vec<u8>> {
    let mut world = World::with(2);
    publish(&mut world, camera());
    subscribe(&mut world, 1, media);
    let mut source = Source::video(CAMERA);
    for i in 0..20 {
        world.send_rtp(0, &source.next(i == 0));
    }
    let sent = world.participants[1].take_headers();
    world.pass(Duration::from_millis(500));
    let mut again = Source::video(Ssrc(77));
    again.picture = 900;
    for i in 0..20 {
        world.send_rtp(0, &again.next(i == 0));
    }
    assert_eq!(world.participants[1].rtp.len(), 20);
    let mut answers = Vec::new();
    for header in sent {
        answers.extend(ask_again(&mut world, Ssrc(50_000), header.seq));
    }
    answers
}

#[test]
fn a_packet_from_before_a_restart_is_not_answered_with_another_one() {
    assert_eq!(
        ask_after_restart(send(MediaKind::Video, "0", 50_000)),
        [[0; 0]; 0]
    );
}

#[test]
fn without_a_retransmission_format_no_number_is_used_again_after_a_restart() {
    assert_eq!(ask_after_restart(without_rtx()), [[0; 0]; 0]);
}

#[test]
fn packets_from_after_a_restart_are_sent_again() {
    let mut world = call(2);
    world.send_rtp(0, &Source::video(CAMERA).next(true));
    world.pass(Duration::from_millis(500));
    world.participants[1].rtp.clear();
    world.send_rtp(0, &Source::video(Ssrc(77)).next(true));
    let seq = world.participants[1].take_headers()[0].seq;
    assert_eq!(ask_again(&mut world, Ssrc(50_000), seq).len(), 1);
}

#[test]
fn a_packet_is_not_written_otherwise_after_its_section_changed() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    subscribe(&mut world, 1, without_rtx());
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let seq = world.participants[1].take_headers()[0].seq;
    let mut media = without_rtx();
    media.extensions = [(Extension::Mid, ExtensionId(9))].into_iter().collect();
    subscribe(&mut world, 1, media.clone());
    assert_eq!(ask_again(&mut world, Ssrc(50_000), seq), [[0; 0]; 0]);
    // What says the same as before changes nothing.
    world.send_rtp(0, &source.next(false));
    let seq = world.participants[1].take_headers()[0].seq;
    subscribe(&mut world, 1, media);
    assert_eq!(ask_again(&mut world, Ssrc(50_000), seq).len(), 1);
}

#[test]
fn a_packet_is_not_read_otherwise_after_its_publication_changed() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    subscribe(&mut world, 1, without_rtx());
    world.send_rtp(0, &Source::video(CAMERA).next(true));
    let seq = world.participants[1].take_headers()[0].seq;
    let mut media = camera();
    let orientation = (Extension::VideoOrientation, ExtensionId(3));
    let map = extensions();
    let others = map.iter().filter(|(_, id)| *id != ExtensionId(3));
    media.extensions = others.chain([orientation]).collect();
    publish(&mut world, media);
    assert_eq!(ask_again(&mut world, Ssrc(50_000), seq), [[0; 0]; 0]);
}

#[test]
fn an_encoding_that_goes_on_beside_one_that_restarts_is_repaired_as_before() {
    let mut world = World::with(2);
    publish(&mut world, simulcast());
    subscribe(&mut world, 1, send(MediaKind::Video, "0", 50_000));
    let [mut low, mut middle, mut high] = sources();
    for source in [&mut low, &mut middle, &mut high] {
        world.send_rtp(0, &source.next(true));
    }
    world.pass(Duration::from_millis(600));
    world.participants[1].rtp.clear();
    world.send_rtp(0, &high.next(false));
    let sent = world.participants[1].take_headers()[0];
    low.ssrc = Ssrc(99);
    world.send_rtp(0, &low.next(true));
    assert_eq!(ask_again(&mut world, Ssrc(50_000), sent.seq).len(), 1);
}

#[test]
fn another_track_of_the_same_section_takes_another_ssrc_and_begins_far_from_the_wrap() {
    for seed in 0..8 {
        let mut world = call(2);
        for ssrc in 0..20 {
            let media = send(MediaKind::Video, "0", 60_000 + 100 * seed + 2 * ssrc);
            subscribe(&mut world, 1, media);
            world.pass(Duration::from_millis(500));
            world.send_rtp(0, &Source::video(Ssrc(200 + ssrc)).next(true));
            let header = world.participants[1].take_headers().pop().unwrap();
            assert!(header.seq.0 < 1 << 15, "{header:?}");
            let again = ask_again(&mut world, header.ssrc, header.seq);
            let again = RtpHeader::parse(&again[0]).unwrap();
            assert!(again.seq.0 < 1 << 15, "{again:?}");
        }
    }
}

#[test]
fn another_codec_is_taken_up_at_its_key_frame() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    let both = |mut codecs: Vec<_>| {
        codecs.push(sfu_model::CodecBinding {
            codec: Codec::H264,
            payload_type: sfu_model::PayloadType(102),
            rtx: None,
        });
        codecs
    };
    let mut media = camera();
    media.codecs = both(media.codecs);
    publish(&mut world, media);
    let mut media = send(MediaKind::Video, "0", 50_000);
    media.codecs = both(media.codecs);
    subscribe(&mut world, 1, media);
    world.send_rtp(0, &source.next(true));
    source.payload_type = sfu_model::PayloadType(102);
    world.participants[1].rtp.clear();
    world.send_rtp(0, &source.frame(&[0x61, 0x88, 1]));
    assert_eq!(
        world.participants[1].rtp.len(),
        0,
        "no decoder begins there"
    );
    world.send_rtp(
        0,
        &source.frame(&[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 1, 0, 2, 0x65, 0x88]),
    );
    assert_eq!(world.participants[1].rtp.len(), 1);
    let told = world.take_events(|event| match event {
        Event::CodecChanged { codec, .. } => Some(*codec),
        _ => None,
    });
    assert_eq!(told, [Codec::H264]);
}

#[test]
fn an_ssrc_that_no_description_declares_is_told_when_its_encoding_starts() {
    let mut world = World::with(2);
    publish(&mut world, simulcast());
    for mut source in sources() {
        world.send_rtp(0, &source.next(true));
    }
    let started = world.take_events(|event| match event {
        Event::EncodingStarted { rid, ssrc, .. } => Some((rid.unwrap(), *ssrc)),
        _ => None,
    });
    let expected = [("q", 11), ("h", 12), ("f", 13)];
    assert_eq!(
        started,
        expected.map(|(name, ssrc)| (rid(name), Ssrc(ssrc)))
    );
    let mut world = call(2);
    world.send_rtp(0, &Source::video(CAMERA).next(true));
    let started =
        world.take_events(|event| matches!(event, Event::EncodingStarted { .. }).then_some(()));
    assert_eq!(started, []);
}

/// A RED payload around `redundant` of 960 ticks before, and `primary`.
fn redundant(redundant: &[u8], primary: &[u8]) -> Vec<u8> {
    let len = u32::try_from(redundant.len()).unwrap();
    let [_, offset_and_len @ ..] = (960_u32 << 10 | len).to_be_bytes();
    let headers = [&[0x80 | OPUS.0][..], &offset_and_len, &[OPUS.0]].concat();
    [&headers[..], redundant, primary].concat()
}

#[test]
fn a_plain_packet_between_redundant_ones_goes_out_under_its_number_once() {
    let red = sfu_model::CodecBinding {
        codec: Codec::Red,
        payload_type: sfu_model::PayloadType(63),
        rtx: None,
    };
    let mut world = World::with(2);
    let mut media = receive(
        MediaKind::Audio,
        "0",
        &[sfu_model::ReceiveEncoding {
            ssrc: Some(MICROPHONE),
            ..Default::default()
        }],
    );
    media.codecs = vec![red, opus()];
    publish(&mut world, media);
    subscribe(&mut world, 1, send(MediaKind::Audio, "0", 60_000));
    let mut source = Source::audio(MICROPHONE);
    source.timestamp = RtpTimestamp(5);
    for (payload_type, payload) in [
        (red.payload_type, redundant(b"0", b"1")),
        (OPUS, b"2".to_vec()),
        (red.payload_type, redundant(b"2", b"3")),
    ] {
        source.payload_type = payload_type;
        let packet = source.packet(&payload);
        source.timestamp = source.timestamp.plus(960);
        world.send_rtp(0, &packet);
    }
    let headers = world.participants[1].take_headers();
    let numbers: Vec<_> = headers.iter().map(|header| header.seq.0).collect();
    let first = numbers[0];
    assert_eq!(numbers, [first, first + 1, first + 2]);
}
