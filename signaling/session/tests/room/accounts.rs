//! What sessions come to.

use std::time::Duration;

use sfu_model::{Event, PeerStatistics, RoomIndex, ShardIndex, Statistics, Traffic};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_session::{ConnectionId, RoomNotice, RoomReply, RoomRequest, SessionAccount};

use crate::support::{World, client, microphone};

const WINDOW: Duration = Duration::from_secs(5);

/// A shard tells what it has counted of each of somebody's peers.
fn count(world: &mut World, connection: ConnectionId, traffic: Traffic) {
    let peers = world.peers(connection).into_iter();
    let peers = peers.map(|peer| PeerStatistics {
        peer,
        silence: Duration::ZERO,
        round_trip: None,
        traffic,
        link: None,
    });
    let streams = Statistics {
        peers: peers.collect(),
        ..Statistics::default()
    };
    world.media(Event::Statistics {
        room: RoomIndex(1),
        shard: ShardIndex(0),
        part: 0,
        streams: Box::new(streams),
    });
}

/// Returns what the sessions came to that have ended.
fn ended(world: &World) -> Vec<SessionAccount> {
    let ended = world.notices.iter().filter_map(|notice| match notice {
        RoomNotice::ParticipantLeft { account, .. } => Some(*account),
        _ => None,
    });
    ended.collect()
}

const SOME: Traffic = Traffic {
    received: 1_000,
    sent: 20,
};

#[test]
fn a_session_comes_to_what_all_its_peers_had_for_as_long_as_it_lasted() {
    let mut world = World::new();
    let alice = world.join(client("alice").two_transports());
    world.pass(Duration::from_secs(3));
    world.answer(alice);
    world.connect(alice);
    world.publish(alice, microphone("mic"));
    assert_eq!(world.peers(alice).len(), 2);
    count(&mut world, alice, Traffic::default());
    count(&mut world, alice, SOME);
    world.pass(Duration::from_secs(7));
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    let [account] = ended(&world)[..] else {
        panic!("nobody has left");
    };
    assert_eq!(account.lasted, Duration::from_secs(7));
    assert_eq!(account.traffic.received, 2 * SOME.received);
    assert_eq!(account.traffic.sent, 2 * SOME.sent);
    assert_eq!(account.quality.excellent, 1);
}

#[test]
fn what_sessions_have_come_to_is_told_each_window_and_when_asked() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    count(&mut world, alice, SOME);
    world.pass(WINDOW);
    let told = world.notices.iter().find_map(|notice| match notice {
        RoomNotice::Accounts { accounts, .. } => Some(accounts.clone()),
        _ => None,
    });
    let [(_, told)] = told.expect("accounts are told")[..] else {
        panic!("one is there");
    };
    assert_eq!((told.lasted, told.traffic), (WINDOW, SOME));
    world.pass(Duration::from_secs(1));
    let asked = world
        .room
        .handle_request(world.now, RoomRequest::ListAccounts);
    let Ok(RoomReply::Accounts(accounts)) = asked else {
        panic!("{asked:?}");
    };
    assert_eq!(accounts[0].1.lasted, WINDOW + Duration::from_secs(1));
}

#[test]
fn a_step_of_the_clock_on_the_wall_makes_no_session_longer() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.now.unix.0 += Duration::from_secs(3_600);
    world.pass(Duration::from_secs(2));
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    assert_eq!(ended(&world)[0].lasted, Duration::from_secs(2));
}
