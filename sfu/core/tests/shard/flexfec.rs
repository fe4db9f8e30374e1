//! What a publisher loses and repairs without being asked (FlexFEC).

use std::time::Duration;

use sfu_core::DropReason;
use sfu_model::{MediaKind, PayloadType, ReceiveEncoding, ReceiveMedia, Ssrc};
use sfu_rtp::{RtpHeader, SeqNo};

use crate::feedback::is_nack;
use crate::media::{CAMERA, Source, camera, publish, send, subscribe};
use crate::world::World;

const FLEXFEC: PayloadType = PayloadType(115);
const FLEXFEC_SSRC: Ssrc = Ssrc(90_000);

fn protected_camera() -> ReceiveMedia {
    let encoding = ReceiveEncoding {
        ssrc: Some(CAMERA),
        flexfec_ssrc: Some(FLEXFEC_SSRC),
        ..ReceiveEncoding::default()
    };
    ReceiveMedia {
        flexfec: Some(FLEXFEC),
        encodings: vec![encoding],
        ..camera()
    }
}

fn call() -> World {
    let mut world = World::with(2);
    publish(&mut world, protected_camera());
    subscribe(&mut world, 1, send(MediaKind::Video, "0", 50_000));
    world
}

/// Writes what repairs packets that follow each other.
struct Repairer(Source);

impl Repairer {
    fn new() -> Self {
        let mut source = Source::video(FLEXFEC_SSRC);
        source.payload_type = FLEXFEC;
        Self(source)
    }

    fn repair(&mut self, packets: &[&[u8]]) -> Vec<u8> {
        self.0.packet(&payload(packets))
    }
}

fn payload(packets: &[&[u8]]) -> Vec<u8> {
    let mut sum = vec![0; packets.iter().map(|packet| packet.len()).max().unwrap()];
    let mut len = 0;
    for packet in packets {
        len ^= u16::try_from(packet.len() - 12).unwrap();
        for (to, byte) in sum.iter_mut().zip(*packet) {
            *to ^= byte;
        }
    }
    let mask = 0x8000 | (0x7fff << (15 - packets.len()) & 0x7fff);
    [
        &[sum[0] & 0x3f, sum[1]][..],
        &u16::to_be_bytes(len),
        &sum[4..8],
        &[1, 0, 0, 0],
        &CAMERA.0.to_be_bytes(),
        &packets[0][2..4],
        &u16::to_be_bytes(mask),
        &sum[12..],
    ]
    .concat()
}

#[test]
fn a_lost_packet_is_restored_and_forwarded_and_not_asked_for() {
    let mut world = call();
    let mut source = Source::video(CAMERA);
    let mut repairer = Repairer::new();
    let first = source.next(true);
    world.send_rtp(0, &first);
    // The first of them says that the stream has such packets.
    world.send_rtp(0, &repairer.repair(&[&first]));
    let (kept, lost) = (source.next(false), source.next_of(99, false));
    world.send_rtp(0, &kept);
    world.send_rtp(0, &source.next(false));
    world.participants[1].rtp.clear();
    world.send_rtp(0, &repairer.repair(&[&kept, &lost]));
    let forwarded = std::mem::take(&mut world.participants[1].rtp);
    assert_eq!(forwarded.len(), 1);
    let [header, of_lost] = [&forwarded[0], &lost].map(|packet| RtpHeader::parse(packet).unwrap());
    assert_eq!(header.payload(&forwarded[0]), of_lost.payload(&lost));
    let counters = world.shard.counters();
    assert_eq!((counters.repairs_in, counters.restored_in), (2, 1));
    world.pass(Duration::from_millis(40));
    assert_eq!(world.participants[0].take_rtcp(is_nack), 0);
    // What no packet repairs is asked for.
    let _lost = source.next(false);
    world.send_rtp(0, &source.next(false));
    world.pass(Duration::from_millis(40));
    assert_eq!(world.participants[0].take_rtcp(is_nack), 1);
}

#[test]
fn a_restored_packet_that_comes_after_all_is_forwarded_once() {
    let mut world = call();
    let mut source = Source::video(CAMERA);
    let mut repairer = Repairer::new();
    world.send_rtp(0, &source.next(true));
    world.send_rtp(0, &repairer.repair(&[&source.next(false)]));
    let (kept, late) = (source.next(false), source.next(false));
    world.send_rtp(0, &kept);
    world.send_rtp(0, &repairer.repair(&[&kept, &late]));
    world.send_rtp(0, &late);
    assert_eq!(world.shard.counters().dropped(DropReason::Duplicate), 1);
    let headers = world.participants[1].take_headers();
    let numbers: Vec<SeqNo> = headers.iter().map(|header| header.seq).collect();
    let first = numbers[0];
    assert_eq!(numbers, [first, first.plus(2), first.plus(3)]);
}

#[test]
fn packets_that_repair_another_stream_or_none_change_nothing() {
    let mut world = call();
    let mut source = Source::video(CAMERA);
    let mut repairer = Repairer::new();
    let first = source.next(true);
    world.send_rtp(0, &repairer.repair(&[&first]));
    let early = DropReason::EarlyRetransmission;
    assert_eq!(world.shard.counters().dropped(early), 1);
    world.send_rtp(0, &first);
    world.send_rtp(0, &repairer.0.packet(&payload(&[&first])[..17]));
    assert_eq!(world.shard.counters().dropped(DropReason::Malformed), 1);
    repairer.0.payload_type = source.payload_type;
    world.send_rtp(0, &repairer.0.next(true));
    let unknown = DropReason::UnknownPayloadType;
    assert_eq!(world.shard.counters().dropped(unknown), 1);
    assert_eq!(world.participants[1].take_headers().len(), 1);
}
