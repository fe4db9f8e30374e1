//! A publication of one shard has subscribers on another.

use std::time::Duration;

use sfu_core::{DropReason, ExportBatch};
use sfu_model::{
    Command, Event, Forwarding, MediaKind, NodeIndex, PayloadType, PublicationId, ReceiveMedia,
    SendMedia, ShardIndex, Ssrc, SubscriptionId,
};
use sfu_rtp::rtcp::{NackPair, Packet, SenderReport, write_nack, write_pli, write_sender_report};
use sfu_rtp::{NtpTime, RtpTimestamp, SeqNo};

use crate::feedback::{is_nack, is_pli};
use crate::media::{
    CAMERA, MICROPHONE, Source, camera, picture_id, publish, receive, retransmission, send,
    subscribe,
};
use crate::world::{HOME, ROOM, World, publication_id, subscription_id};

const FAR: ShardIndex = ShardIndex(1);
const OURS: Ssrc = Ssrc(9);

/// Two shards: participant 0 of the first publishes, everybody else may subscribe.
pub(crate) struct Pair {
    pub(crate) home: World,
    pub(crate) far: World,
}

impl Pair {
    pub(crate) fn with(home: u32, far: u32) -> Self {
        let (mut first, mut second) = (World::of(HOME, 2), World::of(FAR, 2));
        second.now = first.now;
        for (world, count) in [(&mut first, home), (&mut second, far)] {
            for _ in 0..count {
                world.join();
            }
        }
        Self {
            home: first,
            far: second,
        }
    }

    /// A camera at home with one subscriber on each shard.
    pub(crate) fn call() -> Self {
        let mut pair = Self::with(2, 1);
        publish(&mut pair.home, camera());
        subscribe(&mut pair.home, 1, send(MediaKind::Video, "0", 50_000));
        pair.subscribe_far(0, send(MediaKind::Video, "0", 50_000));
        pair
    }

    pub(crate) fn subscribe_far(&mut self, subscriber: u32, media: SendMedia) {
        let peer = self.far.participants[usize::try_from(subscriber).unwrap()].id;
        self.far.command(Command::Subscribe {
            subscription: far_subscription(subscriber),
            publication: publication_id(0),
            peer,
            media,
        });
        self.exchange();
    }

    /// Sets what a subscriber of the other shard is forwarded.
    pub(crate) fn want_far(&mut self, subscriber: u32, forwarding: Forwarding) {
        self.far.command(Command::SetForwarding {
            subscription: far_subscription(subscriber),
            forwarding,
        });
        self.exchange();
    }

    /// Carries over what the shards have for each other, until neither has more.
    pub(crate) fn exchange(&mut self) {
        let mut batch = ExportBatch::default();
        loop {
            let (home, far) = (&mut self.home, &mut self.far);
            home.exchange();
            far.exchange();
            let mut idle = true;
            if home.shard.poll_export(FAR, &mut batch) {
                idle = false;
                while !far.shard.handle_export(far.now, HOME, &mut batch) {
                    far.exchange();
                }
            }
            if far.shard.poll_export(HOME, &mut batch) {
                idle = false;
                while !home.shard.handle_export(home.now, FAR, &mut batch) {
                    home.exchange();
                }
            }
            if idle {
                return;
            }
        }
    }

    pub(crate) fn send_rtp(&mut self, packet: &[u8]) {
        self.home.send_rtp(0, packet);
        self.exchange();
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        const STEP: Duration = Duration::from_millis(10);
        for _ in 0..duration.as_millis() / STEP.as_millis() {
            self.home.pass(STEP);
            self.far.pass(STEP);
            self.exchange();
        }
    }

    pub(crate) fn held(&self) -> [(usize, usize); 2] {
        [&self.home, &self.far].map(|world| {
            let counters = world.shard.counters();
            (counters.publications, counters.subscriptions)
        })
    }
}

pub(crate) fn far_subscription(index: u32) -> SubscriptionId {
    SubscriptionId {
        shard: FAR,
        ..subscription_id(index)
    }
}

fn pictures(world: &mut World, place: usize) -> Vec<u16> {
    let packets = world.participants[place].rtp.drain(..);
    packets.map(|packet| picture_id(&packet)).collect()
}

#[test]
fn subscribers_of_both_shards_see_the_same_pictures() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    for i in 0..10 {
        pair.send_rtp(&source.next(i == 0));
    }
    let near = pictures(&mut pair.home, 1);
    assert_eq!(near.len(), 10);
    assert_eq!(pictures(&mut pair.far, 0), near);
    let counters = pair.far.shard.counters();
    assert_eq!((counters.exports_in, counters.rtp_in), (10, 0));
}

#[test]
fn a_packet_crosses_once_however_many_subscribe_there() {
    let mut pair = Pair::with(1, 3);
    publish(&mut pair.home, camera());
    for subscriber in 0..3 {
        pair.subscribe_far(subscriber, send(MediaKind::Video, "0", 50_000));
    }
    let mut source = Source::video(CAMERA);
    for i in 0..10 {
        pair.send_rtp(&source.next(i == 0));
    }
    assert_eq!(pair.home.shard.counters().exports_out, 10);
    assert_eq!(pair.far.shard.counters().rtp_out, 30);
}

#[test]
fn a_late_subscriber_on_the_other_shard_has_a_key_frame_asked_for_at_once() {
    let mut pair = Pair::with(1, 1);
    publish(&mut pair.home, camera());
    let mut source = Source::video(CAMERA);
    pair.send_rtp(&source.next(true));
    pair.home.participants[0].take_rtcp(is_pli);
    pair.subscribe_far(0, send(MediaKind::Video, "0", 50_000));
    assert_eq!(pair.home.participants[0].take_rtcp(is_pli), 1);
    pair.send_rtp(&source.next(false));
    assert_eq!(pictures(&mut pair.far, 0).len(), 0);
    pair.send_rtp(&source.next(true));
    assert_eq!(pictures(&mut pair.far, 0).len(), 1);
}

#[test]
fn a_lost_picture_of_the_other_shard_is_asked_for_here_and_seldom() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    pair.send_rtp(&source.next(true));
    pair.pass(Duration::from_secs(2));
    pair.home.participants[0].take_rtcp(is_pli);
    for _ in 0..3 {
        pair.far
            .send_rtcp(0, |out| write_pli(out, OURS, Ssrc(50_000)));
        pair.home
            .send_rtcp(1, |out| write_pli(out, OURS, Ssrc(50_000)));
        pair.exchange();
    }
    assert_eq!(pair.home.participants[0].take_rtcp(is_pli), 1);
}

#[test]
fn what_a_subscriber_missed_is_sent_again_by_its_own_shard() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    for i in 0..3 {
        pair.send_rtp(&source.next(i == 0));
    }
    let headers = pair.far.participants[0].take_headers();
    let lost = NackPair {
        first: headers[1].seq,
        following: 0,
    };
    pair.pass(Duration::from_millis(200));
    pair.home.participants[0].take_rtcp(is_nack);
    pair.far
        .send_rtcp(0, |out| write_nack(out, OURS, Ssrc(50_000), &[lost]));
    assert_eq!(pair.far.participants[0].take_headers().len(), 1);
    assert_eq!(pair.far.shard.counters().retransmissions_out, 1);
    pair.pass(Duration::from_millis(200));
    assert_eq!(pair.home.participants[0].take_rtcp(is_nack), 0);
}

#[test]
fn a_packet_that_was_lost_on_the_way_in_crosses_when_it_comes_again() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    pair.send_rtp(&source.next(true));
    let lost = source.next(false);
    pair.send_rtp(&source.next(false));
    pair.send_rtp(&retransmission(&lost, 1));
    let headers = pair.far.participants[0].take_headers();
    let numbers: Vec<SeqNo> = headers.iter().map(|header| header.seq).collect();
    let first = numbers[0];
    assert_eq!(numbers, [first, first.plus(2), first.plus(1)]);
}

#[test]
fn subscribers_of_the_other_shard_hear_the_publishers_clock() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    let report = SenderReport {
        ssrc: CAMERA,
        ntp: NtpTime(7 << 32),
        timestamp: RtpTimestamp(u32::MAX - 10_000),
        packets: 1,
        octets: 1,
    };
    pair.send_rtp(&source.next(true));
    pair.home
        .send_rtcp(0, |out| write_sender_report(out, &report, &[]));
    pair.exchange();
    pair.pass(Duration::from_secs(4));
    let is_report = |packet: &Packet<'_>| match packet {
        Packet::SenderReport { sender, .. } => sender.ntp.0 >> 32 < 20,
        _ => false,
    };
    assert!(pair.far.participants[0].take_rtcp(is_report) > 0);
}

#[test]
fn a_subscriber_that_comes_later_knows_the_publishers_clock() {
    let mut pair = Pair::with(1, 1);
    publish(&mut pair.home, camera());
    let mut source = Source::video(CAMERA);
    let report = SenderReport {
        ssrc: CAMERA,
        ntp: NtpTime(7 << 32),
        timestamp: RtpTimestamp(u32::MAX - 10_000),
        packets: 1,
        octets: 1,
    };
    pair.send_rtp(&source.next(true));
    pair.home
        .send_rtcp(0, |out| write_sender_report(out, &report, &[]));
    pair.subscribe_far(0, send(MediaKind::Video, "0", 50_000));
    pair.send_rtp(&source.next(true));
    pair.pass(Duration::from_millis(100));
    let is_report = |packet: &Packet<'_>| matches!(packet, Packet::SenderReport { .. });
    assert_eq!(pair.far.participants[0].take_rtcp(is_report), 1);
}

#[test]
fn the_last_unsubscribed_on_a_shard_stops_the_export() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    pair.send_rtp(&source.next(true));
    pair.far.command(Command::Unsubscribe {
        subscription: far_subscription(0),
    });
    pair.exchange();
    pair.send_rtp(&source.next(false));
    assert_eq!(pair.home.shard.counters().exports_out, 1);
    assert_eq!(pair.held(), [(1, 1), (0, 0)]);
    pair.subscribe_far(0, send(MediaKind::Video, "0", 60_000));
    pair.send_rtp(&source.next(true));
    assert_eq!(pictures(&mut pair.far, 0).len(), 2);
}

#[test]
fn a_peer_that_goes_stops_the_exports_to_it() {
    let mut pair = Pair::call();
    let peer = pair.far.participants[0].id;
    pair.far.command(Command::RemovePeer { peer });
    pair.exchange();
    assert_eq!(pair.held(), [(1, 1), (0, 0)]);
    pair.send_rtp(&Source::video(CAMERA).next(true));
    assert_eq!(pair.home.shard.counters().exports_out, 0);
}

#[test]
fn a_publication_that_ends_leaves_nothing_behind_on_either_shard() {
    let mut unpublished = Pair::call();
    unpublished.home.command(Command::Unpublish {
        publication: publication_id(0),
    });
    let mut left = Pair::call();
    let peer = left.home.participants[0].id;
    left.home.command(Command::RemovePeer { peer });
    for mut pair in [unpublished, left] {
        pair.exchange();
        assert_eq!(pair.held(), [(0, 0), (0, 0)]);
        // Late commands about it are dropped.
        pair.far.command(Command::Unsubscribe {
            subscription: far_subscription(0),
        });
        pair.exchange();
        assert_eq!(pair.held(), [(0, 0), (0, 0)]);
    }
}

#[test]
fn a_subscription_to_what_is_not_there_ends_at_once() {
    let mut pair = Pair::with(1, 1);
    pair.subscribe_far(0, send(MediaKind::Video, "0", 50_000));
    assert_eq!(pair.held(), [(0, 0), (0, 0)]);
    let peer = pair.far.participants[0].id;
    let nowhere = PublicationId {
        room: ROOM,
        index: 0,
        shard: ShardIndex(2),
        node: NodeIndex(0),
    };
    pair.far.command(Command::Subscribe {
        subscription: far_subscription(0),
        publication: nowhere,
        peer,
        media: send(MediaKind::Video, "0", 50_000),
    });
    pair.exchange();
    assert_eq!(pair.held(), [(0, 0), (0, 0)]);
}

#[test]
fn a_change_of_the_section_reaches_the_other_shard() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    pair.send_rtp(&source.next(true));
    let mut media = camera();
    media.encodings[0].ssrc = Some(Ssrc(3_000));
    media.codecs[0].payload_type = PayloadType(100);
    publish(&mut pair.home, media);
    pair.exchange();
    let mut source = Source::video(Ssrc(3_000));
    source.seq = SeqNo(17);
    source.payload_type = PayloadType(100);
    pair.send_rtp(&source.next(true));
    pair.send_rtp(&source.next(false));
    let headers = pair.far.participants[0].take_headers();
    assert_eq!(headers.len(), 3);
    for two in headers.windows(2) {
        assert_eq!(two[1].seq, two[0].seq.next());
    }
}

#[test]
fn only_the_publishers_shard_tells_of_it() {
    let mut pair = Pair::with(1, 1);
    publish(&mut pair.home, microphone());
    pair.subscribe_far(0, send(MediaKind::Audio, "0", 60_000));
    let mut source = Source::audio(MICROPHONE);
    for _ in 0..50 {
        // Level 20, voice: the only element of the block.
        let packet = source.packet(&[0xfc, 1, 2, 3]);
        pair.send_rtp(&with_level(&packet, 20));
        pair.pass(Duration::from_millis(20));
    }
    let told = |world: &mut World| {
        world.take_events(|event| match event {
            Event::AudioLevels { shard, levels, .. } => Some((*shard, levels.len())),
            _ => None,
        })
    };
    assert!(told(&mut pair.home).contains(&(HOME, 1)));
    assert_eq!(told(&mut pair.far), []);
    assert_eq!(pair.far.participants[0].rtp.len(), 50);
}

#[test]
fn a_shard_that_takes_nothing_loses_packets_and_no_end() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    for i in 0..4_000 {
        pair.home.send_rtp(0, &source.next(i == 0));
    }
    let counters = pair.home.shard.counters();
    assert!(counters.dropped(DropReason::VideoExportFull) > 0);
    assert_eq!(pair.home.participants[1].rtp.len(), 4_000);
    pair.home.command(Command::Unpublish {
        publication: publication_id(0),
    });
    pair.exchange();
    assert_eq!(pair.held(), [(0, 0), (0, 0)]);
}

#[test]
fn a_paused_subscription_is_sent_nothing_until_it_goes_on() {
    let mut pair = Pair::call();
    let mut source = Source::video(CAMERA);
    let mut forward = |pair: &mut Pair, forwarding| {
        pair.want_far(0, forwarding);
        pair.send_rtp(&source.next(true));
        pictures(&mut pair.far, 0).len()
    };
    assert_eq!(forward(&mut pair, Forwarding::Paused), 0);
    assert_eq!(forward(&mut pair, crate::media::ALL), 1);
}

pub(crate) fn microphone() -> ReceiveMedia {
    let mut media = receive(MediaKind::Audio, "0", &[]);
    media.nack = false;
    media
}

/// Adds an audio level to a packet without extensions.
fn with_level(packet: &[u8], level: u8) -> Vec<u8> {
    let mut out = packet[..12].to_vec();
    out[0] |= 0x10;
    out.extend_from_slice(&[0xbe, 0xde, 0, 1, 2 << 4, 0x80 | level, 0, 0]);
    out.extend_from_slice(&packet[12..]);
    out
}
