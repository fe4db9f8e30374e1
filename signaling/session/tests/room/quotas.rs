//! How many participants an API key may have at once.

use std::sync::Arc;

use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_session::{JoinRefused, Seat};

use crate::support::{World, client};

/// Returns a place beyond those that the key may have.
fn over() -> Seat {
    Seat::new(Arc::new(()), true)
}

#[test]
fn one_more_than_a_key_may_have_is_refused() {
    let mut world = World::new();
    world.join_one(client("alice"));
    let refused = world.try_join(client("bob").seat(over()));
    assert_eq!(refused.unwrap_err(), JoinRefused::QuotaExceeded);
}

#[test]
fn who_takes_the_place_of_its_own_session_is_no_more_than_before() {
    let mut world = World::new();
    world.join_one(client("alice"));
    world.join_one(client("alice").seat(over()));
}

#[test]
fn agents_need_no_place() {
    let mut world = World::new();
    let agent = client("agent").with(|joining| joining.grant().agent = true);
    world.join_one(agent.seat(over()));
}

#[test]
fn a_place_is_free_when_its_participant_has_left() {
    let mut world = World::new();
    let counted = Arc::new(());
    let seat = Seat::new(Arc::clone(&counted) as Arc<_>, false);
    let alice = world.join_one(client("alice").seat(seat));
    assert!(Arc::strong_count(&counted) > 1, "the room holds it");
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    assert_eq!(Arc::strong_count(&counted), 1);
}
