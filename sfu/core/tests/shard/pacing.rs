//! What a link has no room for waits, and what has waited for too long is not sent.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu_core::DropReason;
use sfu_model::{Bitrate, Codec, Command, Extension, MediaKind, Ssrc};
use sfu_rtp::payload::peek;
use sfu_rtp::rtcp::{NackPair, write_nack, write_remb};
use sfu_rtp::{ExtensionRanges, ExtensionTable, RtpHeader, SeqNo};

use crate::feedback::is_pli;
use crate::media::{
    CAMERA, Source, call, camera, extensions, picture_id, publish, receive, send, subscribe,
};
use crate::world::{World, subscription_id};

const VIDEO: Ssrc = Ssrc(50_000);
const REPAIR: Ssrc = Ssrc(50_001);

/// Bytes of a packet's payload: with headers and seal some 10 ms of a megabit.
const LEN: usize = 1_200;

/// Time between pictures.
const INTERVAL: Duration = Duration::from_millis(40);

/// A camera, and participant 1 who subscribes to it over a link of which it says what it carries.
struct Call {
    world: World,
    source: Source,
}

/// What is special about a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picture {
    Key,
    /// Of that temporal layer.
    Delta(u8),
}

impl Call {
    /// A link that carries `rate`, over which a first picture has gone.
    fn new(rate: u64) -> Self {
        let mut call = Self {
            world: call(3),
            source: Source::video(CAMERA),
        };
        call.picture(Picture::Key, 1);
        call.world.pass(INTERVAL);
        call.say(rate);
        call.take();
        call
    }

    fn say(&mut self, rate: u64) {
        self.world.send_rtcp(1, |out| {
            write_remb(out, Ssrc(1), Bitrate(rate), &[VIDEO]);
        });
    }

    /// Has the publisher send a picture of so many packets in one tick.
    fn picture(&mut self, picture: Picture, packets: usize) {
        for place in 0..packets {
            let payload = self.payload(picture, place == 0);
            let packet = self.source.packet(&payload);
            self.world.handle_rtp(0, &packet);
        }
        self.world.exchange();
        self.source.picture += 1;
        self.source.timestamp = self.source.timestamp.plus(3_600);
    }

    fn payload(&self, picture: Picture, start: bool) -> Vec<u8> {
        let [high, low] = self.source.picture.to_be_bytes();
        let temporal = match picture {
            Picture::Key => 0,
            Picture::Delta(temporal) => temporal,
        };
        let begin = if start { 0x90 } else { 0x80 };
        let mut payload = vec![begin, 0xe0, high | 0x80, low, 7, temporal << 6 | 0x20];
        payload.push(u8::from(picture != Picture::Key));
        payload.extend_from_slice(&[0, 0, 0x9d, 0x01, 0x2a, 0, 1, 0, 1]);
        payload.resize(LEN, 7);
        payload
    }

    /// Sends pictures of `packets` for a while, of the temporal layers in turns.
    fn run(&mut self, duration: Duration, packets: usize, temporal: &[u8]) {
        let end = self.world.now.after(duration);
        let mut temporal = temporal.iter().cycle();
        while self.world.now.mono < end.mono {
            let layer = temporal.next().copied().unwrap();
            self.picture(Picture::Delta(layer), packets);
            self.world.pass(INTERVAL);
        }
    }

    /// Takes the packets that participant 1 got, probes aside.
    fn take(&mut self) -> Vec<Vec<u8>> {
        let mut got = std::mem::take(&mut self.world.participants[1].rtp);
        got.retain(|packet| !header(packet).payload(packet).is_empty());
        got
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.world.shard.counters().dropped(reason)
    }
}

fn header(packet: &[u8]) -> RtpHeader {
    RtpHeader::parse(packet).unwrap()
}

fn pictures(packets: &[Vec<u8>]) -> BTreeSet<u16> {
    packets.iter().map(|packet| picture_id(packet)).collect()
}

/// Asserts that a decoder sees one stream without holes in it.
#[track_caller]
fn assert_continuous(packets: &[Vec<u8>]) {
    for pair in packets.windows(2) {
        let [before, after] = [&pair[0], &pair[1]];
        assert_eq!(header(after).seq, header(before).seq.next());
        let step = picture_id(after) - picture_id(before);
        assert!(step <= 1, "{step} pictures further");
    }
}

#[test]
fn a_large_picture_leaves_as_fast_as_the_link_takes_it() {
    let mut call = Call::new(1_000_000);
    call.picture(Picture::Key, 50);
    let at_once = call.take().len();
    assert!((3..=5).contains(&at_once), "{at_once} at once");
    call.world.pass(Duration::from_millis(100));
    let then = call.take().len();
    // One and a half times what the link carries.
    assert!((14..=17).contains(&then), "{then} in 100 ms");
    call.world.pass(Duration::from_secs(1));
    assert_eq!(at_once + then + call.take().len(), 50);
    assert_eq!(call.world.shard.counters().held, 50 - at_once as u64);
    let waits = call.world.shard.counters().waits;
    assert_eq!(waits.histogram().count(), 50 - at_once as u64);
    // Participant 2 has said nothing of its link.
    assert_eq!(call.world.participants[2].rtp.len(), 51);
}

#[test]
fn a_packet_is_numbered_and_stamped_when_it_leaves() {
    let mut call = Call::new(1_000_000);
    call.picture(Picture::Key, 50);
    call.world.pass(Duration::from_millis(200));
    let packets = call.take();
    assert_continuous(&packets);
    let table = ExtensionTable::from(&extensions());
    let read = |packet: &[u8]| {
        let values = ExtensionRanges::find(&header(packet), packet, &table);
        let sent = values.get(packet, Extension::AbsSendTime).unwrap();
        let sent = u32::from_be_bytes([0, sent[0], sent[1], sent[2]]);
        (values.transport_cc(packet).unwrap(), sent)
    };
    for pair in packets.windows(2) {
        assert_eq!(read(&pair[1]).0, read(&pair[0]).0.next());
    }
    let [first, last] = [packets.first(), packets.last()].map(|packet| read(packet.unwrap()).1);
    // In units of 2^-18 s.
    let took = Duration::from_secs_f64(f64::from(last - first) / f64::from(1 << 18));
    assert!(took > Duration::from_millis(150), "{took:?}");
}

#[test]
fn nobody_waits_while_nothing_has_shown_what_a_link_carries() {
    let mut call = Call::new(100_000_000);
    call.picture(Picture::Key, 200);
    assert_eq!(call.take().len(), 200);
    assert_eq!(call.world.shard.counters().held, 0);
}

#[test]
fn a_packet_that_comes_while_others_wait_goes_behind_them() {
    let mut call = Call::new(1_000_000);
    call.picture(Picture::Key, 20);
    call.picture(Picture::Delta(0), 1);
    call.world.pass(Duration::from_millis(40));
    call.picture(Picture::Delta(0), 1);
    call.world.pass(Duration::from_secs(1));
    let packets = call.take();
    assert_eq!(packets.len(), 22);
    assert_continuous(&packets);
}

#[test]
fn what_was_lost_is_sent_again_before_what_waits() {
    let mut call = Call::new(1_000_000);
    let lost = {
        call.picture(Picture::Delta(0), 1);
        header(&call.take()[0]).seq
    };
    call.world.pass(Duration::from_millis(200));
    call.picture(Picture::Key, 50);
    call.take();
    nack(&mut call.world, &[lost]);
    assert_eq!(call.take().len(), 0, "it waits too");
    call.world.pass(Duration::from_millis(30));
    let next = call.take();
    assert_eq!(header(&next[0]).ssrc, REPAIR);
    let others = next[1..].iter().map(|packet| header(packet).ssrc);
    assert!(others.clone().count() > 0 && others.into_iter().all(|ssrc| ssrc == VIDEO));
}

fn nack(world: &mut World, lost: &[SeqNo]) {
    let pairs = lost.iter().map(|first| NackPair {
        first: *first,
        following: 0,
    });
    let pairs: Vec<_> = pairs.collect();
    world.send_rtcp(1, |out| write_nack(out, Ssrc(1), VIDEO, &pairs));
}

#[test]
fn sound_does_not_wait() {
    let mut call = Call::new(1_000_000);
    let world = &mut call.world;
    let microphone = crate::media::MICROPHONE;
    let section = receive(
        MediaKind::Audio,
        "1",
        &[sfu_model::ReceiveEncoding {
            ssrc: Some(microphone),
            ..Default::default()
        }],
    );
    world.command(Command::Publish {
        publication: crate::world::publication_id(1),
        peer: world.participants[0].id,
        media: section,
    });
    world.command(Command::Subscribe {
        subscription: subscription_id(11),
        publication: crate::world::publication_id(1),
        peer: world.participants[1].id,
        media: send(MediaKind::Audio, "1", 60_000),
    });
    call.picture(Picture::Key, 50);
    call.take();
    let mut sound = Source::audio(microphone);
    call.world.send_rtp(0, &sound.packet(&[0x78, 1, 2, 3]));
    let got = call.take();
    assert_eq!(got.len(), 1);
    assert_eq!(header(&got[0]).ssrc, Ssrc(60_000));
}

/// Returns the temporal layers of pictures.
fn layers(packets: &[Vec<u8>]) -> BTreeSet<u8> {
    let payloads = packets.iter().map(|packet| {
        let peek = peek(Codec::Vp8, header(packet).payload(packet)).unwrap();
        peek.temporal.0
    });
    payloads.collect()
}

#[test]
fn pictures_that_nothing_depends_on_are_left_out_when_others_have_waited_for_long() {
    let mut call = Call::new(2_500_000);
    call.run(Duration::from_secs(2), 8, &[0, 1]);
    assert_eq!(layers(&call.take()), BTreeSet::from([0, 1]));
    call.world.participants[0].rtcp.clear();
    // Half a second of the link, which has a fifth of it to spare.
    call.picture(Picture::Key, 184);
    call.run(Duration::from_secs(2), 8, &[1, 0]);
    assert!(call.dropped(DropReason::LayerThinned) > 10);
    assert_eq!(call.dropped(DropReason::GivenUp), 0);
    assert_eq!(call.world.participants[0].take_rtcp(is_pli), 0);
    let packets = call.take();
    assert_continuous(&packets);
    // None is cut.
    let whole = pictures(&packets);
    assert_eq!(packets.len(), 184 + (whole.len() - 1) * 8);
}

#[test]
fn a_track_that_waits_for_very_long_goes_on_with_a_key_frame() {
    let mut call = Call::new(3_000_000);
    call.run(Duration::from_secs(1), 8, &[0]);
    call.take();
    call.say(300_000);
    call.world.participants[0].rtcp.clear();
    call.run(Duration::from_millis(2_500), 8, &[0]);
    assert!(call.dropped(DropReason::GivenUp) > 100);
    assert!(call.world.participants[0].take_rtcp(is_pli) > 0);
    let before = call.take();
    call.picture(Picture::Key, 4);
    call.world.pass(Duration::from_secs(1));
    let after = call.take();
    assert_eq!(after.len(), 4);
    assert_continuous(&[before, after].concat());
}

#[test]
fn what_waits_before_a_later_key_frame_is_passed_over() {
    let mut call = Call::new(3_000_000);
    call.run(Duration::from_secs(1), 8, &[0]);
    call.take();
    call.say(300_000);
    call.run(Duration::from_millis(400), 8, &[0]);
    call.picture(Picture::Key, 4);
    call.world.pass(Duration::from_millis(200));
    assert!(call.dropped(DropReason::SkippedToKeyFrame) > 50);
    assert_eq!(call.dropped(DropReason::GivenUp), 0);
    let got = call.take();
    assert_continuous(&got);
    let last = got.last().unwrap();
    let peek = peek(
        Codec::Vp8,
        header(&got[got.len() - 4]).payload(&got[got.len() - 4]),
    );
    assert!(peek.unwrap().key_frame);
    assert_eq!(picture_id(last), picture_id(&got[got.len() - 4]));
}

#[test]
fn a_key_frame_is_not_given_up_for_another_however_long_it_takes() {
    let mut call = Call::new(500_000);
    call.world.participants[0].rtcp.clear();
    call.picture(Picture::Key, 200);
    call.world.pass(Duration::from_secs(4));
    assert_eq!(call.take().len(), 200);
    assert_eq!(call.world.participants[0].take_rtcp(is_pli), 0);
}

#[test]
fn bytes_that_are_gone_leave_no_hole_and_ask_for_a_key_frame() {
    let mut call = Call::new(1_000_000);
    call.world.participants[0].rtcp.clear();
    // More than the publisher's ring has.
    call.picture(Picture::Key, 600);
    call.world.pass(Duration::from_millis(100));
    assert!(call.dropped(DropReason::LeftRing) > 0);
    assert_eq!(call.world.participants[0].take_rtcp(is_pli), 1);
    call.picture(Picture::Key, 4);
    call.world.pass(Duration::from_secs(1));
    assert_continuous(&call.take());
}

#[test]
fn no_more_waits_than_may() {
    let mut call = Call::new(100_000);
    call.picture(Picture::Key, 20);
    for _ in 0..40 {
        call.picture(Picture::Delta(0), 32);
    }
    assert!(call.dropped(DropReason::HeldFull) > 100);
    let lost: Vec<_> = (0..400).map(SeqNo).collect();
    let before = call.dropped(DropReason::HeldFull);
    nack(&mut call.world, &lost);
    assert_eq!(call.dropped(DropReason::HeldFull) - before, 400 - 256);
}

#[test]
fn a_key_frame_that_is_leaving_goes_on_when_there_is_no_room_for_others() {
    let mut call = Call::new(5_000_000);
    // More subscriptions over the same link, so that more waits than the publisher's ring has.
    for (id, ssrc) in [(21, 51_000), (22, 52_000)] {
        call.world.command(Command::Subscribe {
            subscription: subscription_id(id),
            publication: crate::world::publication_id(0),
            peer: call.world.participants[1].id,
            media: send(MediaKind::Video, "0", ssrc),
        });
    }
    call.picture(Picture::Key, 100);
    for _ in 0..10 {
        call.picture(Picture::Delta(0), 30);
    }
    assert!(call.dropped(DropReason::HeldFull) > 100);
    call.world.pass(Duration::from_secs(2));
    for ssrc in [VIDEO, Ssrc(51_000), Ssrc(52_000)] {
        let mut got = call.world.participants[1].rtp.clone();
        got.retain(|packet| header(packet).ssrc == ssrc);
        assert_continuous(&got);
        assert!(got.len() >= 100, "{} of {ssrc:?}", got.len());
    }
}

#[test]
fn what_waits_for_who_leaves_or_unsubscribes_goes_with_it() {
    let mut call = Call::new(1_000_000);
    call.picture(Picture::Key, 50);
    call.take();
    call.world.command(Command::Unsubscribe {
        subscription: subscription_id(1),
    });
    call.world.pass(Duration::from_secs(1));
    assert_eq!(call.take().len(), 0);

    let mut call = Call::new(1_000_000);
    call.picture(Picture::Key, 50);
    call.world.command(Command::RemovePeer {
        peer: call.world.participants[1].id,
    });
    call.world.pass(Duration::from_secs(1));
    assert_eq!(call.world.participants[2].rtp.len(), 51);
}

#[test]
fn a_publication_that_is_sent_otherwise_meanwhile_is_sent_as_it_is_then() {
    let mut call = Call::new(1_000_000);
    call.picture(Picture::Key, 50);
    call.take();
    let mut changed = camera();
    changed.nack = false;
    publish(&mut call.world, changed);
    let mut media = send(MediaKind::Video, "later", 50_000);
    media.rtx_ssrc = None;
    subscribe(&mut call.world, 1, media);
    call.world.pass(Duration::from_secs(1));
    let got = call.take();
    assert!(!got.is_empty());
    assert_continuous(&got);
}

#[test]
fn who_asks_for_packets_without_end_is_answered_for_some() {
    let mut call = Call::new(3_000_000);
    let pairs = vec![
        NackPair {
            first: SeqNo(30_000),
            following: u16::MAX,
        };
        300
    ];
    let world = &mut call.world;
    world.send_rtcp(1, |out| write_nack(out, Ssrc(1), VIDEO, &pairs));
    let counters = world.shard.counters();
    assert_eq!(counters.nacks_in, 300 * 17);
    assert_eq!(counters.dropped(DropReason::NackOverBudget), 300 * 17 - 512);
    // It has lost nothing by it a while later.
    world.pass(Duration::from_millis(200));
    let lost = header(
        &{
            call.picture(Picture::Delta(0), 1);
            call.world.pass(Duration::from_millis(200));
            call.take()
        }[0],
    );
    nack(&mut call.world, &[lost.seq]);
    assert_eq!(call.take().len(), 1);
}
