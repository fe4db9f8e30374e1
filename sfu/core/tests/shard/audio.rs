//! Sound: forwarded at once, unwrapped where needed, and measured.

use std::time::Duration;

use sfu_model::{
    Codec, CodecBinding, Event, MediaKind, PayloadType, ReceiveEncoding, RoomIndex, Ssrc,
};
use sfu_rtp::RtpHeader;
use sfu_rtp::rtcp::{NackPair, write_nack};

use crate::media::{MICROPHONE, OPUS, Source, opus, publish, receive, send, subscribe};
use crate::world::{World, publication_id};

pub(crate) const RED: PayloadType = PayloadType(63);

pub(crate) fn red() -> CodecBinding {
    CodecBinding {
        codec: Codec::Red,
        payload_type: RED,
        rtx: None,
    }
}

pub(crate) fn microphone(codecs: &[CodecBinding]) -> World {
    let mut world = World::with(2);
    let encoding = ReceiveEncoding {
        ssrc: Some(MICROPHONE),
        ..ReceiveEncoding::default()
    };
    let mut media = receive(MediaKind::Audio, "0", &[encoding]);
    media.codecs = codecs.to_vec();
    publish(&mut world, media);
    world
}

fn source(payload_type: PayloadType) -> Source {
    let mut source = Source::video(MICROPHONE);
    source.payload_type = payload_type;
    source
}

/// Sends a packet of 20 ms with an audio level in -dBov.
pub(crate) fn say(world: &mut World, source: &mut Source, level: u8) {
    let mut packet = source.packet(&[0x78, 1, 2, 3]);
    // One-byte form, identifier 2, one byte.
    let mut with_level = packet[..12].to_vec();
    with_level[0] |= 0x10;
    with_level.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x20, level | 0x80, 0, 0]);
    with_level.extend_from_slice(&packet.split_off(12));
    source.timestamp = source.timestamp.plus(960);
    world.send_rtp(0, &with_level);
    world.pass(Duration::from_millis(20));
}

fn levels(world: &mut World) -> Vec<usize> {
    world.take_events(|event| match event {
        Event::AudioLevels { room, levels, .. } => {
            assert_eq!(*room, RoomIndex(1));
            assert!(levels.iter().all(|(id, _)| *id == publication_id(0)));
            Some(levels.len())
        }
        _ => None,
    })
}

#[test]
fn audio_is_forwarded_from_the_first_packet_on() {
    let mut world = microphone(&[opus()]);
    subscribe(&mut world, 1, send(MediaKind::Audio, "0", 60_000));
    let mut source = source(OPUS);
    say(&mut world, &mut source, 20);
    assert_eq!(world.participants[1].rtp.len(), 1);
    assert_eq!(world.shard.counters().plis_out, 0);
}

#[test]
fn a_speaker_is_reported_until_silent() {
    let mut world = microphone(&[opus()]);
    let mut source = source(OPUS);
    for _ in 0..100 {
        say(&mut world, &mut source, 20);
    }
    let reports = levels(&mut world);
    assert!((3..=5).contains(&reports.len()), "{reports:?}");
    assert!(reports.iter().all(|named| *named == 1));
    for _ in 0..150 {
        say(&mut world, &mut source, 127);
    }
    let reports = levels(&mut world);
    assert_eq!(reports.last(), Some(&0));
    assert!(reports.len() <= 5, "{reports:?}");
    world.pass(Duration::from_secs(5));
    assert_eq!(levels(&mut world), []);
}

#[test]
fn a_quiet_room_is_not_reported() {
    let mut world = microphone(&[opus()]);
    let mut source = source(OPUS);
    for _ in 0..100 {
        say(&mut world, &mut source, 60);
    }
    assert_eq!(levels(&mut world), []);
}

/// RFC 2198: one redundant block of 960 ticks before, then the primary.
fn red_payload(redundant: &[u8], primary: &[u8]) -> Vec<u8> {
    let len = u32::try_from(redundant.len()).unwrap();
    let [_, offset_and_len @ ..] = (960_u32 << 10 | len).to_be_bytes();
    let mut payload = vec![0x80 | OPUS.0];
    payload.extend_from_slice(&offset_and_len);
    payload.push(OPUS.0);
    payload.extend_from_slice(redundant);
    payload.extend_from_slice(primary);
    payload
}

fn red_packet(source: &mut Source, redundant: &[u8], primary: &[u8]) -> Vec<u8> {
    let packet = source.packet(&red_payload(redundant, primary));
    source.timestamp = source.timestamp.plus(960);
    packet
}

fn payloads(world: &mut World) -> Vec<(u8, Vec<u8>)> {
    let packets = std::mem::take(&mut world.participants[1].rtp);
    packets
        .iter()
        .map(|packet| {
            let header = RtpHeader::parse(packet).unwrap();
            (header.payload_type.0, header.payload(packet).to_vec())
        })
        .collect()
}

#[test]
fn redundant_audio_is_forwarded_as_it_is_to_those_who_take_it() {
    let mut world = microphone(&[red(), opus()]);
    let mut media = send(MediaKind::Audio, "0", 60_000);
    media.codecs = vec![red(), opus()];
    subscribe(&mut world, 1, media);
    let mut source = source(RED);
    let packet = red_packet(&mut source, b"before", b"now");
    world.send_rtp(0, &packet);
    let expected = (RED.0, red_payload(b"before", b"now"));
    assert_eq!(payloads(&mut world), [expected]);
}

#[test]
fn a_subscriber_of_plain_opus_gets_each_packet_once_and_lost_ones_from_redundancy() {
    let mut world = microphone(&[red(), opus()]);
    subscribe(&mut world, 1, send(MediaKind::Audio, "0", 60_000));
    let mut source = source(RED);
    let packets = [
        red_packet(&mut source, b"zero", b"one"),
        red_packet(&mut source, b"one", b"two"),
        red_packet(&mut source, b"two", b"three"),
    ];
    world.send_rtp(0, &packets[0]);
    world.send_rtp(0, &packets[2]);
    let numbers: Vec<_> = world.participants[1]
        .rtp
        .iter()
        .map(|packet| RtpHeader::parse(packet).unwrap().seq)
        .collect();
    assert_eq!(numbers[2].ahead_of(numbers[0]), 2);
    let expected = [&b"one"[..], b"two", b"three"].map(|text| (OPUS.0, text.to_vec()));
    assert_eq!(payloads(&mut world), expected);
    world.send_rtp(0, &packets[1]);
    assert_eq!(payloads(&mut world), []);
    // What was recovered was other bytes than the packet that came late: it is not sent again.
    world.pass(Duration::from_millis(200));
    let pair = NackPair {
        first: numbers[1],
        following: 1,
    };
    world.send_rtcp(1, |out| write_nack(out, Ssrc(9), Ssrc(60_000), &[pair]));
    assert_eq!(payloads(&mut world), [(OPUS.0, b"three".to_vec())]);
}

fn codecs_told(world: &mut World) -> Vec<Codec> {
    world.take_events(|event| match event {
        Event::CodecChanged { publication, codec } => {
            assert_eq!(*publication, publication_id(0));
            Some(*codec)
        }
        _ => None,
    })
}

const PCMU: PayloadType = PayloadType(0);

fn pcmu() -> CodecBinding {
    CodecBinding {
        codec: Codec::Pcmu,
        payload_type: PCMU,
        rtx: None,
    }
}

#[test]
fn sound_in_another_codec_than_the_first_that_was_negotiated_arrives_and_is_told() {
    let mut world = microphone(&[opus(), pcmu()]);
    let mut media = send(MediaKind::Audio, "0", 60_000);
    media.codecs = vec![opus(), pcmu()];
    subscribe(&mut world, 1, media);
    let mut source = source(PCMU);
    for _ in 0..3 {
        let packet = source.packet(b"sound");
        world.send_rtp(0, &packet);
    }
    let expected = (PCMU.0, b"sound".to_vec());
    assert_eq!(
        payloads(&mut world),
        [expected.clone(), expected.clone(), expected]
    );
    assert_eq!(codecs_told(&mut world), [Codec::Pcmu]);
}

#[test]
fn plain_opus_between_redundant_packets_is_no_other_codec() {
    let mut world = microphone(&[red(), opus()]);
    let mut source = source(OPUS);
    world.send_rtp(0, &source.packet(b"plain"));
    source.payload_type = RED;
    world.send_rtp(0, &red_packet(&mut source, b"plain", b"two"));
    assert_eq!(codecs_told(&mut world), []);
}

#[test]
fn a_stream_goes_on_in_a_codec_of_another_clock_after_a_moment() {
    let mut world = microphone(&[opus(), pcmu()]);
    let mut media = send(MediaKind::Audio, "0", 60_000);
    media.codecs = vec![opus(), pcmu()];
    subscribe(&mut world, 1, media);
    let mut source = source(OPUS);
    world.send_rtp(0, &source.packet(b"opus"));
    source.payload_type = PCMU;
    world.send_rtp(0, &source.packet(b"too soon"));
    world.pass(Duration::from_millis(600));
    source.timestamp = source.timestamp.plus(1_000_000);
    world.send_rtp(0, &source.packet(b"pcmu"));
    let headers = world.participants[1].take_headers();
    let [before, after] = headers[..] else {
        panic!("{headers:?}");
    };
    assert_eq!(after.seq, before.seq.next());
    // 600 ms of the codec's own clock, however far the publisher's timestamps jumped.
    assert_eq!(after.timestamp.ahead_of(before.timestamp), 600 * 8);
}
