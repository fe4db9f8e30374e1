//! A participant goes from one room's task to another's.

use sfu_model::{CloseReason, DataChannel, Event, LinkProtocol, PeerId};
use signaling_protocol::proto::leave_request::Action;
use signaling_protocol::proto::signal_request;
use tokio::sync::Semaphore;

use super::*;
use crate::MoveFailed;
use crate::letter::Travel;
use crate::mailbox::mailbox;

const PATIENCE: Duration = Duration::from_secs(5);

/// The peers of the first who joins the first room: of what it sends, and of what it gets.
fn peers() -> [PeerId; 2] {
    [1, 2].map(|index| PeerId {
        room: RoomIndex(0),
        index,
        shard: ShardIndex(0),
        node: NodeIndex(0),
    })
}

/// Lets alice into the first room, and connects her media.
async fn alice(node: &TestNode) -> (Presence, Responses) {
    let joined = node.join("lobby", "alice").await.unwrap();
    for peer in peers() {
        let protocol = LinkProtocol::Udp;
        let events = &node.rooms.0.shared.parts.events;
        events.send(Event::PeerConnected { peer, protocol });
    }
    until(node, "lobby", |people| {
        people.iter().any(|it| it.state == 2)
    })
    .await;
    joined
}

async fn people(node: &TestNode, room: &str) -> Vec<proto::ParticipantInfo> {
    let room = room.into();
    let listed = node.rooms.request(&room, RoomRequest::ListParticipants);
    match listed.await {
        Ok(RoomReply::Participants(people)) => people,
        _ => Vec::new(),
    }
}

/// Waits until this holds for those who are in a room.
async fn until(node: &TestNode, room: &str, holds: impl Fn(&[proto::ParticipantInfo]) -> bool) {
    let wait = async {
        while !holds(&people(node, room).await) {
            tokio::task::yield_now().await;
        }
    };
    // By itself everybody leaves once no media has come for longer.
    timeout(PATIENCE, wait).await.unwrap();
}

async fn move_alice(node: &TestNode) -> Result<(), MoveFailed> {
    let (alice, here, there) = ("alice".into(), "lobby".into(), "elsewhere".into());
    node.rooms.move_participant(&here, &alice, &there).await
}

#[tokio::test]
async fn who_was_moved_is_in_the_other_room_and_its_connection_too() {
    let node = TestNode::start();
    let (presence, responses) = alice(&node).await;
    move_alice(&node).await.unwrap();
    assert!(people(&node, "lobby").await.is_empty());
    assert_eq!(people(&node, "elsewhere").await.len(), 1);
    let moved = loop {
        if let Message::RoomMoved(moved) = next_message(&responses).await.unwrap() {
            break moved;
        }
    };
    assert!(!moved.token.is_empty());
    let (room, moves) = presence.desk.room();
    assert_eq!(moves, 1);
    assert!(!room.is_closed());
    drop(presence);
    drop(responses);
}

#[tokio::test]
async fn a_request_that_was_on_its_way_follows_who_was_moved() {
    let node = TestNode::start();
    let (presence, _responses) = alice(&node).await;
    let before = node.rooms.find(&"lobby".into()).unwrap();
    move_alice(&node).await.unwrap();
    let places = Arc::new(Semaphore::new(1));
    let leave = signal_request::Message::Leave(proto::LeaveRequest::default());
    let letter = Letter::Signal {
        connection: presence.connection,
        request: Box::new(proto::SignalRequest {
            message: Some(leave),
        }),
        permit: places.acquire_owned().await.unwrap(),
    };
    before.send(letter).await.unwrap();
    until(&node, "elsewhere", <[_]>::is_empty).await;
}

#[tokio::test]
async fn what_a_shard_said_meanwhile_follows_too() {
    let node = TestNode::start();
    let (_presence, _responses) = alice(&node).await;
    move_alice(&node).await.unwrap();
    let [_, peer] = peers();
    let events = &node.rooms.0.shared.parts.events;
    events.send(Event::DataChannelOpened {
        peer,
        channel: DataChannel::Lossy,
    });
    events.send(Event::PeerClosed {
        peer,
        reason: CloseReason::TimedOut,
    });
    until(&node, "elsewhere", <[_]>::is_empty).await;
}

#[tokio::test]
async fn who_finds_no_room_is_told_to_come_back() {
    let node = TestNode::start();
    let (_presence, responses) = alice(&node).await;
    let (to, letters) = mailbox();
    drop(letters);
    let (reply, answer) = oneshot::channel();
    let letter = Letter::Travel(Travel::Release {
        identity: "alice".into(),
        to,
        reply,
    });
    let room = node.rooms.find(&"lobby".into()).unwrap();
    room.send(letter).await.unwrap();
    let leave = leave(&responses).await.unwrap();
    assert_eq!(leave.action(), Action::Reconnect);
    answer.await.unwrap_err();
    assert!(people(&node, "lobby").await.is_empty());
}

#[tokio::test]
async fn where_rooms_are_not_made_by_joining_nobody_is_moved_to_one_that_is_not_there() {
    let mut settings = settings();
    settings.auto_create = false;
    let node = TestNode::with(settings);
    node.rooms.create(create("lobby")).await.unwrap();
    let (_presence, _responses) = alice(&node).await;
    let refused = MoveFailed::Destination(Refusal::NoRoom);
    assert_eq!(move_alice(&node).await, Err(refused));
    assert_eq!(people(&node, "lobby").await.len(), 1);
}
