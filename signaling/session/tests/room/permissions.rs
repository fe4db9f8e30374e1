//! What participants may do, and what happens when that changes.

use std::collections::BTreeMap;

use sfu_model::Command;
use signaling_protocol::proto;
use signaling_protocol::proto::request_response::Reason;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::{ConnectionId, RoomRequest};

use crate::support::{World, camera, client, microphone};

fn everything() -> proto::ParticipantPermission {
    proto::ParticipantPermission {
        can_subscribe: true,
        can_publish: true,
        can_publish_data: true,
        ..proto::ParticipantPermission::default()
    }
}

fn permit(world: &mut World, identity: &str, permission: proto::ParticipantPermission) {
    let update = proto::UpdateParticipantRequest {
        identity: identity.to_owned(),
        permission: Some(permission),
        ..proto::UpdateParticipantRequest::default()
    };
    world
        .call(RoomRequest::UpdateParticipant(Box::new(update)))
        .unwrap();
}

fn update_metadata(metadata: &str) -> Request {
    Request::UpdateMetadata(proto::UpdateParticipantMetadata {
        metadata: metadata.to_owned(),
        name: "Alice A.".to_owned(),
        attributes: [("mood".to_owned(), "good".to_owned())].into(),
        request_id: 3,
    })
}

fn responses(world: &mut World, connection: ConnectionId) -> Vec<(u32, Reason)> {
    let inbox = world.take(connection);
    let response = |message| match message {
        Response::RequestResponse(response) => Some((response.request_id, response.reason())),
        _ => None,
    };
    inbox.into_iter().filter_map(response).collect()
}

#[test]
fn own_metadata_changes_only_with_permission() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.send(alice, update_metadata("x"));
    assert_eq!(responses(&mut world, alice), [(3, Reason::NotAllowed)]);
    let permission = proto::ParticipantPermission {
        can_update_metadata: true,
        ..everything()
    };
    permit(&mut world, "alice", permission);
    world.send(alice, update_metadata("x"));
    assert_eq!(responses(&mut world, alice), [(3, Reason::Ok)]);
    let seen = world.seen(bob, "alice").unwrap();
    assert_eq!(
        (seen.metadata.as_str(), seen.name.as_str()),
        ("x", "Alice A.")
    );
    assert_eq!(seen.attributes["mood"], "good");
    let token = world.member(alice).tokens.last().unwrap();
    assert_eq!(
        (token.metadata.as_str(), token.name.as_str()),
        ("x", "Alice A.")
    );
}

#[test]
fn an_old_client_hears_of_failures_only() {
    let mut world = World::new();
    let joining = client("alice").protocol(14).with(|joining| {
        joining.grant().can_update_own_metadata = Some(true);
    });
    let alice = world.join_one(joining);
    world.send(alice, update_metadata("x"));
    assert_eq!(responses(&mut world, alice), []);
    world.send(alice, update_metadata(&"x".repeat(512 * 1024 + 1)));
    assert_eq!(responses(&mut world, alice), [(3, Reason::LimitExceeded)]);
}

#[test]
fn an_attribute_with_an_empty_value_is_deleted() {
    let mut world = World::new();
    let alice = client("alice").with(|joining| {
        joining.grant().can_update_own_metadata = Some(true);
        joining.claims.attributes = BTreeMap::from([("mood".to_owned(), "bad".to_owned())]);
    });
    let alice = world.join_one(alice);
    let update = proto::UpdateParticipantMetadata {
        attributes: [("mood".to_owned(), String::new())].into(),
        ..proto::UpdateParticipantMetadata::default()
    };
    world.send(alice, Request::UpdateMetadata(update));
    assert!(world.seen(alice, "alice").unwrap().attributes.is_empty());
}

#[test]
fn losing_the_right_to_publish_ends_the_tracks() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    let permission = proto::ParticipantPermission {
        can_publish: false,
        can_publish_data: false,
        ..everything()
    };
    permit(&mut world, "alice", permission);
    let unpublished = world.member(alice).inbox.iter().any(|message| {
        matches!(
            message,
            Response::TrackUnpublished(unpublished) if unpublished.track_sid == sid
        )
    });
    assert!(unpublished);
    assert!(world.seen(bob, "alice").unwrap().tracks.is_empty());
    assert!(
        !world
            .seen(alice, "alice")
            .unwrap()
            .permission
            .unwrap()
            .can_publish
    );
    let grant = world
        .member(alice)
        .tokens
        .last()
        .unwrap()
        .video
        .clone()
        .unwrap();
    assert!(!grant.may_publish() && !grant.may_publish_data() && grant.may_subscribe());
    world.take(alice);
    world.send(alice, Request::AddTrack(microphone("again")));
    assert_eq!(responses(&mut world, alice), [(0, Reason::NotAllowed)]);
}

#[test]
fn losing_one_source_ends_only_its_tracks() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let mic = world.publish(alice, microphone("mic"));
    world.publish(alice, camera("cam"));
    let sources = vec![proto::TrackSource::Microphone.into()];
    let permission = proto::ParticipantPermission {
        can_publish_sources: sources,
        ..everything()
    };
    permit(&mut world, "alice", permission);
    let tracks = world.seen(alice, "alice").unwrap().tracks;
    assert_eq!(
        tracks
            .iter()
            .map(|track| track.sid.clone())
            .collect::<Vec<_>>(),
        [mic]
    );
}

#[test]
fn one_who_may_not_subscribe_sees_tracks_and_gets_them_once_it_may() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = client("bob").with(|joining| joining.grant().can_subscribe = Some(false));
    let bob = world.join_one(bob);
    let sid = world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    assert_eq!(world.seen(bob, "alice").unwrap().tracks.len(), 1);
    assert!(world.received_tracks(bob).is_empty());
    permit(&mut world, "bob", everything());
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob), [sid]);
    permit(
        &mut world,
        "bob",
        proto::ParticipantPermission {
            can_subscribe: false,
            ..everything()
        },
    );
    world.negotiate(bob);
    assert!(world.received_tracks(bob).is_empty());
    assert!(
        world
            .commands
            .iter()
            .any(|command| matches!(command, Command::Unsubscribe { .. }))
    );
}

fn allow(tracks: Vec<proto::TrackPermission>, all: bool) -> Request {
    Request::SubscriptionPermission(proto::SubscriptionPermission {
        all_participants: all,
        track_permissions: tracks,
    })
}

#[test]
fn a_publisher_decides_who_receives_its_tracks() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let carol = world.join_one(client("carol"));
    let sid = world.publish(alice, microphone("mic"));
    for connection in [bob, carol] {
        world.negotiate(connection);
    }
    world.take(bob);
    let to_bob = proto::TrackPermission {
        participant_identity: "bob".to_owned(),
        track_sids: vec![sid.clone()],
        ..proto::TrackPermission::default()
    };
    world.send(alice, allow(vec![to_bob], false));
    for connection in [bob, carol] {
        world.negotiate(connection);
        world.offer(connection);
    }
    assert_eq!(world.received_tracks(bob).first(), Some(&sid));
    assert!(world.received_tracks(carol).is_empty());
    let told = |world: &mut World, connection| {
        let told = world
            .take(connection)
            .into_iter()
            .filter_map(|message| match message {
                Response::SubscriptionPermissionUpdate(update) => {
                    Some((update.track_sid, update.allowed))
                }
                _ => None,
            });
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&mut world, carol), [(sid.clone(), false)]);
    assert_eq!(told(&mut world, bob), []);
    world.send(alice, allow(Vec::new(), true));
    world.negotiate(carol);
    world.offer(carol);
    assert_eq!(told(&mut world, carol), [(sid, true)]);
}

#[test]
fn a_recorder_receives_what_others_may_not() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(alice, allow(Vec::new(), false));
    let sid = world.publish(alice, microphone("mic"));
    let bob = world.join_one(client("bob"));
    let recorder = world.join_one(client("rec").with(|joining| joining.grant().recorder = true));
    assert!(world.received_tracks(bob).is_empty());
    assert_eq!(world.received_tracks(recorder), [sid]);
}

#[test]
fn a_permission_that_names_nobody_changes_nothing() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    world.send(alice, allow(vec![proto::TrackPermission::default()], false));
    let bob = world.join_one(client("bob"));
    assert_eq!(world.received_tracks(bob), [sid]);
}
