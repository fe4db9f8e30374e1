//! Where media may go: to paths whose far end answers checks of ours.

use std::time::Duration;

use sfu_model::{CloseReason, DataChannelOpener, IceCredentials, LinkProtocol, Path, ShardIndex};
use sfu_transport::{DropReason, StunOutcome, TransportEvent, check_tag_of, ufrag_of};

use crate::check::answer;
use crate::world::{World, path};

fn client(number: u16) -> Path {
    path(&format!("198.51.100.7:{}", 40_000 + number))
}

/// Somebody who has nothing to do with the call.
fn victim() -> Path {
    path("203.0.113.9:53")
}

/// Lets the client check its own path for a while, as it does when all is well.
fn keep_checking(world: &mut World, seconds: u64) {
    world.run_for(Duration::from_secs(seconds));
}

/// A world whose client has nominated a path where nobody answers.
fn aimed_at_victim() -> World {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.deaf.push(victim());
    world.asked.clear();
    let outcome = world.nominate(victim());
    assert_eq!(outcome, Ok(StunOutcome::Validated { evicted: None }));
    world
}

#[test]
fn media_stays_where_it_is_while_a_nominated_path_does_not_answer() {
    let mut world = aimed_at_victim();
    for _ in 0..100 {
        assert_eq!(world.server.path(), Some(world.path));
        world.run_for(Duration::from_millis(300));
    }
    let asked = world.asked.iter().filter(|path| **path == victim());
    assert!(asked.count() <= 4, "{:?}", world.asked);
}

#[test]
fn a_nominated_path_that_answers_takes_over_at_once() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.nominate(client(5)).unwrap();
    assert_eq!(world.server.path(), Some(client(5)));
}

#[test]
fn a_lost_check_or_answer_is_made_good_within_half_a_second() {
    for lost in 0..4 {
        let mut world = World::connected(DataChannelOpener::Peer);
        world.deaf.push(client(5));
        world.asked.clear();
        world.nominate(client(5)).unwrap();
        while world.asked.len() < lost {
            world.pass(Duration::from_millis(10));
            world.answer_checks();
        }
        world.deaf.clear();
        let begin = world.now.mono;
        while world.server.path() != Some(client(5)) {
            world.pass(Duration::from_millis(10));
            world.answer_checks();
            let waited = world.now.mono.saturating_duration_since(begin);
            assert!(waited < Duration::from_millis(500), "{lost} lost");
        }
    }
}

#[test]
fn nothing_but_checks_goes_to_a_path_that_does_not_answer() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.deaf.push(world.path);
    world.nominate(world.path).unwrap();
    world.run_for(Duration::from_millis(2_900));
    assert_eq!(world.server.path(), None);
    assert_eq!(world.sent_by_server, 0);
    world.deaf.clear();
    world.connect();
    assert!(world.server.is_connected());
}

#[test]
fn a_check_that_overtakes_the_description_is_proved_by_it() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.nominate(world.path).unwrap();
    assert_eq!(world.asked, []);
    assert_eq!(world.server.path(), None);
    world.describe();
    world.answer_checks();
    assert_eq!(world.server.path(), Some(world.path));
}

#[test]
fn media_stops_where_nobody_answers_any_more_though_the_session_lives_on() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let gone = world.path;
    world.deaf.push(gone);
    for _ in 0..15 {
        // Somebody who is not at the path keeps the session alive by media.
        let (mut sealer, _) = world.client.srtp();
        let rtp = [0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9];
        let mut sealed = sealer.encrypt_rtp(&rtp).unwrap().to_vec();
        world.server.open_rtp(world.now, &mut sealed).ok();
        world.nominate(gone).unwrap();
        world.pass(Duration::from_secs(1));
        world.answer_checks();
    }
    assert_eq!(world.server.path(), None);
    let mut buf = Vec::new();
    world.server.close(world.now);
    assert!(!world.server.poll_transmit(world.now, &mut buf));
}

#[test]
fn media_goes_back_to_the_path_before_when_the_latest_answers_no_more() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let first = world.path;
    world.nominate(client(5)).unwrap();
    world.deaf.push(client(5));
    let mut check = world.check();
    check.nominates = false;
    for _ in 0..16 {
        assert!(world.server.path().is_some());
        world.stun(first, &check.bytes()).0.unwrap();
        world.pass(Duration::from_secs(1));
        world.answer_checks();
    }
    assert_eq!(world.server.path(), Some(first));
}

#[test]
fn a_path_that_answers_is_kept_and_asked_with_every_second_or_third_check_of_the_client() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.asked.clear();
    for _ in 0..600 {
        world.run_for(Duration::from_millis(100));
        assert_eq!(world.server.path(), Some(world.path));
    }
    let asked = world.asked.len();
    assert!((8..=12).contains(&asked), "{asked}");
}

#[test]
fn a_path_is_asked_within_ten_seconds_though_the_client_checks_nothing() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.asked.clear();
    let mut steps = 0;
    while world.asked.is_empty() {
        world.pass(Duration::from_millis(100));
        world.answer_checks();
        steps += 1;
    }
    assert!((98..=101).contains(&steps), "{steps}");
}

#[test]
fn a_quarter_of_the_checks_and_answers_may_be_lost() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.loss = 25;
    for _ in 0..6_000 {
        world.run_for(Duration::from_millis(100));
        assert_eq!(world.server.path(), Some(world.path));
    }
}

#[test]
fn a_captured_check_does_nothing_elsewhere_however_late_it_comes() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let captured = world.check().bytes();
    world.stun(world.path, &captured).0.unwrap();
    for _ in 0..40 {
        world.nominate(world.path).unwrap();
    }
    world.deaf.push(victim());
    world.stun(victim(), &captured).0.unwrap();
    assert_eq!(world.server.path(), Some(world.path));
    world.events.clear();
    // The client is gone; whoever repeats what it said keeps nobody alive.
    world.deaf.push(world.path);
    for _ in 0..16 {
        world.stun(victim(), &captured).0.ok();
        world.pass(Duration::from_secs(1));
    }
    let closed = TransportEvent::Closed(CloseReason::TimedOut);
    assert_eq!(world.events, [TransportEvent::Silent, closed]);
}

#[test]
fn strangers_paths_do_not_crowd_out_the_clients() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.nominate(client(1)).unwrap();
    let proved = [world.path, client(1)];
    for number in 0..100 {
        let stranger = path(&format!("203.0.113.9:{}", 1_000 + number));
        world.deaf.push(stranger);
        world.nominate(stranger).unwrap();
    }
    for path in proved {
        assert!(world.server.paths().any(|known| known == path));
    }
    assert_eq!(world.server.paths().count(), 16);
    keep_checking(&mut world, 1);
    assert_eq!(world.server.path(), Some(client(1)));
}

#[test]
fn only_the_answer_that_was_asked_for_there_proves_a_path() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.deaf.push(client(5));
    world.nominate(client(5)).unwrap();
    world.pass(Duration::from_millis(100));
    let mut check = Vec::new();
    let asked = world.server.poll_check(world.now, &mut check);
    assert_eq!(asked, Some(client(5)));
    let right = answer(&check, &world.remote, client(5).local).unwrap();
    assert_eq!(check_tag_of(&right).map(|tag| tag.0), Some([5; 6]));
    assert_eq!((check_tag_of(&check), ufrag_of(&right)), (None, None));
    let mut take = |path, message: &[u8]| world.server.handle_answer(world.now, path, message);
    assert_eq!(take(world.path, &right), Err(DropReason::StunReplayed));
    assert_eq!(take(victim(), &right), Err(DropReason::UnknownPath));
    for bit in 0..right.len() * 8 {
        let mut flipped = right.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let is_fingerprint = bit / 8 >= right.len() - 8;
        let is_length = (2..4).contains(&(bit / 8));
        assert!(is_fingerprint || is_length || take(client(5), &flipped).is_err());
    }
    assert_eq!(take(client(5), &right), Ok(()));
    assert_eq!(take(client(5), &right), Err(DropReason::StunReplayed));
    assert_eq!(world.server.path(), Some(client(5)));
}

#[test]
fn a_connection_is_a_path_that_needs_no_proof() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let tcp = Path {
        protocol: LinkProtocol::Tcp,
        ..client(1)
    };
    world.asked.clear();
    world.deaf.push(tcp);
    world.nominate(tcp).unwrap();
    assert_eq!(world.server.path(), Some(tcp));
    assert_eq!(world.asked, []);
}

#[test]
fn paths_are_proved_by_restarted_credentials_too() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let local = IceCredentials::generate(ShardIndex(0), [9; 34]);
    let remote = IceCredentials::generate(ShardIndex(0), [99; 34]);
    world.server.restart_ice(world.now, local.clone());
    let fingerprint = world.client.fingerprint;
    world
        .server
        .set_remote(world.now, remote.clone(), fingerprint, world.role);
    (world.local, world.remote) = (local, remote);
    world.nominate(client(5)).unwrap();
    assert_eq!(world.server.path(), Some(client(5)));
}
