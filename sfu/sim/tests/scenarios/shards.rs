//! Clients of one room live on two shards that share a port.

use std::time::Duration;

use sfu_model::{Command, Forwarding, MediaKind, SpatialLayer, TemporalLayer};
use sfu_sim::{Call, ClientId, Heard, LinkProfile, PerMille, Seed};

use crate::support::{PATIENCE, assert_complete, assert_no_faults, packets_of, replay};

/// A call of four: two clients live on each shard, of whom one comes in at the other shard.
fn call(seed: Seed, profile: LinkProfile) -> (Call, [ClientId; 4]) {
    let mut call = Call::with_shards(seed, 2);
    let clients = ["alice", "bob", "carol", "dave"].map(|name| call.join(name, profile));
    call.world.run_until(PATIENCE, |world| {
        clients.iter().all(|id| world.client(*id).is_connected())
    });
    (call, clients)
}

#[test]
fn what_anybody_publishes_arrives_complete_at_everybody() {
    replay(|seed| {
        let (mut call, clients) = call(seed, LinkProfile::CLEAN);
        let mut heard = Vec::new();
        for publisher in clients {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                let track = call.publish(publisher, kind);
                let others = clients.into_iter().filter(|id| *id != publisher);
                heard.extend(others.map(|id| (call.subscribe(id, track), kind)));
            }
        }
        call.world.run_for(Duration::from_secs(5));
        for (heard, kind) in heard {
            assert_complete(&call, heard, packets_of(kind, 5));
        }
        for shard in call.world.shards() {
            let counters = shard.counters();
            // Four tracks of its own, and an import of each of the others'.
            assert_eq!((counters.peers, counters.publications), (2, 8));
            assert!(counters.handed_over > 0 && counters.exports_out > 0);
        }
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn what_a_twentieth_of_loss_takes_comes_again_from_either_shard() {
    replay(|seed| {
        let (mut call, clients) = call(seed, LinkProfile::losing(PerMille(50)));
        let camera = call.publish(clients[0], MediaKind::Video);
        let heard = [1, 2, 3].map(|place| call.subscribe(clients[place], camera));
        call.world.run_for(Duration::from_secs(10));
        call.world.client_mut(clients[0]).stop_publishing();
        call.world.run_for(Duration::from_secs(1));
        for heard in heard {
            let reception = call.reception(heard);
            assert!(reception.delivered >= packets_of(MediaKind::Video, 10) * 98 / 100);
            assert!(reception.recovered > 10, "{reception:?}");
            assert!(reception.lost <= 1, "{reception:?}");
        }
        let [home, far] = call.world.shards() else {
            panic!("two shards");
        };
        assert!(far.counters().retransmissions_out > 10);
        assert_eq!(far.counters().nacks_out, 0);
        assert!(home.counters().nacks_out > 10);
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn a_track_that_is_paused_on_a_shard_costs_it_nothing_and_comes_back_within_a_round_trip() {
    const ALL: Forwarding = Forwarding::UpTo {
        spatial: SpatialLayer::MAX,
        temporal: TemporalLayer::MAX,
    };
    let forward = |call: &mut Call, heard: Heard, forwarding| {
        let subscription = heard.subscription;
        call.world.command(&Command::SetForwarding {
            subscription,
            forwarding,
        });
    };
    replay(|seed| {
        let (mut call, clients) = call(seed, LinkProfile::CLEAN);
        let camera = call.publish(clients[0], MediaKind::Video);
        let [near, first, second] = [1, 2, 3].map(|place| call.subscribe(clients[place], camera));
        call.world.run_for(Duration::from_secs(2));
        for heard in [first, second] {
            forward(&mut call, heard, Forwarding::Paused);
        }
        let exported = |call: &Call| call.world.shards()[0].counters().exports_out;
        call.world.run_for(Duration::from_millis(100));
        let before = exported(&call);
        call.world.run_for(Duration::from_secs(20));
        assert_eq!(exported(&call), before);
        assert_complete(&call, near, packets_of(MediaKind::Video, 22));

        let seen = call.reception(second).delivered;
        forward(&mut call, second, ALL);
        call.world.run_for(Duration::from_millis(120));
        assert!(call.reception(second).delivered > seen);
        call.world.run_for(Duration::from_secs(2));
        assert_complete(&call, second, packets_of(MediaKind::Video, 4));
        assert!(call.reception(first).delivered < packets_of(MediaKind::Video, 3));
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn a_client_that_moves_and_one_that_leaves_disturb_nobody() {
    replay(|seed| {
        let (mut call, clients) = call(seed, LinkProfile::CLEAN);
        let [alice, bob, carol, dave] = clients;
        let camera = call.publish(alice, MediaKind::Video);
        let [moving, leaving, staying] =
            [bob, carol, dave].map(|client| call.subscribe(client, camera));
        call.world.run_for(Duration::from_secs(2));
        // To the other entrance.
        let mut address = call.world.address(bob);
        address.set_port(address.port() + 11);
        call.world.move_client(bob, address);
        call.leave(carol);
        call.world.run_for(Duration::from_secs(20));
        assert_complete(&call, staying, packets_of(MediaKind::Video, 22));
        assert!(call.reception(moving).delivered > packets_of(MediaKind::Video, 15));
        assert!(call.reception(leaving).delivered < packets_of(MediaKind::Video, 3));
        for client in [alice, dave, bob] {
            call.leave(client);
        }
        call.world.run_for(Duration::from_secs(1));
        for shard in call.world.shards() {
            let counters = shard.counters();
            let held = (
                counters.peers,
                counters.publications,
                counters.subscriptions,
            );
            assert_eq!(held, (0, 0, 0));
        }
        call.world.into_trace()
    });
}
