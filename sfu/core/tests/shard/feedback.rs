//! What is lost is found, and what was received is told.

use std::time::Duration;

use sfu_model::{MediaKind, Ssrc};
use sfu_rtp::rtcp::{
    NackPair, Packet, ReportBlock, SenderReport, write_fir, write_nack, write_pli,
    write_receiver_report, write_sender_report,
};
use sfu_rtp::{NtpTime, RtpHeader, RtpTimestamp, SeqNo};

use crate::media::{
    CAMERA, MICROPHONE, Source, VP8_RTX, call, opus, publish, receive, retransmission, send,
    subscribe,
};
use crate::world::World;

const OURS: Ssrc = Ssrc(9);

pub(crate) fn is_nack(packet: &Packet<'_>) -> bool {
    matches!(packet, Packet::Nack { .. })
}

pub(crate) fn is_pli(packet: &Packet<'_>) -> bool {
    matches!(packet, Packet::PictureLossIndication { .. })
}

fn nack(world: &mut World, media: Ssrc, lost: SeqNo) {
    let pair = NackPair {
        first: lost,
        following: 0,
    };
    world.send_rtcp(1, |out| write_nack(out, OURS, media, &[pair]));
}

#[test]
fn a_missing_packet_is_asked_for_and_its_retransmission_forwarded_in_its_place() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let lost = source.next(false);
    world.send_rtp(0, &source.next(false));
    assert_eq!(world.participants[0].take_rtcp(is_nack), 0);
    world.pass(Duration::from_millis(40));
    assert_eq!(world.participants[0].take_rtcp(is_nack), 1);
    assert_eq!(world.shard.counters().nacks_out, 1);
    world.send_rtp(0, &retransmission(&lost, 1));
    let headers = world.participants[1].take_headers();
    let numbers: Vec<_> = headers.iter().map(|header| header.seq).collect();
    let first = numbers[0];
    assert_eq!(numbers, [first, first.plus(2), first.plus(1)]);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.participants[0].take_rtcp(is_nack), 0);
}

#[test]
fn a_packet_that_never_comes_is_given_up() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let _lost = source.next(false);
    world.send_rtp(0, &source.next(false));
    world.pass(Duration::from_secs(10));
    assert_eq!(world.participants[0].take_rtcp(is_nack), 5);
}

#[test]
fn a_subscribers_loss_is_repaired_by_a_retransmission_of_its_own_ssrc() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    for i in 0..5 {
        world.send_rtp(0, &source.next(i == 0));
    }
    world.pass(Duration::from_millis(120));
    let sent = std::mem::take(&mut world.participants[1].rtp);
    let lost = RtpHeader::parse(&sent[2]).unwrap();
    nack(&mut world, Ssrc(50_000), lost.seq);
    let again = std::mem::take(&mut world.participants[1].rtp);
    assert_eq!(again.len(), 1);
    let header = RtpHeader::parse(&again[0]).unwrap();
    assert_eq!((header.ssrc, header.payload_type), (Ssrc(50_001), VP8_RTX));
    assert_eq!(header.timestamp, lost.timestamp);
    let payload = header.payload(&again[0]);
    assert_eq!(payload[..2], lost.seq.0.to_be_bytes());
    assert_eq!(payload[2..], *lost.payload(&sent[2]));
}

#[test]
fn a_packet_is_not_sent_again_at_once_nor_more_than_three_times() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let seq = world.participants[1].take_headers()[0].seq;
    for _ in 0..10 {
        nack(&mut world, Ssrc(50_000), seq);
        nack(&mut world, Ssrc(50_000), seq);
        world.pass(Duration::from_millis(150));
    }
    assert_eq!(world.participants[1].rtp.len(), 3);
    assert_eq!(world.shard.counters().nacks_in, 20);
}

#[test]
fn without_a_retransmission_format_the_very_same_packet_is_sent_again() {
    let mut world = World::with(2);
    let encoding = sfu_model::ReceiveEncoding {
        ssrc: Some(MICROPHONE),
        ..Default::default()
    };
    publish(&mut world, receive(MediaKind::Audio, "0", &[encoding]));
    subscribe(&mut world, 1, send(MediaKind::Audio, "0", 60_000));
    assert_eq!(opus().rtx, None);
    let mut source = Source::audio(MICROPHONE);
    world.send_rtp(0, &source.packet(&[0x78, 1, 2, 3]));
    world.pass(Duration::from_millis(200));
    let seq = RtpHeader::parse(&world.participants[1].rtp[0]).unwrap().seq;
    nack(&mut world, Ssrc(60_000), seq);
    let packets = &world.participants[1].rtp;
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[0], packets[1]);
}

#[test]
fn key_frame_requests_are_spaced_out_and_one_too_early_is_made_later() {
    let mut world = call(3);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let ask = |world: &mut World| {
        world.send_rtcp(1, |out| write_pli(out, OURS, Ssrc(50_000)));
        world.send_rtcp(2, |out| write_fir(out, OURS, Ssrc(50_000), 1));
    };
    ask(&mut world);
    assert_eq!(world.participants[0].take_rtcp(is_pli), 1);
    world.pass(Duration::from_millis(100));
    ask(&mut world);
    for _ in 0..15 {
        world.send_rtp(0, &source.next(false));
        world.pass(Duration::from_millis(33));
    }
    assert_eq!(world.participants[0].take_rtcp(is_pli), 1);
    assert_eq!(world.shard.counters().plis_in, 4);
}

#[test]
fn a_key_frame_that_came_meanwhile_is_not_asked_for_again() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    for _ in 0..2 {
        world.send_rtcp(1, |out| write_pli(out, OURS, Ssrc(50_000)));
    }
    world.send_rtp(0, &source.next(true));
    world.pass(Duration::from_secs(1));
    world.send_rtp(0, &source.next(false));
    assert_eq!(world.participants[0].take_rtcp(is_pli), 1);
}

#[test]
fn a_publisher_hears_each_second_what_was_received() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    for i in 0..60 {
        world.send_rtp(0, &source.next(i == 0));
        world.pass(Duration::from_millis(33));
    }
    let is_report = |packet: &Packet<'_>| match packet {
        Packet::ReceiverReport { blocks, .. } => {
            let block = blocks.clone().next().unwrap();
            assert_eq!((block.ssrc, block.cumulative_lost), (CAMERA, 0));
            true
        }
        _ => false,
    };
    assert_eq!(world.participants[0].take_rtcp(is_report), 1);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.participants[0].take_rtcp(is_report), 1);
}

#[test]
fn arrival_times_are_reported_while_packets_come() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    source.transport_cc = Some(SeqNo(65_000));
    for i in 0..30 {
        world.send_rtp(0, &source.next(i == 0));
        world.pass(Duration::from_millis(33));
    }
    let is_feedback = |packet: &Packet<'_>| matches!(packet, Packet::TransportFeedback(_));
    let feedback = world.participants[0].take_rtcp(is_feedback);
    assert!((6..=12).contains(&feedback), "{feedback}");
    world.pass(Duration::from_secs(1));
    world.participants[0].rtcp.clear();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.participants[0].take_rtcp(is_feedback), 0);
}

fn publishers_report(world: &mut World, ntp: NtpTime, timestamp: RtpTimestamp) {
    let report = SenderReport {
        ssrc: CAMERA,
        ntp,
        timestamp,
        packets: 1,
        octets: 1,
    };
    world.send_rtcp(0, |out| write_sender_report(out, &report, &[]));
}

#[test]
fn subscribers_hear_how_timestamps_map_to_the_publishers_clock() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    let timestamp = source.timestamp;
    let ntp = NtpTime::from(world.now.unix);
    send_described(&mut world, &mut source, ntp, timestamp);
    let sent = world.participants[1].take_headers()[0];
    world.pass(Duration::from_millis(3_500));
    let mut reports = Vec::new();
    for compound in world.participants[1].rtcp.drain(..) {
        for packet in sfu_rtp::rtcp::Compound::new(&compound) {
            match packet.unwrap() {
                Packet::SenderReport { sender, .. } => reports.push(sender),
                Packet::SourceDescription(mut items) => {
                    assert_eq!(items.next().unwrap().text, b"somebody");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!((1..=2).contains(&reports.len()), "{}", reports.len());
    for report in reports {
        assert_eq!((report.ssrc, report.packets), (Ssrc(50_000), 1));
        // Both clocks have gone on by the same time since the first packet.
        let elapsed = report.ntp.0.wrapping_sub(ntp.0) >> 16;
        let ticks = report.timestamp.ahead_of(sent.timestamp);
        let expected = i64::try_from((elapsed * 90_000) >> 16).unwrap();
        assert!(
            (expected - i64::from(ticks)).abs() <= 2,
            "{expected} {ticks}"
        );
    }
}

/// Sends a packet, and the report that it was captured at `ntp`.
fn send_described(world: &mut World, source: &mut Source, ntp: NtpTime, timestamp: RtpTimestamp) {
    world.send_rtp(0, &source.next(true));
    publishers_report(world, ntp, timestamp);
}

#[test]
fn a_packet_is_sent_again_once_a_round_trip() {
    // As the answers to sender reports have it: a request that comes sooner left before what it asks for could arrive.
    for (round_trip, too_soon, soon_enough) in [(20, 12, 24), (60, 40, 50), (300, 200, 240)] {
        let mut world = call(2);
        let mut source = Source::video(CAMERA);
        let (ntp, timestamp) = (NtpTime::from(world.now.unix), source.timestamp);
        send_described(&mut world, &mut source, ntp, timestamp);
        // The report leaves 50 ms after the first packet.
        world.pass(Duration::from_millis(50 + round_trip));
        answer_sender_report(&mut world);
        let seq = world.participants[1].take_headers()[0].seq;
        nack(&mut world, Ssrc(50_000), seq);
        let asked = world.now;
        for (after, expected) in [(too_soon, 1), (soon_enough, 2)] {
            let at = asked.after(Duration::from_millis(after));
            world.pass(at.mono - world.now.mono);
            nack(&mut world, Ssrc(50_000), seq);
            let sent = world.participants[1].rtp.len();
            assert_eq!(sent, expected, "{after} of {round_trip} ms");
        }
    }
}

/// Has participant 1 answer the sender report that came.
fn answer_sender_report(world: &mut World) {
    let mut last_sender_report = None;
    for compound in world.participants[1].rtcp.drain(..) {
        for packet in sfu_rtp::rtcp::Compound::new(&compound) {
            if let Ok(Packet::SenderReport { sender, .. }) = packet {
                last_sender_report = Some(sender.ntp.middle());
            }
        }
    }
    let block = ReportBlock {
        ssrc: Ssrc(50_000),
        fraction_lost: 0,
        cumulative_lost: 0,
        highest_seq: 0,
        jitter: 0,
        last_sender_report: last_sender_report.expect("a sender report"),
        delay: 0,
    };
    world.send_rtcp(1, |out| write_receiver_report(out, OURS, &[block]));
}
