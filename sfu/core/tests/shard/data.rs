//! Messages on data channels.

use std::sync::Arc;

use sfu_model::{CloseReason, Command, DataChannel, Event};

use crate::world::World;

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

fn send(world: &mut World, payload: &[u8]) {
    let peers: Arc<[_]> = world.participants.iter().map(|one| one.id).collect();
    world.command(Command::SendData {
        peers,
        channel: DataChannel::Reliable,
        payload: payload.into(),
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
            payload,
        } => Some((peer.index, *channel, payload.clone())),
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

#[test]
fn a_peer_that_does_not_read_is_closed_when_its_queue_is_full() {
    let mut world = with_channels();
    // Nothing is delivered meanwhile: nobody acknowledges.
    for _ in 0..200 {
        send(&mut world, &[1; 60_000]);
    }
    world.exchange();
    let closed = world.take_events(|event| match event {
        Event::PeerClosed { peer, reason } => Some((peer.index, *reason)),
        _ => None,
    });
    let reason = CloseReason::DataQueueFull;
    assert_eq!(closed, [(0, reason), (1, reason)]);
    assert_eq!(world.shard.counters().peers, 0);
}
