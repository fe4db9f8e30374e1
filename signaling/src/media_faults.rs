//! What a node does when one of its media threads fails.

use std::sync::mpsc;

use axum::http::StatusCode;
use sfu_model::{IceCredentials, ShardIndex};
use signaling_protocol::proto;
use signaling_protocol::proto::leave_request::Action;
use signaling_protocol::proto::signal_response::Message;

use crate::responses::Responses;
use crate::settings::Settings;
use crate::test_node::{TestNode, body_of, get_request, next_message, settings};

/// What a client is told when it has joined.
struct Told {
    sid: String,
    /// Where its transports live.
    shard: ShardIndex,
}

impl Told {
    async fn read(responses: &Responses) -> Self {
        let mut sid = String::new();
        loop {
            let told = next_message(responses).await.expect("an offer, no end");
            if let Message::Join(join) = told {
                sid = join.participant.unwrap().sid;
            } else if let Message::Offer(offer) = told {
                let (_, rest) = offer.sdp.split_once("a=ice-ufrag:").unwrap();
                let ufrag = rest.split_whitespace().next().unwrap();
                let shard = IceCredentials::shard_of(ufrag).unwrap();
                return Self { sid, shard };
            }
        }
    }
}

/// Reads until a client is told to leave, and returns what it is to do.
async fn told_to_leave(responses: &Responses) -> Action {
    loop {
        let told = next_message(responses)
            .await
            .expect("a leave before the end");
        if let Message::Leave(leave) = told {
            return leave.action();
        }
    }
}

/// The participants of a room.
async fn participants(node: &TestNode, room: &str) -> Vec<String> {
    let list = signaling_session::RoomRequest::ListParticipants;
    let reply = node.rooms.request(&room.into(), list).await;
    let Ok(signaling_session::RoomReply::Participants(all)) = reply else {
        panic!("the room does not tell");
    };
    all.into_iter()
        .map(|one: proto::ParticipantInfo| one.identity)
        .collect()
}

#[tokio::test]
async fn a_media_thread_that_ends_fails_the_node_and_those_who_lived_there_come_back_elsewhere() {
    let node = TestNode::with_shards(settings(), 2);
    tokio::spawn(node.rooms.clone().watch());
    let (_alice, alice) = node.join("first", "alice").await.unwrap();
    let (_bob, bob) = node.join("second", "bob").await.unwrap();
    let dead = Told::read(&alice).await.shard;
    assert_ne!(Told::read(&bob).await.shard, dead);

    let fault = || panic!("a fault, as this test has it");
    node.rooms.media().fault(dead, fault);
    assert_eq!(told_to_leave(&alice).await, Action::Reconnect);
    let health = node.answer(get_request("/")).await;
    assert_eq!(health.status(), StatusCode::NOT_ACCEPTABLE);
    let words = "Not Ready\na media thread has ended or stands still";
    assert_eq!(body_of(health).await, words);
    assert_eq!(participants(&node, "second").await, ["bob"]);
    for room in ["first", "third", "fourth"] {
        let (_joined, told) = node.join(room, "alice").await.unwrap();
        assert_ne!(Told::read(&told).await.shard, dead, "{room}");
    }
}

#[tokio::test]
async fn a_media_thread_that_stands_still_costs_a_room_those_who_live_there_and_no_other() {
    let node = TestNode::with_shards(
        Settings {
            home_participants: 1,
            ..settings()
        },
        2,
    );
    let (_alice, alice) = node.join("lobby", "alice").await.unwrap();
    let mut bob = node.join("lobby", "bob").await.unwrap();
    let bobs = Told::read(&bob.1).await;
    assert_ne!(Told::read(&alice).await.shard, bobs.shard);

    let (release, held) = mpsc::channel::<()>();
    let stand = move || {
        held.recv().unwrap_err();
    };
    node.rooms.media().fault(bobs.shard, stand);
    // Each resume is a command for the thread, which carries out none.
    loop {
        let resumed = node.resume("lobby", "bob", &bobs.sid).await.unwrap();
        if let Some(Message::Leave(_)) = next_message(&resumed.1).await {
            break;
        }
        bob = resumed;
    }
    assert_eq!(told_to_leave(&bob.1).await, Action::Reconnect);
    assert_eq!(participants(&node, "lobby").await, ["alice"]);
    drop(release);
}
