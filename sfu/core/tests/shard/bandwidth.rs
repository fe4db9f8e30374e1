//! What a subscriber's link carries decides what it is sent.

use std::time::{Duration, Instant};

use sfu_model::{Bitrate, Command, Event, MediaKind, Pausing, Ssrc};
use sfu_rtp::rtcp::{NackPair, write_nack, write_remb};
use sfu_rtp::{ExtensionRanges, ExtensionTable, RtpHeader, TwccRecorder};

use crate::media::{Source, extensions, publish, send, subscribe};
use crate::simulcast::{EACH, simulcast, sources};
use crate::world::World;

/// Time between pictures.
const INTERVAL: Duration = Duration::from_millis(8);

/// Bytes of a picture of each encoding: some 100, 300 and 900 kbit/s.
const SIZES: [usize; 3] = [100, 300, 900];

/// A camera of three encodings, and two who subscribe to it: participants 1 and 2.
struct Call {
    world: World,
    sources: [Source; 3],
    pictures: u32,
}

impl Call {
    fn new(pausing: Pausing) -> Self {
        let mut world = World::with(3);
        publish(&mut world, simulcast());
        for subscriber in [1, 2] {
            let mut media = send(MediaKind::Video, "0", 50_000);
            media.pausing = pausing;
            subscribe(&mut world, subscriber, media);
        }
        Self {
            world,
            sources: sources(),
            pictures: 0,
        }
    }

    /// Sends pictures of each encoding, one in 30 a key frame. Calls `after` each time.
    fn run(&mut self, duration: Duration, mut after: impl FnMut(&mut World)) {
        let end = self.world.now.after(duration);
        while self.world.now.mono < end.mono {
            let key = self.pictures.is_multiple_of(30);
            self.pictures += 1;
            for layer in EACH {
                let packet = self.sources[layer].next_of(SIZES[layer], key);
                self.world.send_rtp(0, &packet);
            }
            self.world.pass(INTERVAL);
            after(&mut self.world);
        }
    }

    /// Runs for some seconds, and returns how many kbit/s of media two participants got in the last of them.
    fn rates(&mut self, seconds: u64) -> [usize; 2] {
        let last = Duration::from_secs(1);
        self.run(Duration::from_secs(seconds) - last, forget);
        self.run(last, |_| {});
        [1, 2].map(|place| {
            let packets = self.world.participants[place].rtp.drain(..);
            let media = packets.filter(|packet| ssrc_of(packet) == Ssrc(50_000));
            media.map(|packet| packet.len()).sum::<usize>() * 8 / 1_000
        })
    }

    fn say(&mut self, place: usize, bitrate: u64) {
        self.world.send_rtcp(place, |out| {
            write_remb(out, Ssrc(1), Bitrate(bitrate), &[Ssrc(50_000)]);
        });
    }
}

fn ssrc_of(packet: &[u8]) -> Ssrc {
    RtpHeader::parse(packet).unwrap().ssrc
}

fn forget(world: &mut World) {
    world
        .participants
        .iter_mut()
        .for_each(|one| one.rtp.clear());
}

fn is_between(least: usize, most: usize, rate: usize) {
    assert!((least..=most).contains(&rate), "{rate} kbit/s");
}

#[test]
fn a_subscriber_gets_the_best_that_its_link_carries_and_the_others_do_not_notice() {
    let mut call = Call::new(Pausing::Never);
    let [one, other] = call.rates(3);
    is_between(850, 1_300, one);
    is_between(850, 1_300, other);
    call.say(1, 500_000);
    let [one, other] = call.rates(3);
    is_between(250, 450, one);
    is_between(850, 1_300, other);
    call.say(1, 3_000_000);
    let [one, _] = call.rates(5);
    is_between(850, 1_300, one);
}

#[test]
fn a_cap_holds_until_it_is_taken_away() {
    let mut call = Call::new(Pausing::Never);
    let peer = call.world.participants[1].id;
    call.rates(2);
    let cap = |call: &mut Call, most: Option<Bitrate>| {
        call.world.command(Command::CapLink { peer, most });
        call.rates(4)
    };
    let [one, other] = cap(&mut call, Some(Bitrate(500_000)));
    is_between(250, 450, one);
    is_between(850, 1_300, other);
    let [one, _] = cap(&mut call, None);
    is_between(850, 1_300, one);
}

#[test]
fn the_least_is_sent_as_far_as_it_gets_through_unless_it_may_be_paused() {
    let mut call = Call::new(Pausing::Never);
    call.rates(2);
    call.say(1, 50_000);
    let [one, _] = call.rates(3);
    is_between(40, 80, one);

    let mut call = Call::new(Pausing::Allowed);
    call.rates(2);
    call.say(1, 50_000);
    let [one, _] = call.rates(3);
    assert_eq!(one, 0);
    let paused = |event: &Event| matches!(event, Event::SubscriptionPaused { .. }).then_some(());
    assert_eq!(call.world.take_events(paused).len(), 1);
    call.say(1, 500_000);
    let [one, _] = call.rates(4);
    is_between(250, 450, one);
    let resumed = |event: &Event| matches!(event, Event::SubscriptionResumed { .. }).then_some(());
    assert_eq!(call.world.take_events(resumed).len(), 1);
}

#[test]
fn what_a_switch_has_superseded_is_not_sent_again_to_a_link_without_room() {
    let mut call = Call::new(Pausing::Never);
    call.rates(3);
    let end = Duration::from_secs(1);
    call.run(end, |_| {});
    let latest = |call: &Call| {
        let got = call.world.participants[1].rtp.iter().rev();
        let mut media = got.filter(|packet| ssrc_of(packet) == Ssrc(50_000));
        media.next().unwrap().clone()
    };
    let high = latest(&call);
    let ask = |call: &mut Call, packet: &[u8]| {
        // What has just left is on its way.
        call.run(Duration::from_millis(200), |_| {});
        call.world.participants[1].rtp.clear();
        let pair = NackPair {
            first: RtpHeader::parse(packet).unwrap().seq,
            following: 0,
        };
        call.world
            .send_rtcp(1, |out| write_nack(out, Ssrc(1), Ssrc(50_000), &[pair]));
        let sent = call.world.participants[1].rtp.iter();
        sent.filter(|packet| ssrc_of(packet) != Ssrc(50_000))
            .count()
    };
    assert_eq!(ask(&mut call, &high), 1);
    call.say(1, 500_000);
    call.run(end, |_| {});
    let low = latest(&call);
    assert!(low.len() < high.len());
    assert_eq!(ask(&mut call, &high), 0);
    assert_eq!(ask(&mut call, &low), 1);
}

/// A link of a fixed rate with a long queue, whose far end reports when packets arrived.
struct Bottleneck {
    rate: u64,
    /// When what waits has left.
    free: Instant,
    recorder: TwccRecorder,
    reported: Instant,
    /// Longest time that a packet waited since this was cleared.
    longest: Duration,
}

impl Bottleneck {
    fn new(now: Instant, rate: u64) -> Self {
        Self {
            rate,
            free: now,
            recorder: TwccRecorder::new(),
            reported: now,
            longest: Duration::ZERO,
        }
    }

    /// Carries what participant 1 was sent since the last call, and reports on it.
    fn carry(&mut self, world: &mut World) {
        let now = world.now.mono;
        let table = ExtensionTable::from(&extensions());
        for packet in world.participants[1].rtp.drain(..) {
            let header = RtpHeader::parse(&packet).unwrap();
            let seq = ExtensionRanges::find(&header, &packet, &table).transport_cc(&packet);
            let bits = packet.len() as u64 * 8;
            self.free = self.free.max(now) + Duration::from_micros(bits * 1_000_000 / self.rate);
            self.longest = self.longest.max(self.free - now);
            if let Some(seq) = seq {
                self.recorder.on_packet(self.free, seq, header.ssrc);
            }
        }
        if now - self.reported >= Duration::from_millis(100) {
            self.reported = now;
            let mut feedback = Vec::new();
            while self.recorder.write_feedback(now, Ssrc(1), &mut feedback) {
                world.send_rtcp(1, |out| out.append(&mut feedback));
            }
        }
    }
}

#[test]
fn what_arrives_late_lowers_what_is_sent() {
    let mut call = Call::new(Pausing::Never);
    let mut link = Bottleneck::new(call.world.now.mono, 500_000);
    call.run(Duration::from_secs(6), |world| link.carry(world));
    link.longest = Duration::ZERO;
    let mut bytes = 0;
    call.run(Duration::from_secs(4), |world| {
        bytes += world.participants[1]
            .rtp
            .iter()
            .map(Vec::len)
            .sum::<usize>();
        link.carry(world);
    });
    is_between(250, 480, bytes * 8 / 4_000);
    let longest = link.longest;
    assert!(longest < Duration::from_millis(150), "waited {longest:?}");
}
