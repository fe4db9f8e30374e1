//! Joining a room, and what is told of it.

use std::time::Duration;

use crate::support::{World, client};
use signaling_protocol::proto::participant_info::State;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::proto::{self, DisconnectReason};
use signaling_session::{DuplicateIdentity, JoinRefused, RoomNotice};

fn join_response(
    world: &mut World,
    connection: signaling_session::ConnectionId,
) -> proto::JoinResponse {
    match world.member(connection).inbox.first() {
        Some(Response::Join(join)) => join.clone(),
        other => panic!("not a join response: {other:?}"),
    }
}

#[test]
fn the_first_message_is_the_join_response_with_everything_clients_need() {
    let mut world = World::new();
    let alice = world.join(client("alice"));
    let join = join_response(&mut world, alice);
    assert!(join.room.as_ref().unwrap().sid.starts_with("RM_"));
    let own = join.participant.unwrap();
    assert!(own.sid.starts_with("PA_") && own.identity == "alice");
    assert_eq!(own.state(), State::Joined);
    assert!(own.permission.unwrap().can_publish);
    assert_eq!((join.ping_interval, join.ping_timeout), (5, 15));
    assert_eq!(join.server_info.unwrap().version, "1.13.5");
    assert_eq!(join.enabled_publish_codecs[0].mime, "video/VP8");
    assert!(join.fast_publish && !join.subscriber_primary && !join.sif_trailer.is_empty());
}

#[test]
fn a_token_follows_the_join_response_and_again_every_five_minutes() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    assert_eq!(world.member(alice).tokens.len(), 1);
    world.pass(Duration::from_secs(601));
    assert_eq!(world.member(alice).tokens.len(), 3);
    assert!(world.member(alice).tokens[2].room_to_join().is_ok());
}

#[test]
fn participants_see_each_other() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.settle();
    assert_eq!(join_response(&mut world, bob).other_participants.len(), 1);
    assert_eq!(world.seen(alice, "bob").unwrap().state(), State::Active);
    assert_eq!(world.seen(bob, "alice").unwrap().state(), State::Active);
}

#[test]
fn a_burst_of_joins_is_told_in_few_messages() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.settle();
    world.take(alice);
    for index in 0..100 {
        world.join(client(&format!("guest{index}")));
    }
    world.settle();
    let updates = world.take(alice);
    let told: usize = updates
        .iter()
        .map(|message| match message {
            Response::Update(update) => update.participants.len(),
            _ => 0,
        })
        .sum();
    assert!(
        updates.len() <= 3 && told == 100,
        "{} messages, {told} told",
        updates.len()
    );
}

#[test]
fn a_second_session_of_an_identity_ends_the_first() {
    let mut world = World::new();
    let watcher = world.join_one(client("watcher"));
    let old_watcher = world.join_one(client("old").protocol(11));
    let first = world.join_one(client("alice"));
    world.settle();
    world.take(watcher);
    world.take(old_watcher);
    let second = world.join_one(client("alice"));
    world.settle();
    let leave = world.member(first).inbox.last().cloned();
    let Some(Response::Leave(leave)) = leave else {
        panic!("no leave: {leave:?}");
    };
    assert_eq!(leave.reason(), DisconnectReason::DuplicateIdentity);
    assert_eq!(leave.action(), proto::leave_request::Action::Disconnect);
    assert!(world.member(first).closed && !world.member(second).closed);
    let states = |world: &mut World, connection| {
        let mut states = Vec::new();
        for message in world.take(connection) {
            if let Response::Update(update) = message {
                states.extend(
                    update
                        .participants
                        .iter()
                        .map(proto::ParticipantInfo::state),
                );
            }
        }
        states
    };
    assert!(!states(&mut world, watcher).contains(&State::Disconnected));
    assert_eq!(states(&mut world, old_watcher)[0], State::Disconnected);
}

#[test]
fn a_session_keeps_others_of_its_identity_out_while_its_client_is_connected() {
    let mut world = World::with(|options, _| options.duplicates = DuplicateIdentity::Refuse);
    let first = world.join_one(client("alice"));
    let refused = world.try_join(client("alice"));
    assert_eq!(refused, Err(JoinRefused::IdentityTaken));
    assert!(!world.member(first).closed);
    world.close_signal(first);
    assert!(world.try_join(client("alice")).is_ok());
}

#[test]
fn a_full_room_refuses_and_does_not_change() {
    let mut world = World::with(|options, _| options.max_participants = 1);
    world.join_one(client("alice"));
    let refused = world.try_join(client("bob"));
    assert_eq!(refused, Err(JoinRefused::MaxParticipants));
    assert_eq!(world.room.info().num_participants, 1);
    world.join_one(client("alice"));
    let agent = client("agent").with(|joining| joining.grant().agent = true);
    world.join_one(agent);
}

#[test]
fn agents_and_recorders_are_not_counted() {
    let mut world = World::new();
    world.join_one(client("alice"));
    world.join_one(client("rec").with(|joining| joining.grant().recorder = true));
    let info = world.room.info();
    assert_eq!((info.num_participants, info.active_recording), (1, true));
}

#[test]
fn nobody_sees_a_hidden_participant() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let ghost = world.join_one(client("ghost").with(|joining| joining.grant().hidden = true));
    let bob = world.join_one(client("bob"));
    world.settle();
    assert!(world.seen(alice, "ghost").is_none() && world.seen(bob, "ghost").is_none());
    assert!(world.seen(ghost, "alice").is_some() && world.seen(ghost, "bob").is_some());
    assert_eq!(world.room.info().num_participants, 2);
}

#[test]
fn attributes_of_token_and_client_are_merged_where_the_client_may() {
    let joining = |allowed: bool| {
        client("alice").with(|joining| {
            joining.grant().can_update_own_metadata = Some(allowed);
            joining.claims.attributes = [("a", "0"), ("b", "1")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into();
            joining.parameters.attributes = [("b", "2"), ("c", "3")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into();
        })
    };
    let mut world = World::new();
    let alice = world.join(joining(true));
    let own = join_response(&mut world, alice).participant.unwrap();
    assert_eq!(
        (own.attributes["a"].as_str(), own.attributes["b"].as_str()),
        ("0", "2")
    );
    assert_eq!(own.attributes["c"], "3");
    let alice = world.join(joining(false));
    let own = join_response(&mut world, alice).participant.unwrap();
    assert_eq!(
        (own.attributes.len(), own.attributes["b"].as_str()),
        (2, "1")
    );
}

#[test]
fn one_who_never_connects_is_removed_after_a_minute() {
    let mut world = World::new();
    let watcher = world.join_one(client("watcher"));
    let alice = world.join(client("alice"));
    world.pass(Duration::from_secs(59));
    assert!(!world.member(alice).closed);
    world.pass(Duration::from_secs(2));
    let Some(Response::Leave(leave)) = world.member(alice).inbox.last().cloned() else {
        panic!("no leave");
    };
    assert_eq!(leave.reason(), DisconnectReason::JoinFailure);
    assert_eq!(
        world.seen(watcher, "alice").unwrap().state(),
        State::Disconnected
    );
    let aborted = world
        .notices
        .iter()
        .filter(|notice| matches!(notice, RoomNotice::ParticipantAborted { .. }));
    assert_eq!(aborted.count(), 1);
}

#[test]
fn one_whose_signalling_closes_before_media_connects_is_removed_at_once() {
    let mut world = World::new();
    let watcher = world.join_one(client("watcher"));
    let alice = world.join(client("alice"));
    world.room.handle_signal_closed(world.now, alice);
    world.settle();
    let info = world.seen(watcher, "alice").unwrap();
    assert_eq!(info.state(), State::Disconnected);
    assert_eq!(info.disconnect_reason(), DisconnectReason::SignalClose);
}

#[test]
fn joining_and_leaving_are_reported_once_each() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(
        alice,
        proto::signal_request::Message::Leave(proto::LeaveRequest::default()),
    );
    let names: Vec<_> = world
        .notices
        .iter()
        .map(|notice| match notice {
            RoomNotice::RoomStarted { .. } => "started",
            RoomNotice::ParticipantJoined { .. } => "joined",
            RoomNotice::ParticipantLeft { participant, .. } => {
                assert_eq!(
                    participant.disconnect_reason(),
                    DisconnectReason::ClientInitiated
                );
                "left"
            }
            _ => "other",
        })
        .collect();
    assert_eq!(names, ["started", "joined", "left"]);
}
