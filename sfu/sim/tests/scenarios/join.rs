//! Clients connect.

use std::time::Duration;

use sfu_model::{CloseReason, Event, MediaKind};
use sfu_sim::{Call, LinkProfile, PerMille};

use crate::support::{PATIENCE, assert_no_faults, call, replay};

#[test]
fn two_clients_connect_within_half_a_second() {
    replay(|seed| {
        let mut call = Call::new(seed);
        let clients = ["alice", "bob"].map(|name| call.join(name, LinkProfile::CLEAN));
        let limit = Duration::from_millis(500);
        call.world.run_until(limit, |world| {
            let connected = world.events().iter();
            let connected = connected.filter(|event| matches!(event, Event::PeerConnected { .. }));
            connected.count() == 2 && clients.iter().all(|id| world.client(*id).is_connected())
        });
        assert_eq!(call.world.shard().counters().peers, 2);
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn clients_connect_over_a_link_that_loses_a_tenth() {
    replay(|seed| {
        let profile = LinkProfile {
            jitter: Duration::from_millis(30),
            duplication: PerMille(50),
            reordering: PerMille(50),
            ..LinkProfile::losing(PerMille(100))
        };
        let (mut call, clients) = call(seed, ["alice", "bob", "carol"], profile);
        call.world.run_until(PATIENCE, |world| {
            clients.iter().all(|id| world.client(*id).data().is_open())
        });
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn a_client_that_leaves_is_told_and_leaves_nothing_behind() {
    replay(|seed| {
        let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
        call.leave(alice);
        let limit = Duration::from_millis(100);
        call.world
            .run_until(limit, |world| world.client(alice).is_closed());
        assert_eq!(call.world.shard().counters().peers, 1);
        call.world.run_for(Duration::from_secs(20));
        assert!(call.world.client(bob).is_connected());
        call.world.into_trace()
    });
}

#[test]
fn a_peer_that_vanishes_times_out_and_no_one_else_notices() {
    replay(|seed| {
        let names = ["alice", "bob", "carol"];
        let (mut call, [alice, bob, carol]) = call(seed, names, LinkProfile::CLEAN);
        let camera = call.publish(alice, MediaKind::Video);
        let other = call.publish(bob, MediaKind::Video);
        let seen = call.subscribe(carol, other);
        call.subscribe(bob, camera);
        call.subscribe(carol, camera);
        call.world.run_for(Duration::from_secs(2));
        call.world.take_events();

        call.world.set_links(alice, LinkProfile::CUT);
        call.world.run_for(Duration::from_millis(14_900));
        assert_eq!(call.world.shard().counters().peers, 3);
        call.world.run_for(Duration::from_millis(200));

        let counters = call.world.shard().counters();
        let held = (
            counters.peers,
            counters.publications,
            counters.subscriptions,
        );
        assert_eq!(held, (2, 1, 1));
        let events = call.world.take_events();
        let mut closed = events
            .iter()
            .filter(|event| matches!(event, Event::PeerClosed { .. }));
        let alice = call.peer(alice);
        assert!(matches!(
            closed.next(),
            Some(Event::PeerClosed { peer, reason: CloseReason::TimedOut }) if *peer == alice
        ));
        assert!(closed.next().is_none());
        let reception = call.reception(seen);
        assert_eq!((reception.lost, &reception.faults), (0, &Vec::new()));
        assert!(reception.longest_pause < Duration::from_millis(50));
        assert_no_faults(&call, &[bob, carol]);
        call.world.into_trace()
    });
}
