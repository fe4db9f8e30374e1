mod moving;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use signaling_protocol::proto::signal_response::Message;
use signaling_session::DuplicateIdentity;

use super::*;
use crate::Preset;
use crate::letter::Fault;
use crate::pulse::Pulse;
use crate::responses::{Responses, responses};
use crate::test_node::{TestNode, next_message, settings};

fn create(name: &str) -> proto::CreateRoomRequest {
    proto::CreateRoomRequest {
        name: name.to_owned(),
        ..proto::CreateRoomRequest::default()
    }
}

fn names(rooms: &[proto::Room]) -> Vec<&str> {
    rooms.iter().map(|room| room.name.as_str()).collect()
}

async fn delete(node: &TestNode, name: &str) -> Result<RoomReply, RequestFailed> {
    let name = name.into();
    node.rooms.request(&name, RoomRequest::DeleteRoom).await
}

/// Waits until the room's task has taken every trace of it out.
async fn is_forgotten(node: &TestNode, name: &str) {
    for room in node.rooms.0.open.rooms(|open| open.as_str() == name) {
        room.mailbox.closed().await;
    }
}

/// Puts a room in the registry that nobody looks after.
fn put(node: &TestNode, name: &str, mailbox: RoomMailbox) -> RoomIndex {
    let mut open = node.rooms.0.open.lock();
    let index = open.next_index();
    let room = OpenRoom {
        index,
        mailbox,
        snapshot: watch::channel(proto::Room::default()).1,
        pulse: Arc::new(Pulse::new(Instant::now())),
    };
    open.insert(name.into(), room);
    index
}

/// Puts a room in the registry whose task takes one letter and then ends, as a room does that is
/// over when the letter comes.
fn open_ending_room(node: &TestNode, name: &str) {
    let (mailbox, mut letters) = mailbox();
    let index = put(node, name, mailbox);
    let rooms = node.rooms.clone();
    let name = RoomName::from(name);
    tokio::spawn(async move {
        drop(letters.recv().await);
        rooms.forget(&name, index);
    });
}

/// Has a room's task do what it never should.
async fn fault(node: &TestNode, name: &str, fault: impl FnOnce() + Send + 'static) {
    let mailbox = node.rooms.find(&name.into()).unwrap();
    let letter = Letter::Fault(Fault(Box::new(fault)));
    mailbox.send(letter).await.unwrap();
}

/// Has a room's task stand still until the sender goes.
async fn hold(node: &TestNode, name: &str) -> std::sync::mpsc::Sender<()> {
    let (release, held) = std::sync::mpsc::channel();
    let (stands, standing) = oneshot::channel();
    let stand = move || {
        stands.send(()).unwrap();
        held.recv().unwrap_err();
    };
    fault(node, name, stand).await;
    standing.await.unwrap();
    release
}

/// Reads until a client is told to leave.
async fn leave(responses: &Responses) -> Option<proto::LeaveRequest> {
    while let Some(message) = next_message(responses).await {
        if let Message::Leave(leave) = message {
            return Some(leave);
        }
    }
    None
}

#[tokio::test]
async fn creating_a_room_again_updates_it() {
    let node = TestNode::start();
    let first = node.rooms.create(create("lobby")).await.unwrap();
    let mut request = create("lobby");
    request.metadata = "changed".to_owned();
    let second = node.rooms.create(request).await.unwrap();
    assert_eq!(second.sid, first.sid);
    assert_eq!(second.metadata, "changed");
}

#[tokio::test]
async fn rooms_are_listed_in_order_and_by_name() {
    let node = TestNode::start();
    for name in ["b", "c", "a"] {
        node.rooms.create(create(name)).await.unwrap();
    }
    assert_eq!(names(&node.rooms.list(&[])), ["a", "b", "c"]);
    let wanted = ["c".to_owned(), "unknown".to_owned(), "b".to_owned()];
    assert_eq!(names(&node.rooms.list(&wanted)), ["b", "c"]);
}

#[tokio::test]
async fn a_deleted_room_leaves_nothing_behind() {
    let node = TestNode::start();
    node.rooms.create(create("lobby")).await.unwrap();
    assert_eq!(delete(&node, "lobby").await, Ok(RoomReply::Done));
    assert!(node.rooms.list(&[]).is_empty());
    is_forgotten(&node, "lobby").await;
    assert!(node.rooms.list(&[]).is_empty());
    assert!(node.rooms.0.open.rooms(|_| true).is_empty());
}

#[tokio::test]
async fn what_is_asked_of_a_room_that_is_not_there_fails() {
    let node = TestNode::start();
    assert_eq!(delete(&node, "lobby").await, Err(RequestFailed::NoRoom));
    let rpc = proto::PerformRpcRequest::default();
    let called = node.rooms.perform_rpc(&"lobby".into(), rpc).await;
    assert_eq!(called, Err(RequestFailed::NoRoom));
}

#[tokio::test]
async fn a_room_that_ends_late_does_not_take_its_successor_along() {
    let node = TestNode::start();
    node.rooms.create(create("lobby")).await.unwrap();
    let old = node.rooms.0.open.rooms(|_| true)[0].index;
    delete(&node, "lobby").await.unwrap();
    is_forgotten(&node, "lobby").await;
    node.rooms.create(create("lobby")).await.unwrap();
    node.rooms.forget(&"lobby".into(), old);
    assert_eq!(names(&node.rooms.list(&[])), ["lobby"]);
}

#[tokio::test]
async fn a_join_that_meets_a_room_that_ends_is_let_into_a_new_one() {
    let node = TestNode::start();
    open_ending_room(&node, "lobby");
    let _joined = node.join("lobby", "alice").await.unwrap();
    let rooms = node.rooms.list(&[]);
    assert_eq!(names(&rooms), ["lobby"]);
}

#[tokio::test]
async fn a_creation_that_meets_a_room_that_ends_makes_a_new_one() {
    let node = TestNode::start();
    open_ending_room(&node, "lobby");
    let room = node.rooms.create(create("lobby")).await.unwrap();
    assert!(room.sid.starts_with("RM_"));
}

#[tokio::test]
async fn a_join_gives_up_on_rooms_that_end_as_fast_as_they_are_joined() {
    let node = TestNode::start();
    let (mailbox, mut letters) = mailbox();
    put(&node, "lobby", mailbox);
    let ends = async { while letters.recv().await.is_some() {} };
    let refused = tokio::select! {
        joined = node.join("lobby", "alice") => joined.unwrap_err(),
        () = ends => unreachable!("the registry has a sender"),
    };
    assert_eq!(refused, Refusal::Busy);
}

#[tokio::test]
async fn a_room_that_may_not_be_created_is_not_joined() {
    let node = TestNode::start();
    let join = node.join_of("lobby", "alice");
    let joined = node
        .rooms
        .join(None, &"lobby".into(), &join, &responses().0)
        .await;
    assert_eq!(joined.unwrap_err(), Refusal::NoRoom);
}

#[tokio::test]
async fn a_client_that_goes_before_the_room_replies_takes_no_place() {
    let node = TestNode::start();
    node.rooms.create(create("lobby")).await.unwrap();
    let (name, join, (sender, _responses)) =
        ("lobby".into(), node.join_of("lobby", "alice"), responses());
    {
        let joining = pin!(node.rooms.join(None, &name, &join, &sender));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(joining.poll(&mut context), Poll::Pending));
    }
    // Its letters come before this one.
    let participants = node
        .rooms
        .request(&name, RoomRequest::ListParticipants)
        .await;
    assert_eq!(participants, Ok(RoomReply::Participants(vec![])));
}

#[tokio::test]
async fn a_full_room_refuses_and_keeps_those_who_are_in() {
    let node = TestNode::start();
    let mut request = create("lobby");
    request.max_participants = 1;
    node.rooms.create(request).await.unwrap();
    let _alice = node.join("lobby", "alice").await.unwrap();
    let refused = node.join("lobby", "bob").await.unwrap_err();
    assert_eq!(refused, Refusal::Join(JoinRefused::MaxParticipants));
    assert_eq!(node.rooms.list(&[])[0].num_participants, 1);
}

#[tokio::test]
async fn shutting_down_tells_participants_and_ends_every_room() {
    let node = TestNode::start();
    node.rooms.create(create("empty")).await.unwrap();
    let (_presence, responses) = node.join("lobby", "alice").await.unwrap();
    node.rooms.shut_down().await;
    assert!(node.rooms.list(&[]).is_empty());
    let told = leave(&responses).await.is_some();
    assert!(told, "a leave before the end");
}

#[tokio::test]
async fn a_request_overrides_a_preset_and_a_preset_the_settings() {
    let configuration = proto::RoomConfiguration {
        empty_timeout: 7,
        metadata: "preset".to_owned(),
        ..proto::RoomConfiguration::default()
    };
    let preset = Preset {
        configuration,
        duplicates: Some(DuplicateIdentity::Refuse),
        max_session_duration: None,
    };
    let mut settings = settings();
    settings.max_participants = 9;
    settings.presets.insert("small".to_owned(), preset);
    let node = TestNode::with(settings);
    let mut request = create("lobby");
    request.room_preset = "small".to_owned();
    request.departure_timeout = 3;
    let options = node.rooms.options_of(&request);
    assert_eq!(options.empty_timeout, Duration::from_secs(7));
    assert_eq!(options.departure_timeout, Duration::from_secs(3));
    assert_eq!(options.max_participants, 9);
    assert_eq!(options.metadata, "preset");
    assert_eq!(options.duplicates, DuplicateIdentity::Refuse);
    let other = node.rooms.options_of(&create("lobby"));
    assert_eq!(other.duplicates, DuplicateIdentity::Replace);
}

#[tokio::test]
async fn a_room_that_keeps_sessions_refuses_others_of_their_identities_and_lets_them_resume() {
    let mut settings = settings();
    settings.duplicates = DuplicateIdentity::Refuse;
    let node = TestNode::with(settings);
    node.rooms.create(create("lobby")).await.unwrap();
    let (presence, responses) = node.join("lobby", "alice").await.unwrap();
    let refused = node.join("lobby", "alice").await.unwrap_err();
    assert_eq!(refused, Refusal::Join(JoinRefused::IdentityTaken));
    assert_eq!(refused.into_response().status(), StatusCode::FORBIDDEN);
    let Some(Message::Join(join)) = next_message(&responses).await else {
        panic!("no join");
    };
    let sid = join.participant.unwrap().sid;
    let (_resumed, responses) = node.resume("lobby", "alice", &sid).await.unwrap();
    let first = next_message(&responses).await;
    assert!(matches!(first, Some(Message::Reconnect(_))), "{first:?}");
    drop(presence);
}

#[tokio::test]
async fn a_room_that_fails_tells_its_participants_to_come_back_and_frees_its_name() {
    let node = TestNode::start();
    let (_presence, responses) = node.join("lobby", "alice").await.unwrap();
    let _elsewhere = node.join("other", "bob").await.unwrap();
    fault(&node, "lobby", || panic!("a fault of ours")).await;
    let told = leave(&responses).await.expect("a leave before the end");
    assert_eq!(told.action(), proto::leave_request::Action::Reconnect);
    assert!(next_message(&responses).await.is_none());
    is_forgotten(&node, "lobby").await;
    assert_eq!(names(&node.rooms.list(&[])), ["other"]);
    let _again = node.join("lobby", "alice").await.unwrap();
    assert_eq!(node.rooms.report().failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_stands_still_is_seen_and_stops_nobody() {
    let node = TestNode::start();
    node.rooms.create(create("stands")).await.unwrap();
    let release = hold(&node, "stands").await;
    let _joined = node.join("lobby", "alice").await.unwrap();
    assert_eq!(names(&node.rooms.list(&[])), ["lobby", "stands"]);
    while node.rooms.report().longest.is_zero() {
        tokio::task::yield_now().await;
    }
    drop(release);
    while !node.rooms.report().longest.is_zero() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutting_down_does_not_wait_for_one_room_to_tell_the_others() {
    let node = TestNode::start();
    node.rooms
        .create(create("a room that stands still"))
        .await
        .unwrap();
    let release = hold(&node, "a room that stands still").await;
    let (presence, responses) = node.join("lobby", "alice").await.unwrap();
    let rooms = node.rooms.clone();
    let stopping = tokio::spawn(async move { rooms.shut_down().await });
    assert!(leave(&responses).await.is_some());
    assert!(!stopping.is_finished());
    drop((release, presence));
    stopping.await.unwrap();
}

#[tokio::test]
async fn participants_on_a_media_thread_that_ended_are_told_to_come_back() {
    let node = TestNode::start();
    let (_presence, responses) = node.join("lobby", "alice").await.unwrap();
    let shard = ShardIndex(0);
    node.rooms.tell_of_shard(shard, ShardLife::Stands);
    node.rooms.tell_of_shard(shard, ShardLife::Ended);
    let told = leave(&responses).await.expect("a leave");
    assert_eq!(told.action(), proto::leave_request::Action::Reconnect);
}

#[tokio::test]
async fn what_happens_in_rooms_is_told_to_one_reader() {
    let node = TestNode::start();
    let mut notices = node.rooms.notices().unwrap();
    assert!(node.rooms.notices().is_none());
    node.rooms.create(create("lobby")).await.unwrap();
    let notice = notices.next().await.unwrap();
    assert_eq!(notice.room.as_str(), "lobby");
    assert_eq!(notice.to_string(), "room_started");
}

#[tokio::test]
async fn a_listed_room_is_as_it_was_at_most_a_second_ago() {
    let node = TestNode::start();
    let (presence, _responses) = node.join("lobby", "alice").await.unwrap();
    assert_eq!(node.rooms.list(&[])[0].num_participants, 1);
    drop(presence);
    while node.rooms.list(&[])[0].num_participants > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_refreshed_token_ends_no_sooner_than_the_one_that_it_replaces() {
    let node = TestNode::start();
    let (_presence, responses) = node.join("lobby", "alice").await.unwrap();
    let token = loop {
        let told = next_message(&responses).await;
        if let Some(Message::RefreshToken(token)) = told {
            break token;
        }
    };
    let replaced = node.join_of("lobby", "alice").credential.expires_at;
    let verified = auth::verify(&token, &node.keys, clock::now().unix).unwrap();
    let second = Duration::from_secs(1);
    assert!(verified.expires_at.0 + second >= replaced.0);
}
