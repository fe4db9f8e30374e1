//! Packets of ours before a publication sends.

use std::time::Duration;

use sfu_model::{MediaKind, Opening, SendMedia, Ssrc};
use sfu_rtp::RtpHeader;

use crate::media::{CAMERA, Source, camera, publish, receive, send, subscribe};
use crate::world::World;

fn padded(kind: MediaKind) -> SendMedia {
    SendMedia {
        opening: Opening::Padding,
        ..send(kind, "0", 50_000)
    }
}

#[test]
fn a_track_that_does_not_send_is_noticed_by_padding() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    subscribe(&mut world, 1, padded(MediaKind::Video));
    world.pass(Duration::from_millis(99));
    assert!(
        world.participants[1].rtp.is_empty(),
        "it has a moment to send"
    );
    world.pass(Duration::from_millis(1));
    let [header] = world.participants[1].take_headers()[..] else {
        panic!("one packet");
    };
    assert!(header.is_padding_only() && header.ssrc == Ssrc(50_000));
}

#[test]
fn it_ends_after_five_seconds() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    subscribe(&mut world, 1, padded(MediaKind::Video));
    world.pass(Duration::from_secs(6));
    let packets = world.participants[1].take_headers().len();
    assert!((45..=50).contains(&packets), "{packets}");
    world.pass(Duration::from_secs(10));
    assert!(world.participants[1].rtp.is_empty());
}

#[test]
fn it_ends_with_the_first_packet_and_the_numbers_go_on() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    subscribe(&mut world, 1, padded(MediaKind::Video));
    world.pass(Duration::from_millis(250));
    let last = world.participants[1].take_headers().pop().unwrap();
    world.send_rtp(0, &Source::video(CAMERA).next(true));
    let first = world.participants[1].take_headers()[0];
    assert_eq!(first.seq, last.seq.next());
    assert_ne!(first.timestamp, last.timestamp);
    world.pass(Duration::from_secs(1));
    assert!(world.participants[1].rtp.is_empty());
}

#[test]
fn silence_is_sent_of_audio() {
    let mut world = World::with(2);
    publish(&mut world, receive(MediaKind::Audio, "0", &[]));
    subscribe(&mut world, 1, padded(MediaKind::Audio));
    world.pass(Duration::from_millis(100));
    let packet = world.participants[1].rtp[0].clone();
    let header = RtpHeader::parse(&packet).unwrap();
    assert_eq!(header.payload(&packet), [0xf8, 0xff, 0xfe]);
}

#[test]
fn clients_that_know_tracks_by_negotiation_are_sent_nothing() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    subscribe(&mut world, 1, send(MediaKind::Video, "0", 50_000));
    world.pass(Duration::from_secs(6));
    assert!(world.participants[1].rtp.is_empty());
}
