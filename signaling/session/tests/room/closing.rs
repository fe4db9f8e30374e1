//! The end of a room.

use std::time::Duration;

use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::{DisconnectCause, proto};
use signaling_session::{ConnectionId, JoinRefused, RoomError, RoomNotice, RoomReply, RoomRequest};

use crate::support::{World, client, microphone};

fn reason(world: &mut World, connection: ConnectionId) -> proto::DisconnectReason {
    match world.member(connection).inbox.last() {
        Some(Response::Leave(leave)) => leave.reason(),
        other => panic!("no leave: {other:?}"),
    }
}

fn finished(world: &World) -> usize {
    let notices = world.notices.iter();
    notices
        .filter(|notice| matches!(notice, RoomNotice::RoomFinished { .. }))
        .count()
}

#[test]
fn a_room_that_nobody_joins_ends_after_its_empty_timeout() {
    let mut world = World::new();
    world.pass(Duration::from_secs(299));
    assert!(!world.ended);
    world.pass(Duration::from_secs(2));
    assert!(world.ended && finished(&world) == 1);
    assert_eq!(world.try_join(client("late")), Err(JoinRefused::RoomClosed));
}

#[test]
fn a_room_that_everybody_left_ends_after_its_departure_timeout() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.pass(Duration::from_secs(1000));
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    world.pass(Duration::from_secs(19));
    assert!(!world.ended);
    world.pass(Duration::from_secs(2));
    assert!(world.ended);
}

#[test]
fn one_who_comes_back_in_time_keeps_the_room() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    world.pass(Duration::from_secs(10));
    world.join_one(client("alice"));
    world.pass(Duration::from_secs(1000));
    assert!(!world.ended);
}

#[test]
fn an_agent_does_not_keep_a_room_open() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let agent = client("agent").with(|joining| joining.grant().agent = true);
    let agent = world.join_one(agent);
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    world.pass(Duration::from_secs(21));
    assert!(world.ended);
    assert_eq!(
        reason(&mut world, agent),
        proto::DisconnectReason::RoomClosed
    );
}

#[test]
fn a_deleted_room_tells_everybody() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.publish(alice, microphone("mic"));
    assert_eq!(world.call(RoomRequest::DeleteRoom), Ok(RoomReply::Done));
    for connection in [alice, bob] {
        assert_eq!(
            reason(&mut world, connection),
            proto::DisconnectReason::RoomDeleted
        );
        assert!(world.member(connection).closed);
    }
    assert!(world.ended && world.room.is_closed());
    let late = world.call(RoomRequest::ListParticipants);
    assert_eq!(late, Err(RoomError::RoomClosed));
    assert!(world.room.poll_timeout().is_none());
}

#[test]
fn a_stopping_node_tells_everybody() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.shut_down();
    assert_eq!(
        reason(&mut world, alice),
        proto::DisconnectReason::ServerShutdown
    );
    assert!(world.ended);
}

#[test]
fn who_sends_what_it_may_not_is_told_to_leave_and_nobody_else_is() {
    let mut world = World::new();
    let bob = world.join_one(client("bob"));
    for cause in [
        DisconnectCause::SentTooMuch,
        DisconnectCause::SentUnreadable,
    ] {
        let alice = world.join_one(client("alice"));
        world.offence(alice, cause);
        assert_eq!(
            reason(&mut world, alice),
            proto::DisconnectReason::ParticipantRemoved
        );
    }
    let told = &world.member(bob).inbox;
    assert!(!told.iter().any(|it| matches!(it, Response::Leave(_))));
    world.offence(ConnectionId(4711), DisconnectCause::SentUnreadable);
    assert!(!world.ended);
}
