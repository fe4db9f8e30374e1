//! A client's network changes in the middle of a call.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_model::{Event, MediaKind};
use sfu_sim::{Call, ClientId, Heard, LinkProfile, Seed, World};

use crate::support::{assert_no_faults, call, replay};

/// Checks are 2.5 s apart, and a receiver waits 0.8 s for what was lost meanwhile.
const UNTIL_FOUND: Duration = Duration::from_millis(3_400);

/// Alice and Bob see each other. Returns Bob's and Alice's receipt.
fn video_call(seed: Seed) -> (Call, [ClientId; 2], [Heard; 2]) {
    let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
    let cameras = [alice, bob].map(|id| call.publish(id, MediaKind::Video));
    let seen = [
        call.subscribe(bob, cameras[0]),
        call.subscribe(alice, cameras[1]),
    ];
    call.world.run_for(Duration::from_secs(3));
    call.world.take_events();
    (call, [alice, bob], seen)
}

fn elsewhere() -> SocketAddr {
    ([203, 0, 113, 5], 9_999).into()
}

/// Asserts that media flows both ways, after a pause of at most `limit`, over the same association.
fn assert_goes_on(call: &Call, clients: [ClientId; 2], seen: [Heard; 2], limit: Duration) {
    let now = call.world.now().mono;
    for heard in seen {
        let latest = call.receiver(heard).latest().expect("something came");
        assert!(now - latest < Duration::from_millis(100));
        let pause = call.reception(heard).longest_pause;
        assert!(pause < limit, "{pause:?}");
    }
    let handshakes = call.world.trace().count("alice", "is connected");
    assert_eq!(handshakes, 1);
    assert_eq!(media_path_events(&call.world), 0);
    assert_no_faults(call, &clients);
}

fn media_path_events(world: &World) -> usize {
    let events = world.events().iter();
    let of_paths = events.filter(|event| {
        matches!(
            event,
            Event::PeerConnected { .. } | Event::PeerClosed { .. } | Event::PeerSilent { .. }
        )
    });
    of_paths.count()
}

#[test]
fn media_goes_on_over_an_ice_restart() {
    replay(|seed| {
        let (mut call, [alice, bob], seen) = video_call(seed);
        call.world.move_client(alice, elsewhere());
        call.restart_ice(alice);
        call.world.run_for(Duration::from_secs(5));
        assert_goes_on(&call, [alice, bob], seen, Duration::from_millis(300));
        assert_eq!(
            call.world
                .trace()
                .count("alice", "is seen at 203.0.113.5:9999"),
            1
        );
        call.world.into_trace()
    });
}

#[test]
fn an_ice_restart_without_a_change_of_address_is_not_seen_in_media() {
    replay(|seed| {
        let (mut call, [alice, bob], seen) = video_call(seed);
        call.restart_ice(alice);
        call.world.run_for(Duration::from_secs(5));
        assert_goes_on(&call, [alice, bob], seen, Duration::from_millis(50));
        call.world.into_trace()
    });
}

#[test]
fn media_follows_a_client_to_another_address_with_its_next_check() {
    replay(|seed| {
        let (mut call, [alice, bob], seen) = video_call(seed);
        call.world.move_client(alice, elsewhere());
        call.world.run_for(Duration::from_secs(5));
        assert_goes_on(&call, [alice, bob], seen, UNTIL_FOUND);
        call.world.into_trace()
    });
}

#[test]
fn a_client_that_moves_back_is_found_again() {
    replay(|seed| {
        let (mut call, [alice, bob], seen) = video_call(seed);
        let home = call.world.address(alice);
        for address in [elsewhere(), home, elsewhere(), home] {
            call.world.move_client(alice, address);
            call.world.run_for(Duration::from_secs(4));
        }
        assert_goes_on(&call, [alice, bob], seen, UNTIL_FOUND);
        call.world.into_trace()
    });
}

#[test]
fn media_that_was_cut_off_for_a_while_goes_on() {
    replay(|seed| {
        let (mut call, [alice, bob], seen) = video_call(seed);
        call.world.set_links(alice, LinkProfile::CUT);
        call.world.run_for(Duration::from_secs(12));
        call.world.set_links(alice, LinkProfile::CLEAN);
        call.world.run_for(Duration::from_secs(5));
        let mut events = call.world.take_events();
        events.retain(|event| !matches!(event, Event::Statistics { .. }));
        let [silent, resumed] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(matches!(silent, Event::PeerSilent { .. }));
        assert!(matches!(resumed, Event::PeerResumed { .. }));
        assert_goes_on(&call, [alice, bob], seen, Duration::from_secs(13));
        call.world.into_trace()
    });
}
