//! What comes from nobody we know changes nothing but counters.

use sfu_core::DropReason;
use sfu_model::{LinkProtocol, Path};

use crate::media::{CAMERA, Source, call};
use crate::world::World;

fn strange_path() -> Path {
    Path {
        local: ([192, 0, 2, 1], 7882).into(),
        remote: ([203, 0, 113, 66], 6_666).into(),
        protocol: LinkProtocol::Udp,
    }
}

fn receive(world: &mut World, datagram: &[u8]) {
    let mut datagram = datagram.to_vec();
    let now = world.now;
    world
        .shard
        .handle_datagram(now, strange_path(), &mut datagram);
}

fn assert_no_answer(world: &mut World) {
    let mut buf = Vec::new();
    assert!(world.shard.poll_transmit(world.now, &mut buf).is_none());
}

#[test]
fn a_strangers_media_and_handshakes_are_dropped_before_any_cryptography() {
    let mut world = World::with(1);
    let before = world.shard.counters().clone();
    for first in [20, 128, 144] {
        receive(&mut world, &[first, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 4, 5]);
    }
    receive(&mut world, &[128, 200, 0, 1, 0, 0, 0, 2]);
    let counters = world.shard.counters();
    assert_eq!(counters.dropped(DropReason::UnknownPath), 4);
    assert_eq!(counters.datagrams_out, before.datagrams_out);
    assert_no_answer(&mut world);
}

#[test]
fn junk_is_dropped() {
    let mut world = World::with(1);
    for junk in [&[][..], &[250], &[64; 100], &[255; 1_500]] {
        receive(&mut world, junk);
    }
    assert_eq!(world.shard.counters().dropped(DropReason::NotOurs), 4);
    assert_no_answer(&mut world);
}

#[test]
fn a_check_for_nobody_is_dropped() {
    let mut world = World::new();
    let place = world.join_unconnected();
    world.participants[place].local.ufrag = "AAnobodyhere".to_owned();
    world.check(place);
    assert_eq!(world.shard.counters().dropped(DropReason::UnknownUfrag), 1);
    assert_no_answer(&mut world);
}

#[test]
fn a_check_without_the_password_binds_no_path() {
    let mut world = World::new();
    let place = world.join_unconnected();
    world.participants[place].local.pwd = "not the password at all!".to_owned();
    world.check(place);
    assert_no_answer(&mut world);
    let path = world.participants[place].path;
    let now = world.now;
    world.shard.handle_datagram(now, path, &mut [22; 40]);
    assert_eq!(world.shard.counters().dropped(DropReason::UnknownPath), 1);
}

#[test]
fn a_forged_packet_on_a_validated_path_is_not_forwarded() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let mut forged = source.next(true);
    forged.extend_from_slice(&[0; 16]);
    let (now, path) = (world.now, world.participants[0].path);
    world.shard.handle_datagram(now, path, &mut forged);
    world.exchange();
    assert_eq!(world.participants[1].rtp.len(), 1);
    let reason = DropReason::Refused(sfu_transport::DropReason::SrtpUnauthenticated);
    assert_eq!(world.shard.counters().dropped(reason), 1);
}
