//! Every viewer gets its first picture soon: also of a publisher that sends one only when it is asked for it,
//! and though a request or its answer is lost.

use std::collections::VecDeque;
use std::time::Duration;

use sfu_model::{Codec, CodecBinding, Command, Forwarding, MediaKind, PayloadType};
use sfu_rtp::rtcp::write_pli;
use sfu_rtp::{
    Outgoing, OutgoingExtensions, OutgoingPayload, RtpHeader, RtpTimestamp, SeqNo, write_rtp,
};

use crate::feedback::is_pli;
use crate::media::{ALL, CAMERA, camera, extensions, publish, send, subscribe, vp8_payload};
use crate::world::{World, subscription_id};

const STEP: Duration = Duration::from_millis(10);
const ROUND_TRIP: Duration = Duration::from_millis(30);
/// When the viewers subscribe.
const FIRST: u32 = 0;
const SECOND: u32 = 100;
/// How soon a viewer has its picture.
const AIM: u32 = 1_500;

const H264: PayloadType = PayloadType(102);

/// What a still picture is sent in, three packets each.
#[derive(Clone, Copy)]
enum Format {
    Vp8,
    H264,
}

/// A shared screen on which nothing moves: it sends a key frame of three packets when it is asked to, and
/// nothing else.
struct Still {
    world: World,
    format: Format,
    seq: SeqNo,
    timestamp: RtpTimestamp,
    /// Requests that are under way, with the time left.
    requests: VecDeque<Duration>,
    /// How many requests came, and how many key frames were sent.
    asked: usize,
    sent: usize,
}

impl Still {
    fn new(format: Format) -> Self {
        let mut world = World::with(3);
        let mut media = camera();
        media.codecs.push(h264());
        publish(&mut world, media);
        let mut still = Self {
            world,
            format,
            seq: SeqNo(65_530),
            timestamp: RtpTimestamp(1),
            requests: VecDeque::new(),
            asked: 0,
            sent: 0,
        };
        still.send_key_frame(&[]);
        still.world.pass(Duration::from_secs(5));
        still
    }

    fn subscribe(&mut self, viewer: u32) {
        let mut media = send(MediaKind::Video, "0", 50_000);
        media.codecs.push(h264());
        subscribe(&mut self.world, viewer, media);
    }

    fn send_key_frame(&mut self, lost: &[usize]) {
        for (place, packet) in self.key_frame().iter().enumerate() {
            if !lost.contains(&place) {
                self.world.send_rtp(0, packet);
            }
        }
    }

    /// Makes the packets of a key frame.
    fn key_frame(&mut self) -> [Vec<u8>; 3] {
        let mut place = 0;
        let packets = self.payloads().map(|payload| {
            place += 1;
            self.packet(&payload, place == 3)
        });
        self.timestamp = self.timestamp.plus(9_000);
        packets
    }

    /// Sends a key frame, its packets in this order.
    fn send_in(&mut self, order: &[usize; 3]) {
        let packets = self.key_frame();
        for place in order {
            self.world.send_rtp(0, &packets[*place]);
        }
    }

    fn payloads(&self) -> [Vec<u8>; 3] {
        match self.format {
            Format::Vp8 => [
                vp8_payload(true, 7),
                vec![0x80, 0x80, 7, 1],
                vec![0x80, 0x80, 7, 2],
            ],
            Format::H264 => [
                vec![0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 1],
                vec![0x7c, 0x85, 0x88, 1],
                vec![0x7c, 0x45, 2],
            ],
        }
    }

    fn packet(&mut self, payload: &[u8], marker: bool) -> Vec<u8> {
        let header = Outgoing {
            ssrc: CAMERA,
            seq: self.seq,
            timestamp: self.timestamp,
            payload_type: match self.format {
                Format::Vp8 => crate::media::VP8,
                Format::H264 => H264,
            },
            marker,
        };
        self.seq = self.seq.next();
        let mut packet = Vec::new();
        let (values, payload) = (
            OutgoingExtensions::default(),
            OutgoingPayload::plain(payload),
        );
        write_rtp(&mut packet, &header, &extensions(), &values, &payload);
        packet
    }

    /// Lets a step of time pass. The publisher answers what reaches it, but for the requests in
    /// `lost_requests`, by key frames that lose the packets that `lost_packets` says of each.
    fn step(&mut self, lost_requests: &[usize], lost_packets: &[&[usize]]) {
        for _ in 0..self.world.participants[0].take_rtcp(is_pli) {
            if !lost_requests.contains(&self.asked) {
                self.requests.push_back(ROUND_TRIP);
            }
            self.asked += 1;
        }
        for left in &mut self.requests {
            *left = left.saturating_sub(STEP);
        }
        while self.requests.pop_front_if(|left| left.is_zero()).is_some() {
            let lost = lost_packets.get(self.sent).copied().unwrap_or_default();
            self.sent += 1;
            self.send_key_frame(lost);
        }
        self.world.pass(STEP);
    }

    /// Reports whether a viewer has a whole picture.
    fn has_picture(&self, viewer: usize) -> bool {
        let packets = self.world.participants[viewer].rtp.iter();
        let headers: Vec<_> = packets
            .map(|packet| RtpHeader::parse(packet).unwrap())
            .collect();
        headers.windows(3).any(|frame| {
            frame
                .iter()
                .all(|header| header.timestamp == frame[0].timestamp)
                && frame[2].seq == frame[0].seq.plus(2)
                && frame[1].seq == frame[0].seq.plus(1)
        })
    }
}

fn h264() -> CodecBinding {
    CodecBinding {
        codec: Codec::H264,
        payload_type: H264,
        rtx: None,
    }
}

/// Returns how long after its subscription each of two viewers had its picture.
fn waits(format: Format, lost_requests: &[usize], lost_packets: &[&[usize]]) -> [u32; 2] {
    let mut still = Still::new(format);
    let mut waits = [None; 2];
    for millis in (0..10_000_u32).step_by(10) {
        for (viewer, begins) in [(1, FIRST), (2, SECOND)] {
            if millis == begins {
                still.subscribe(viewer);
            }
        }
        still.step(lost_requests, lost_packets);
        for (viewer, begins) in [(1, FIRST), (2, SECOND)] {
            let wait = &mut waits[viewer - 1];
            if wait.is_none() && millis >= begins && still.has_picture(viewer) {
                *wait = Some(millis - begins);
            }
        }
    }
    waits.map(|wait| wait.expect("a picture"))
}

fn assert_soon(lost_requests: &[usize], lost_packets: &[&[usize]]) {
    for format in [Format::Vp8, Format::H264] {
        let waits = waits(format, lost_requests, lost_packets);
        let context = (lost_requests, lost_packets);
        assert!(
            waits.iter().all(|wait| *wait <= AIM),
            "{waits:?} {context:?}"
        );
    }
}

#[test]
fn a_second_viewer_of_a_still_picture_gets_it_too() {
    assert_soon(&[], &[]);
    let [first, second] = waits(Format::Vp8, &[], &[]);
    assert!(first <= 50 && second <= 300, "{first} {second}");
}

#[test]
fn a_lost_request_for_a_still_picture_is_repeated() {
    for lost in 0..3 {
        assert_soon(&[lost], &[]);
    }
}

#[test]
fn a_still_picture_that_lost_packets_is_asked_for_again() {
    let losses: [&[usize]; 5] = [&[0], &[1], &[2], &[0, 1], &[0, 1, 2]];
    for lost in losses {
        assert_soon(&[], &[lost]);
        assert_soon(&[], &[&[], lost]);
    }
}

#[test]
fn who_has_its_picture_asks_for_no_more() {
    let mut still = Still::new(Format::Vp8);
    still.subscribe(1);
    for _ in 0..1_000 {
        still.step(&[], &[]);
    }
    assert_eq!(still.asked, 1);
}

#[test]
fn nobody_asks_for_a_picture_that_nobody_waits_for() {
    let mut still = Still::new(Format::Vp8);
    still.subscribe(1);
    still.step(&[0], &[]);
    still.world.command(Command::Unsubscribe {
        subscription: subscription_id(1),
    });
    for _ in 0..1_000 {
        still.step(&[], &[]);
    }
    assert_eq!(still.asked, 1);
    assert!(
        still
            .world
            .shard
            .poll_timeout()
            .is_none_or(|deadline| { deadline.reason != sfu_core::TimerReason::KeyFrame })
    );
}

#[test]
fn a_viewer_that_lost_its_picture_gets_another() {
    let mut still = Still::new(Format::H264);
    still.subscribe(1);
    for _ in 0..200 {
        still.step(&[], &[]);
    }
    assert!(still.has_picture(1));
    still.world.participants[1].rtp.clear();
    let ssrc = sfu_model::Ssrc(50_000);
    still
        .world
        .send_rtcp(1, |out| write_pli(out, sfu_model::Ssrc(9), ssrc));
    for _ in 0..150 {
        still.step(&[1], &[]);
    }
    assert!(still.has_picture(1));
}

#[test]
fn a_publisher_that_does_not_answer_is_asked_less_and_less() {
    let mut still = Still::new(Format::Vp8);
    still.subscribe(1);
    let all: Vec<_> = (0..1_000).collect();
    for _ in 0..900 {
        still.step(&all, &[]);
    }
    // Five times at the usual pace, and then once every five seconds.
    assert_eq!(still.asked, 6);
    still.subscribe(2);
    for _ in 0..100 {
        still.step(&[], &[]);
    }
    assert!(still.has_picture(1) && still.has_picture(2));
}

#[test]
fn a_viewer_who_resumes_gets_a_still_picture_at_once() {
    let mut still = Still::new(Format::Vp8);
    still.subscribe(1);
    for _ in 0..200 {
        still.step(&[], &[]);
    }
    let set = |forwarding| Command::SetForwarding {
        subscription: subscription_id(1),
        forwarding,
    };
    still.world.command(set(Forwarding::Paused));
    still.step(&[], &[]);
    still.world.participants[1].rtp.clear();
    still.world.command(set(ALL));
    for _ in 0..10 {
        still.step(&[], &[]);
    }
    assert!(still.has_picture(1));
}

#[test]
fn a_picture_without_its_parameter_sets_is_no_start() {
    let mut still = Still::new(Format::H264);
    still.subscribe(1);
    let picture = still.packet(&[0x65, 0x88, 1], true);
    still.world.send_rtp(0, &picture);
    assert_eq!(still.world.participants[1].rtp.len(), 0);
    for _ in 0..100 {
        still.step(&[0], &[]);
    }
    assert!(still.has_picture(1));
}

#[test]
fn a_key_frame_whose_packets_come_in_any_order_is_forwarded_whole() {
    let orders = [[1, 2, 0], [2, 1, 0], [2, 0, 1], [1, 0, 2], [0, 2, 1]];
    for format in [Format::Vp8, Format::H264] {
        for order in orders {
            let mut still = Still::new(format);
            still.subscribe(1);
            still.step(&[0], &[]);
            still.send_in(&order);
            let received = &mut still.world.participants[1].rtp;
            received.sort_by_key(|packet| RtpHeader::parse(packet).unwrap().seq.0);
            assert!(still.has_picture(1), "{order:?}");
            assert_eq!(still.world.participants[1].rtp.len(), 3);
            for _ in 0..500 {
                still.step(&[], &[]);
            }
            assert_eq!(still.asked, 1, "{order:?}");
        }
    }
}

#[test]
fn what_came_before_the_first_packet_of_a_key_frame_follows_it_up_to_the_latest() {
    let mut still = Still::new(Format::Vp8);
    still.subscribe(1);
    still.step(&[0], &[]);
    let [first, second, third] = still.key_frame();
    let delta = still.packet(&vp8_payload(false, 8), true);
    let last = still.packet(&vp8_payload(false, 9), true);
    for packet in [&second, &third, &delta] {
        still.world.send_rtp(0, packet);
    }
    assert_eq!(still.world.participants[1].rtp.len(), 0);
    // The last one comes in the same tick as the first: it is forwarded once.
    still.world.handle_rtp(0, &first);
    still.world.handle_rtp(0, &last);
    still.world.pass(STEP);
    let headers = still.world.participants[1].take_headers();
    assert_eq!(headers.len(), 5);
    for pair in headers.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.next());
    }
}
