use std::time::Duration;

use sfu_model::{CloseReason, DataChannelOpener, IceCredentials, ShardIndex};
use sfu_transport::TransportEvent;

use crate::world::World;

fn quiet(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.pass(Duration::from_secs(1));
    }
}

#[test]
fn a_peer_is_silent_after_ten_seconds_and_over_after_fifteen() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.events.clear();
    quiet(&mut world, 9);
    assert_eq!(world.events, []);
    quiet(&mut world, 1);
    assert_eq!(world.events, [TransportEvent::Silent]);
    quiet(&mut world, 5);
    let closed = TransportEvent::Closed(CloseReason::TimedOut);
    assert_eq!(world.events, [TransportEvent::Silent, closed]);
}

#[test]
fn silence_before_the_connection_is_no_news_but_ends_it() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(world.path).unwrap();
    quiet(&mut world, 14);
    assert_eq!(world.events, []);
    quiet(&mut world, 1);
    let closed = TransportEvent::Closed(CloseReason::TimedOut);
    assert_eq!(world.events, [closed]);
}

#[test]
fn a_check_resumes_a_silent_peer() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.events.clear();
    for _ in 0..2 {
        quiet(&mut world, 12);
        world.nominate(world.path).unwrap();
        quiet(&mut world, 9);
        world.nominate(world.path).unwrap();
        quiet(&mut world, 1);
        let events: Vec<_> = world.events.drain(..).collect();
        assert_eq!(events, [TransportEvent::Silent, TransportEvent::Resumed]);
    }
}

#[test]
fn restarted_ice_gives_a_silent_peer_its_time_again() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.events.clear();
    quiet(&mut world, 12);
    let restarted = IceCredentials::generate(ShardIndex(0), [9; 34]);
    world.server.restart_ice(world.now, restarted);
    quiet(&mut world, 14);
    assert_eq!(world.events, [TransportEvent::Silent]);
    quiet(&mut world, 1);
    let closed = TransportEvent::Closed(CloseReason::TimedOut);
    assert_eq!(world.events, [TransportEvent::Silent, closed]);
}

#[test]
fn media_alone_keeps_a_peer_alive() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.events.clear();
    let (mut sealer, _) = world.client.srtp();
    for sequence in 0..40_u8 {
        let mut rtp = vec![0x80, 96, 0, sequence];
        rtp.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2, 9, 9]);
        let mut sealed = sealer.encrypt_rtp(&rtp).unwrap().to_vec();
        world.server.open_rtp(world.now, &mut sealed).unwrap();
        quiet(&mut world, 1);
    }
    assert_eq!(world.events, []);
}

#[test]
fn packets_that_are_not_authentic_keep_nobody_alive() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.deaf.push(world.path);
    world.events.clear();
    for _ in 0..15 {
        world.server.open_rtp(world.now, &mut [0x80; 60]).ok();
        world.server.open_rtcp(world.now, &mut [0x80; 60]).ok();
        world.stun(world.path, &[0; 20]).0.unwrap_err();
        world
            .server
            .handle_dtls(world.now, world.path, &[23; 60])
            .ok();
        quiet(&mut world, 1);
    }
    let closed = TransportEvent::Closed(CloseReason::TimedOut);
    assert_eq!(world.events, [TransportEvent::Silent, closed]);
}
