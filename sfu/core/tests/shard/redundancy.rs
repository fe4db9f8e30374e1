//! Redundancy of sound (RED), in all four directions.

use std::time::Duration;

use sfu_model::{CodecBinding, MediaKind, PayloadType, RedundancyPolicy, SendMedia, Ssrc};
use sfu_rtp::payload::red::blocks;
use sfu_rtp::rtcp::{NackPair, ReportBlock, write_nack, write_receiver_report};
use sfu_rtp::{RtpHeader, SeqNo};

use crate::audio::{RED, microphone, red};
use crate::media::{MICROPHONE, OPUS, Source, opus, send, subscribe};
use crate::world::World;

const EAR: Ssrc = Ssrc(60_000);

/// A microphone whose packets say their number.
struct Voice {
    source: Source,
    /// What its redundancy is said to be of.
    inner: PayloadType,
    number: u32,
}

impl Voice {
    fn new() -> Self {
        Self {
            source: Source::video(MICROPHONE),
            inner: OPUS,
            number: 0,
        }
    }

    /// Makes the next packet, with so many earlier ones or as plain Opus.
    fn next(&mut self, depth: Option<u32>) -> Vec<u8> {
        let payload = match depth {
            None => sound(self.number),
            Some(depth) => self.redundant(depth),
        };
        self.source.payload_type = depth.map_or(OPUS, |_| RED);
        let packet = self.source.packet(&payload);
        self.source.timestamp = self.source.timestamp.plus(960);
        self.number += 1;
        packet
    }

    fn redundant(&self, depth: u32) -> Vec<u8> {
        let earlier = (1..=depth).rev().filter(|back| *back <= self.number);
        let mut payload = Vec::new();
        for back in earlier.clone() {
            let len = u32::try_from(sound(self.number - back).len()).unwrap();
            let [_, offset_and_len @ ..] = ((960 * back) << 10 | len).to_be_bytes();
            payload.push(0x80 | self.inner.0);
            payload.extend_from_slice(&offset_and_len);
        }
        payload.push(self.inner.0);
        for back in earlier {
            payload.extend_from_slice(&sound(self.number - back));
        }
        payload.extend_from_slice(&sound(self.number));
        payload
    }
}

/// Returns sound of unequal lengths.
fn sound(number: u32) -> Vec<u8> {
    format!("{number:0width$}", width = 3 + number as usize % 5).into_bytes()
}

fn takes_red() -> SendMedia {
    let mut media = send(MediaKind::Audio, "0", EAR.0);
    media.codecs = vec![red(), opus()];
    media
}

/// Makes a call in which participant 1 hears participant 0, who has sent 200 packets.
fn call(codecs: &[CodecBinding], media: SendMedia, depth: Option<u32>) -> (World, Voice) {
    let mut world = microphone(codecs);
    subscribe(&mut world, 1, media);
    let mut voice = Voice::new();
    for _ in 0..200 {
        world.send_rtp(0, &voice.next(depth));
    }
    (world, voice)
}

/// Has participant 1 report that it has lost so many packets since it began.
fn lose(world: &mut World, lost: i32) {
    let block = ReportBlock {
        ssrc: EAR,
        fraction_lost: 0,
        cumulative_lost: lost,
        highest_seq: 0,
        jitter: 0,
        last_sender_report: 0,
        delay: 0,
    };
    world.send_rtcp(1, |out| write_receiver_report(out, Ssrc(9), &[block]));
}

/// Asks for a packet again. Returns what comes.
fn ask(world: &mut World, seq: SeqNo) -> Vec<Vec<u8>> {
    world.pass(Duration::from_millis(200));
    world.participants[1].rtp.clear();
    let pair = NackPair {
        first: seq,
        following: 0,
    };
    world.send_rtcp(1, |out| write_nack(out, Ssrc(9), EAR, &[pair]));
    std::mem::take(&mut world.participants[1].rtp)
}

fn latest(world: &World, place: usize) -> (RtpHeader, Vec<u8>) {
    let packet = world.participants[place].rtp.last().unwrap();
    let header = RtpHeader::parse(packet).unwrap();
    (header, header.payload(packet).to_vec())
}

/// Returns the payload type of the latest packet of participant 1, and the sound in it, the oldest first.
fn heard(world: &World) -> (PayloadType, Vec<u32>) {
    let (header, payload) = latest(world, 1);
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().parse().unwrap();
    let numbers = match header.payload_type {
        RED => blocks(&payload)
            .inspect(|block| assert_eq!(block.payload_type, OPUS))
            .map(|block| number(block.bytes))
            .collect(),
        _ => vec![number(&payload)],
    };
    (header.payload_type, numbers)
}

#[test]
fn plain_opus_goes_with_one_earlier_packet_where_a_little_is_lost_and_with_two_where_much_is() {
    let (mut world, mut voice) = call(&[opus()], takes_red(), None);
    world.join();
    let mut neighbour = takes_red();
    neighbour.ssrc = Ssrc(70_000);
    subscribe(&mut world, 2, neighbour);
    assert_eq!(heard(&world), (OPUS, vec![199]));
    lose(&mut world, 6);
    world.send_rtp(0, &voice.next(None));
    assert_eq!(heard(&world), (RED, vec![199, 200]));
    let before = latest(&world, 1).0;
    lose(&mut world, 7);
    for _ in 201..260 {
        world.send_rtp(0, &voice.next(None));
    }
    lose(&mut world, 20);
    world.send_rtp(0, &voice.next(None));
    assert_eq!(heard(&world), (RED, vec![258, 259, 260]));
    let after = latest(&world, 1).0;
    assert_eq!(after.seq.ahead_of(before.seq), 60);
    assert_eq!(after.timestamp.ahead_of(before.timestamp), 60 * 960);
    assert_eq!(latest(&world, 2).0.payload_type, OPUS);
    world.pass(Duration::from_secs(10));
    world.send_rtp(0, &voice.next(None));
    assert_eq!(heard(&world), (OPUS, vec![261]));
    assert_eq!(world.shard.counters().redundancy_out, 61);
}

#[test]
fn redundant_sound_goes_with_one_earlier_packet_more_where_much_is_lost() {
    let (mut world, mut voice) = call(&[red(), opus()], takes_red(), Some(1));
    assert_eq!(heard(&world), (RED, vec![198, 199]));
    lose(&mut world, 6);
    world.send_rtp(0, &voice.next(Some(1)));
    assert_eq!(heard(&world), (RED, vec![199, 200]));
    for _ in 201..260 {
        world.send_rtp(0, &voice.next(Some(1)));
    }
    lose(&mut world, 20);
    world.send_rtp(0, &voice.next(Some(1)));
    assert_eq!(heard(&world), (RED, vec![258, 259, 260]));
    assert_eq!(world.shard.counters().redundancy_out, 1);
}

#[test]
fn what_a_subscriber_asks_for_again_calls_for_redundancy_before_it_reports() {
    let (mut world, mut voice) = call(&[opus()], takes_red(), None);
    let seq = latest(&world, 1).0.seq;
    for back in [5, 3, 1] {
        ask(&mut world, SeqNo(seq.0.wrapping_sub(back)));
    }
    world.send_rtp(0, &voice.next(None));
    assert_eq!(heard(&world), (RED, vec![199, 200]));
}

#[test]
fn sound_that_was_put_together_here_is_sent_again_the_very_same() {
    for depth in [None, Some(1)] {
        let (mut world, mut voice) = call(&[red(), opus()], takes_red(), depth);
        lose(&mut world, 64);
        // From the first request on what goes out is remembered.
        let seq = latest(&world, 1).0.seq;
        ask(&mut world, seq);
        world.send_rtp(0, &voice.next(depth));
        let late = voice.next(depth);
        world.send_rtp(0, &voice.next(depth));
        let sent = world.participants[1].rtp.last().unwrap().clone();
        let whole = depth.map(|_| vec![200, 201, 202]);
        assert_eq!(
            heard(&world),
            (RED, whole.unwrap_or_else(|| vec![200, 202]))
        );
        // The packet that was missing comes, and is not what the redundancy said.
        let mut lie = late.clone();
        *lie.last_mut().unwrap() ^= 1;
        world.send_rtp(0, &lie);
        let seq = RtpHeader::parse(&sent).unwrap().seq;
        assert_eq!(ask(&mut world, seq), [sent]);
    }
}

#[test]
fn who_never_asks_for_redundant_sound_has_it_stamped_with_the_time_and_not_remembered() {
    let (mut world, mut voice) = call(&[red(), opus()], takes_red(), Some(1));
    let seq = latest(&world, 1).0.seq;
    let length_of = |world: &World| world.participants[1].rtp.last().unwrap().len();
    let before = length_of(&world);
    assert_eq!(ask(&mut world, seq), [[0; 0]; 0]);
    world.send_rtp(0, &voice.next(Some(1)));
    world.send_rtp(0, &voice.next(Some(1)));
    let seq = latest(&world, 1).0.seq;
    assert!(length_of(&world) + 4 < before, "without times");
    assert_eq!(ask(&mut world, seq).len(), 1);
}

#[test]
fn redundancy_that_is_deeper_than_is_made_here_is_made_anew() {
    let (world, _) = call(&[red(), opus()], takes_red(), Some(7));
    assert_eq!(heard(&world), (RED, vec![197, 198, 199]));
    let (world, _) = call(&[red(), opus()], takes_red(), Some(20));
    assert_eq!(heard(&world), (RED, vec![197, 198, 199]));
}

#[test]
fn redundancy_names_opus_as_the_subscriber_does() {
    let publishers = CodecBinding {
        payload_type: PayloadType(96),
        ..opus()
    };
    let mut world = microphone(&[red(), publishers]);
    subscribe(&mut world, 1, takes_red());
    let mut voice = Voice::new();
    voice.inner = publishers.payload_type;
    for _ in 0..3 {
        world.send_rtp(0, &voice.next(Some(1)));
    }
    assert_eq!(heard(&world), (RED, vec![1, 2]));
}

#[test]
fn what_is_not_opus_in_redundancy_goes_to_nobody() {
    let mut world = microphone(&[red(), opus()]);
    subscribe(&mut world, 1, takes_red());
    world.join();
    let mut plain = takes_red();
    plain.codecs = vec![opus()];
    subscribe(&mut world, 2, plain);
    let mut voice = Voice::new();
    world.send_rtp(0, &voice.next(Some(1)));
    voice.inner = PayloadType(13);
    world.send_rtp(0, &voice.next(Some(1)));
    assert_eq!(world.participants[1].rtp.len(), 1);
    assert_eq!(world.participants[2].rtp.len(), 1);
}

#[test]
fn who_takes_plain_opus_gets_what_was_lost_out_of_the_deepest_redundancy() {
    let mut media = takes_red();
    media.codecs = vec![opus()];
    let (mut world, mut voice) = call(&[red(), opus()], media, Some(2));
    world.participants[1].rtp.clear();
    for _ in 0..9 {
        voice.next(Some(2));
    }
    world.send_rtp(0, &voice.next(Some(12)));
    // Of the nine that are lost the latest eight are read.
    let numbers: Vec<u32> = world.participants[1]
        .rtp
        .iter()
        .map(|packet| {
            let header = RtpHeader::parse(packet).unwrap();
            let text = std::str::from_utf8(header.payload(packet)).unwrap();
            text.parse().unwrap()
        })
        .collect();
    assert_eq!(numbers, [201, 202, 203, 204, 205, 206, 207, 208, 209]);
    assert_eq!(world.shard.counters().recovered_out, 8);
}

#[test]
fn what_is_encrypted_or_not_to_be_redundant_goes_as_it_came_whatever_is_lost() {
    for depth in [None, Some(4)] {
        let mut media = takes_red();
        media.redundancy = RedundancyPolicy::AsItComes;
        let (mut world, mut voice) = call(&[red(), opus()], media, depth);
        lose(&mut world, 128);
        let packet = voice.next(depth);
        world.send_rtp(0, &packet);
        let came = RtpHeader::parse(&packet).unwrap();
        assert_eq!(latest(&world, 1).1, came.payload(&packet));
    }
}

#[test]
fn who_does_not_take_redundancy_is_never_sent_any() {
    let mut media = takes_red();
    media.codecs = vec![opus()];
    let (mut world, mut voice) = call(&[opus()], media, None);
    lose(&mut world, 128);
    world.send_rtp(0, &voice.next(None));
    assert_eq!(heard(&world), (OPUS, vec![200]));
}

#[test]
fn music_that_is_too_much_for_a_packet_with_redundancy_goes_without() {
    let (mut world, mut voice) = call(&[opus()], takes_red(), None);
    lose(&mut world, 128);
    let mut play = |len: usize| {
        let packet = voice.source.packet(&vec![7; len]);
        voice.source.timestamp = voice.source.timestamp.plus(960);
        world.send_rtp(0, &packet);
        let (header, payload) = latest(&world, 1);
        let parts = blocks(&payload).map(|block| block.bytes.len()).collect();
        match header.payload_type {
            RED => parts,
            _ => vec![payload.len()],
        }
    };
    play(300);
    assert_eq!(play(300).len(), 3);
    assert_eq!(play(300), [300, 300, 300]);
    assert_eq!(play(600), [300, 600]);
    assert_eq!(play(600), [600]);
    assert_eq!(play(1_100), [1_100]);
    // A block is a thousand bytes at most, and the packet before the last one still goes with this.
    assert_eq!(play(80), [600, 80]);
    assert_eq!(play(1_010), [80, 1_010]);
    // What a pause lies behind is too old.
    voice_after_pause(&mut world, &mut voice);
}

/// Says something after a second of silence: nothing from before goes with it.
fn voice_after_pause(world: &mut World, voice: &mut Voice) {
    voice.source.timestamp = voice.source.timestamp.plus(48_000);
    world.send_rtp(0, &voice.next(None));
    assert_eq!(latest(world, 1).0.payload_type, OPUS);
    world.send_rtp(0, &voice.next(None));
    assert_eq!(latest(world, 1).0.payload_type, RED);
}
