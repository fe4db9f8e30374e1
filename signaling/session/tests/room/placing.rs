//! Which shard a participant lives on.

use sfu_model::{Command, Destination, IceCredentials, ShardIndex};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::{ConnectionId, ShardLife};

use crate::support::{World, client, microphone};

const HOME: ShardIndex = ShardIndex(0);
const FAR: ShardIndex = ShardIndex(1);

/// A room whose first participant lives on one shard and the second on another.
fn world() -> World {
    World::placed(2, 1, |_, _| {})
}

/// Returns the UDP ports that a client was told last.
fn ports(world: &mut World, connection: ConnectionId) -> Vec<u16> {
    let inbox = world.member(connection).inbox.iter().rev();
    let mut descriptions = inbox.filter_map(|message| match message {
        Response::Answer(description) | Response::Offer(description) => Some(&description.sdp),
        _ => None,
    });
    let sdp = descriptions.next().expect("a description");
    let lines = sdp.lines().filter(|line| line.starts_with("a=candidate"));
    let ports = lines.filter_map(|line| line.split(' ').nth(5)?.parse().ok());
    let mut ports: Vec<u16> = ports.collect();
    ports.dedup();
    ports
}

#[test]
fn the_first_live_on_the_home_shard_and_the_next_on_another() {
    let mut world = world();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    assert_eq!(world.peers(alice)[0].shard, HOME);
    assert_eq!(world.peers(bob)[0].shard, FAR);
    assert_eq!(ports(&mut world, alice), [50_000]);
    assert_eq!(ports(&mut world, bob), [50_001]);
}

#[test]
fn both_transports_of_a_participant_live_on_one_shard() {
    let mut world = world();
    world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    world.offer(bob);
    assert!(world.peers(bob).iter().all(|peer| peer.shard == FAR));
}

#[test]
fn a_publication_lives_with_its_publisher_and_a_subscription_with_its_receiver() {
    let mut world = world();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.publish(bob, microphone("mic"));
    world.negotiate(alice);
    let subscribed = world.commands.iter().find_map(|command| match command {
        Command::Subscribe {
            subscription,
            publication,
            peer,
            ..
        } => Some((subscription.shard, publication.shard, peer.shard)),
        _ => None,
    });
    assert_eq!(subscribed, Some((HOME, FAR, HOME)));
    world.close_signal(bob);
    let bobs = world.peers(bob);
    let about_bob = world.commands.iter().filter(|command| match command {
        Command::AddPeer { peer, .. } | Command::Publish { peer, .. } => bobs.contains(peer),
        _ => false,
    });
    let shards: Vec<_> = about_bob.map(Command::destination).collect();
    assert_eq!(shards, [Destination::Shard(FAR); 2]);
}

#[test]
fn credentials_name_the_shard_also_after_a_restart() {
    let mut world = world();
    world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let ufrag = world.member(bob).up.ufrag.clone();
    world.member(bob).up.ufrag = format!("{ufrag}2");
    world.offer(bob);
    let locals = world.commands.iter().filter_map(|command| match command {
        Command::AddPeer { peer, local, .. } | Command::RestartIce { peer, local } => {
            Some((peer.shard, local.ufrag.clone()))
        }
        _ => None,
    });
    let locals: Vec<_> = locals.collect();
    assert_eq!(locals.len(), 3);
    for (shard, ufrag) in locals {
        assert_eq!(IceCredentials::shard_of(&ufrag), Some(shard));
    }
}

#[test]
fn who_leaves_makes_room_on_the_home_shard() {
    let mut world = world();
    let alice = world.join_one(client("alice"));
    world.join_one(client("bob"));
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    let carol = world.join_one(client("carol"));
    assert_eq!(world.peers(carol)[0].shard, HOME);
}

#[test]
fn who_lived_on_a_shard_that_ended_is_told_to_come_back_and_lives_elsewhere() {
    let mut world = world();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.shard(HOME, ShardLife::Stands);
    let carol = world.join_one(client("carol"));
    assert_eq!(world.peers(carol)[0].shard, FAR);
    world.shard(HOME, ShardLife::Ended);
    let left = |world: &mut World, of| match world.member(of).inbox.last() {
        Some(Response::Leave(leave)) => Some(leave.action()),
        _ => None,
    };
    let reconnect = proto::leave_request::Action::Reconnect;
    assert_eq!(left(&mut world, alice), Some(reconnect));
    assert_eq!(left(&mut world, bob), None);
    let again = world.join_one(client("alice"));
    assert_eq!(world.peers(again)[0].shard, FAR);
}
