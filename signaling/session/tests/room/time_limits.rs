//! Rooms and sessions last no longer than they may.

use std::time::Duration;

use auth::SluiceGrant;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::proto::{self, DisconnectReason};
use signaling_session::{ConnectionId, JoinRefused};

use crate::support::{Joining, World, client};

const MINUTE: Duration = Duration::from_secs(60);

fn limited(identity: &str) -> Joining {
    client(identity).with(|joining| {
        joining.claims.sluice = Some(SluiceGrant {
            max_session_seconds: Some(60),
            ..SluiceGrant::default()
        });
    })
}

/// Returns why somebody was told to leave, and the text that its app shows.
fn farewell(world: &mut World, connection: ConnectionId) -> Option<(DisconnectReason, String)> {
    let inbox = &world.member(connection).inbox;
    let Response::Leave(leave) = inbox.last()? else {
        return None;
    };
    let told = inbox.iter().rev().find_map(|message| match message {
        Response::Update(update) => update.participants.first(),
        _ => None,
    });
    let text = told?.attributes.get("sluice.removed_reason").cloned();
    Some((leave.reason(), text.unwrap_or_default()))
}

#[test]
fn a_session_ends_when_the_time_of_its_token_is_up_and_no_other_does() {
    let mut world = World::new();
    let alice = world.join_one(limited("alice"));
    let bob = world.join_one(client("bob"));
    world.pass(MINUTE - Duration::from_millis(1));
    assert_eq!(farewell(&mut world, alice), None);
    world.pass(Duration::from_millis(1));
    let text = "the session has lasted for as long as its token allows".to_owned();
    let expected = Some((DisconnectReason::ParticipantRemoved, text));
    assert_eq!(farewell(&mut world, alice), expected);
    world.pass(MINUTE);
    assert_eq!(farewell(&mut world, bob), None);
}

#[test]
fn who_leaves_and_comes_again_has_no_more_time() {
    let mut world = World::new();
    let alice = world.join_one(limited("alice"));
    world.join_one(client("bob"));
    world.pass(MINUTE / 2);
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    let again = world.join_one(limited("alice"));
    world.pass(MINUTE / 2);
    assert!(farewell(&mut world, again).is_some());
    let refused = world.try_join(limited("alice"));
    assert_eq!(refused.unwrap_err(), JoinRefused::TimeIsUp);
}

#[test]
fn a_room_ends_when_its_time_is_up_whoever_is_there() {
    let mut world = World::with(|options, _| options.max_session_duration = Some(MINUTE));
    let alice = world.join_one(client("alice"));
    world.pass(MINUTE);
    let text = "the room has lasted for as long as it may".to_owned();
    let expected = Some((DisconnectReason::RoomClosed, text));
    assert_eq!(farewell(&mut world, alice), expected);
    assert!(world.room.is_closed());
}
