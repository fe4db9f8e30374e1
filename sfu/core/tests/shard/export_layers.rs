//! Another shard's subscribers need some encodings of a publication and not others, or none for now.

use std::time::Duration;

use sfu_model::{Bitrate, Forwarding, MediaKind, ReceiveMedia, Ssrc};
use sfu_rtp::rtcp::{Packet, SenderReport, write_remb, write_sender_report};
use sfu_rtp::{NtpTime, RtpTimestamp, SeqNo};

use crate::export::{Pair, microphone};
use crate::media::{ALL, CAMERA, MICROPHONE, Source, publish, send};
use crate::simulcast::{
    EACH, SSRCS, assert_one_stream, plis, simulcast, sources, unexplained, up_to,
};

/// A simulcast publication at home, with subscribers on the other shard.
struct Simulcast {
    pair: Pair,
    sources: [Source; 3],
}

impl Simulcast {
    /// Each subscriber gets what it is forwarded.
    fn to(forwarding: &[Forwarding]) -> Self {
        Self::publishing(simulcast(), forwarding)
    }

    fn publishing(media: ReceiveMedia, forwarding: &[Forwarding]) -> Self {
        let count = u32::try_from(forwarding.len()).unwrap();
        let mut pair = Pair::with(1, count);
        publish(&mut pair.home, media);
        for (subscriber, forwarding) in (0..).zip(forwarding) {
            let mut media = send(MediaKind::Video, "0", 50_000);
            media.forwarding = *forwarding;
            pair.subscribe_far(subscriber, media);
        }
        Self {
            pair,
            sources: sources(),
        }
    }

    /// Sends one picture in each of `layers`, `key` frames among them, and returns how many packets
    /// crossed.
    fn tick(&mut self, layers: &[usize], key: &[usize]) -> u64 {
        let before = self.pair.home.shard.counters().exports_out;
        for layer in EACH {
            let packet = self.sources[layer].next(key.contains(&layer));
            if layers.contains(&layer) {
                self.pair.send_rtp(&packet);
            }
        }
        self.pair.pass(Duration::from_millis(30));
        self.pair.home.shard.counters().exports_out - before
    }

    fn received(&mut self, subscriber: usize) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.pair.far.participants[subscriber].rtp)
    }

    fn plis(&mut self) -> Vec<Ssrc> {
        plis(&mut self.pair.home)
    }
}

#[test]
fn an_export_carries_only_the_layers_that_are_needed_there() {
    let mut call = Simulcast::to(&[up_to(0)]);
    call.tick(&EACH, &EACH);
    for _ in 0..10 {
        assert_eq!(call.tick(&EACH, &[]), 1);
    }
    call.plis();
    call.pair.want_far(0, up_to(2));
    assert_eq!(call.plis(), [SSRCS[2]]);
    // What is seen goes on until the wanted one can be.
    assert_eq!(call.tick(&EACH, &[]), 2);
    call.tick(&EACH, &[2]);
    assert_eq!(call.tick(&EACH, &[]), 1);
    let packets = call.received(0);
    assert_one_stream(&packets);
    assert!((14..=15).contains(&packets.len()), "{}", packets.len());
}

#[test]
fn a_link_is_divided_by_what_every_layer_costs_at_home_also_those_that_do_not_cross() {
    let mut call = Simulcast::to(&[ALL]);
    // Some 30, 90 and 250 kbit/s.
    let run = |call: &mut Simulcast| {
        for picture in 0..100 {
            for (layer, len) in EACH.into_iter().zip([100, 300, 900]) {
                let packet = call.sources[layer].next_of(len, picture % 10 == 0);
                call.pair.send_rtp(&packet);
            }
            call.pair.pass(Duration::from_millis(30));
        }
    };
    run(&mut call);
    call.pair.far.send_rtcp(0, |out| {
        write_remb(out, Ssrc(1), Bitrate(150_000), &[Ssrc(50_000)]);
    });
    run(&mut call);
    let received = call.received(0);
    let latest = received.iter().rev().take(50);
    let lengths: Vec<usize> = latest.map(Vec::len).collect();
    let middle = |len: &usize| (300..600).contains(len);
    assert!(lengths.iter().all(middle), "{lengths:?}");
}

#[test]
fn a_layer_crosses_if_one_of_many_needs_it() {
    let mut call = Simulcast::to(&[up_to(0), up_to(2), up_to(2), Forwarding::Paused]);
    call.tick(&EACH, &EACH);
    assert_eq!(call.tick(&EACH, &[]), 2);
    call.pair.want_far(0, Forwarding::Paused);
    assert_eq!(call.tick(&EACH, &[]), 1);
    call.pair.want_far(1, Forwarding::Paused);
    assert_eq!(call.tick(&EACH, &[]), 1);
}

#[test]
fn an_export_stops_while_every_subscription_there_is_paused_and_goes_on_with_a_key_frame() {
    let mut call = Simulcast::to(&[ALL, ALL]);
    call.tick(&EACH, &EACH);
    for subscriber in [0, 1] {
        call.pair.want_far(subscriber, Forwarding::Paused);
    }
    call.received(1);
    for _ in 0..60 {
        assert_eq!(call.tick(&EACH, &[]), 0);
    }
    call.plis();
    call.pair.want_far(1, ALL);
    assert_eq!(call.plis(), [SSRCS[2]]);
    call.tick(&EACH, &EACH);
    assert_eq!(call.tick(&EACH, &[]), 1);
    let packets = call.received(1);
    assert_eq!(packets.len(), 3);
    assert_one_stream(&packets);
}

#[test]
fn a_subscription_that_begins_paused_costs_nothing_and_is_ready_to_go_on() {
    let mut call = Simulcast::to(&[Forwarding::Paused]);
    for round in 0..3 {
        let key: &[usize] = if round == 0 { &EACH } else { &[] };
        assert_eq!(call.tick(&EACH, key), 0);
    }
    call.pair.want_far(0, up_to(1));
    assert_eq!(call.plis(), [SSRCS[1]]);
}

#[test]
fn a_pause_of_any_length_does_no_harm() {
    let mut call = Simulcast::to(&[ALL]);
    call.tick(&EACH, &EACH);
    call.pair.want_far(0, Forwarding::Paused);
    // Numbers go on by more than half of their range.
    for _ in 0..2 {
        for source in &mut call.sources {
            source.seq = SeqNo(source.seq.0.wrapping_add(20_000));
        }
        call.tick(&EACH, &[]);
    }
    call.pair.want_far(0, ALL);
    call.received(0);
    call.tick(&[2], &[2]);
    assert_eq!(call.received(0).len(), 1);
}

#[test]
fn a_subscriber_on_another_shard_falls_back_to_a_lower_layer_when_its_own_stops() {
    let mut call = Simulcast::to(&[ALL]);
    call.tick(&EACH, &EACH);
    assert_eq!(call.tick(&EACH, &[]), 1);
    call.plis();
    for _ in 0..60 {
        call.tick(&[0, 1], &[]);
    }
    assert!(call.plis().contains(&SSRCS[1]));
    call.received(0);
    call.tick(&[0, 1], &[1]);
    assert_eq!(call.tick(&[0, 1], &[]), 1);
    assert_eq!(call.received(0).len(), 2);
}

#[test]
fn a_better_layer_that_begins_is_taken_up_there_at_its_first_key_frame() {
    let mut call = Simulcast::to(&[ALL]);
    call.tick(&[0], &EACH);
    call.tick(&[0], &[]);
    assert_eq!(call.received(0).len(), 2);
    call.plis();
    call.tick(&[0, 2], &[2]);
    assert_eq!(call.tick(&[0, 2], &[]), 1);
    assert_eq!(call.plis(), []);
    let packets = call.received(0);
    assert_eq!(packets.len(), 3);
    assert_one_stream(&packets);
}

#[test]
fn a_layer_that_begins_anew_may_be_replaced_by_a_lower_one_until_its_key_frame() {
    let mut call = Simulcast::to(&[ALL]);
    call.tick(&EACH, &EACH);
    call.tick(&[0, 1], &[]);
    call.pair.pass(Duration::from_millis(600));
    call.sources[2].ssrc = Ssrc(77);
    call.tick(&EACH, &[]);
    call.received(0);
    call.tick(&EACH, &[0]);
    assert_eq!(call.received(0).len(), 1);
    call.tick(&EACH, &[2]);
    assert_eq!(call.tick(&EACH, &[]), 1);
    assert_one_stream(&call.received(0));
}

#[test]
fn a_subscription_that_goes_on_knows_the_clock_that_the_publisher_told_meanwhile() {
    let mut call = Simulcast::to(&[ALL]);
    call.tick(&EACH, &EACH);
    call.pair.want_far(0, Forwarding::Paused);
    let report = SenderReport {
        ssrc: SSRCS[2],
        ntp: NtpTime(7 << 32),
        timestamp: RtpTimestamp(1),
        packets: 1,
        octets: 1,
    };
    let home = &mut call.pair.home;
    home.send_rtcp(0, |out| write_sender_report(out, &report, &[]));
    call.tick(&EACH, &[]);
    call.pair.want_far(0, ALL);
    call.tick(&[2], &[2]);
    call.pair.pass(Duration::from_secs(4));
    let is_report = |packet: &Packet<'_>| matches!(packet, Packet::SenderReport { .. });
    assert!(call.pair.far.participants[0].take_rtcp(is_report) > 0);
}

#[test]
fn sound_that_is_paused_there_does_not_cross_and_goes_on_at_once() {
    let mut pair = Pair::with(1, 1);
    publish(&mut pair.home, microphone());
    pair.subscribe_far(0, send(MediaKind::Audio, "0", 60_000));
    let mut source = Source::audio(MICROPHONE);
    for forwarding in [ALL, Forwarding::Paused, ALL] {
        pair.want_far(0, forwarding);
        for _ in 0..10 {
            let packet = source.packet(&[0xfc, 1, 2, 3]);
            source.timestamp = source.timestamp.plus(960);
            pair.send_rtp(&packet);
        }
    }
    assert_eq!(pair.home.shard.counters().exports_out, 20);
    assert_eq!(pair.far.participants[0].rtp.len(), 20);
}

#[test]
fn one_stream_with_all_layers_is_one_encoding() {
    let mut pair = Pair::call();
    pair.want_far(0, up_to(0));
    let mut source = Source::video(CAMERA);
    for i in 0..10 {
        pair.send_rtp(&source.next(i == 0));
    }
    assert_eq!(pair.home.shard.counters().exports_out, 10);
}

#[test]
fn a_subscriber_there_follows_layers_that_turn_out_to_be_in_another_order() {
    let mut call = Simulcast::publishing(unexplained(), &[up_to(0)]);
    call.tick(&EACH, &EACH);
    call.tick(&EACH, &[]);
    call.plis();
    publish(&mut call.pair.home, simulcast());
    call.received(0);
    call.tick(&EACH, &[]);
    assert_eq!(call.plis(), [SSRCS[0]], "the lowest is another one");
    call.tick(&EACH, &[0]);
    assert_eq!(call.tick(&EACH, &[]), 1);
    let packets = call.received(0);
    assert_eq!(packets.len(), 3);
    assert_one_stream(&packets);
}
