//! Messages on data channels.

use std::sync::Arc;
use std::time::Duration;

use sfu_model::{
    CloseReason, Command, DataBudget, DataChannel, DataMessage, Event, NodeIndex, PeerId, RoomIndex,
};

use crate::world::{HOME, ROOM, World};

const BINARY: u32 = 53;

fn with_channels() -> World {
    let mut world = World::with(2);
    for participant in &mut world.participants {
        participant.client.open(0, 0x00, "_reliable");
    }
    world.exchange();
    for participant in &mut world.participants {
        participant.client.inbox.clear();
    }
    world
}

fn peer_id(room: RoomIndex, index: u32) -> PeerId {
    PeerId {
        room,
        index,
        shard: HOME,
        node: NodeIndex(0),
    }
}

fn send(world: &mut World, payload: &[u8]) {
    let peers: Arc<[_]> = world.participants.iter().map(|one| one.id).collect();
    world.command(Command::SendData {
        peers,
        channel: DataChannel::Reliable,
        message: payload.into(),
    });
}

#[test]
fn a_message_of_a_peer_is_an_event() {
    let mut world = with_channels();
    world.participants[1].client.send(0, BINARY, b"up");
    world.exchange();
    let messages = world.take_events(|event| match event {
        Event::DataReceived {
            peer,
            channel,
            message,
        } => Some((peer.index, *channel, message.to_vec())),
        _ => None,
    });
    assert_eq!(messages, [(1, DataChannel::Reliable, b"up".to_vec())]);
    assert_eq!(world.shard.counters().data_in, 1);
}

#[test]
fn a_message_is_sent_to_each_of_its_receivers() {
    let mut world = with_channels();
    send(&mut world, b"down");
    world.exchange();
    for participant in &world.participants {
        assert_eq!(participant.client.inbox, [(0, BINARY, b"down".to_vec())]);
    }
    assert_eq!(world.shard.counters().data_out, 2);
}

/// A message of somebody who may have little under way.
fn of_budget(budget: &DataBudget, len: usize) -> DataMessage {
    DataMessage {
        payload: vec![1; len].into(),
        permit: budget.permit(len),
    }
}

#[test]
fn a_peer_that_takes_nothing_while_a_sender_waits_is_closed_and_nobody_else() {
    let mut world = with_channels();
    let budget = DataBudget::new(60_000);
    let peers: Arc<[_]> = world.participants.iter().map(|one| one.id).collect();
    let silent = peers[1];
    // Nothing reaches it, and nothing comes of it.
    world.participants[1].path.remote.set_port(1);
    world.command(Command::SendData {
        peers,
        channel: DataChannel::Reliable,
        message: of_budget(&budget, 60_000),
    });
    world.pass(Duration::from_millis(4_500));
    assert!(budget.is_spent());
    assert_eq!(world.participants[0].client.inbox.len(), 1);
    world.pass(Duration::from_secs(1));
    let closed = world.take_events(|event| match event {
        Event::PeerClosed { peer, reason } => Some((*peer, *reason)),
        _ => None,
    });
    assert_eq!(closed, [(silent, CloseReason::DataStalled)]);
    assert!(budget.is_recovered());
}

#[test]
fn a_message_for_many_is_given_to_a_few_at_a_time_and_each_room_has_its_turn() {
    let mut world = World::with(0);
    let peers: Arc<[_]> = (0..1_000).map(|index| peer_id(ROOM, index)).collect();
    let others: Arc<[_]> = Arc::new([peer_id(RoomIndex(2), 1)]);
    let budgets = [0; 2].map(|_| DataBudget::new(60_000));
    for (peers, budget) in [&peers, &others].into_iter().zip(&budgets) {
        world.command(Command::SendData {
            peers: Arc::clone(peers),
            channel: DataChannel::Reliable,
            message: of_budget(budget, 60_000),
        });
    }
    let [ours, theirs] = budgets;
    let mut steps = 0;
    while world.shard.work(world.now) {
        steps += 1;
        assert_eq!(theirs.is_recovered(), steps >= 2, "{steps}");
        assert_eq!(ours.is_recovered(), steps == 126, "{steps}");
    }
    assert_eq!(steps, 126);
    assert!(!world.shard.has_work());
}

#[test]
fn signalling_leaves_before_data_that_came_first() {
    let mut world = with_channels();
    send(&mut world, &[1; 5_000]);
    while world.shard.work(world.now) {}
    world.command(Command::RemovePeer {
        peer: world.participants[1].id,
    });
    // The end of a transport is told before the data of the other one leaves.
    let mut buf = Vec::new();
    let first = world.shard.poll_transmit(world.now, &mut buf).unwrap();
    assert_eq!(first.path, world.participants[1].path);
}
