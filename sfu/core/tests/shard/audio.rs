//! Sound: forwarded at once, unwrapped where needed, and measured.

use std::time::Duration;

use sfu_model::{
    Codec, CodecBinding, Event, MediaKind, PayloadType, ReceiveEncoding, RoomIndex, Ssrc,
};
use sfu_rtp::RtpHeader;
use sfu_rtp::rtcp::{NackPair, write_nack};

use crate::media::{MICROPHONE, OPUS, Source, opus, publish, receive, send, subscribe};
use crate::world::{World, publication_id};

const RED: PayloadType = PayloadType(63);

fn red() -> CodecBinding {
    CodecBinding {
        codec: Codec::Red,
        payload_type: RED,
        rtx: None,
    }
}

fn microphone(codecs: &[CodecBinding]) -> World {
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
fn say(world: &mut World, source: &mut Source, level: u8) {
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
