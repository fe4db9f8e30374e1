//! What one participant may cost the others, whatever it sends.

use std::time::Duration;

use sfu_model::Command;
use signaling_protocol::proto;
use signaling_protocol::proto::request_response::Reason;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::{ConnectionId, RoomError, RoomRequest};

use crate::support::{Joining, World, camera, client, microphone};

const MOMENT: Duration = Duration::from_millis(1);

/// A client that may change what it says of itself.
fn editor(identity: &str) -> Joining {
    client(identity).with(|joining| joining.grant().can_update_own_metadata = Some(true))
}

fn attributes(key: &str, bytes: usize) -> proto::UpdateParticipantMetadata {
    proto::UpdateParticipantMetadata {
        attributes: [(key.to_owned(), "x".repeat(bytes - key.len()))].into(),
        ..proto::UpdateParticipantMetadata::default()
    }
}

fn metadata(text: String) -> proto::UpdateParticipantMetadata {
    proto::UpdateParticipantMetadata {
        metadata: text,
        ..proto::UpdateParticipantMetadata::default()
    }
}

fn last_reason(world: &mut World, connection: ConnectionId) -> Reason {
    let answered = world.take(connection).into_iter().rev();
    let mut reasons = answered.filter_map(|message| match message {
        Response::RequestResponse(response) => Some(response.reason()),
        _ => None,
    });
    reasons.next().expect("an answer")
}

fn told(messages: &[Response], which: impl Fn(&Response) -> bool) -> usize {
    messages.iter().filter(|message| which(message)).count()
}

fn is_update(message: &Response) -> bool {
    matches!(message, Response::Update(_))
}

/// Sends a request a thousand times within a second, and lets everything be told.
fn flood(world: &mut World, connection: ConnectionId, mut request: impl FnMut(u32) -> Request) {
    for number in 0..1000 {
        world.send(connection, request(number));
        world.pass(MOMENT);
    }
    world.settle();
}

#[test]
fn a_thousand_mute_toggles_are_few_messages_and_the_last_counts() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, microphone("mic"));
    world.settle();
    world.take(bob);
    flood(&mut world, alice, |number| {
        Request::Mute(proto::MuteTrackRequest {
            sid: sid.clone(),
            muted: number % 2 == 0 || number == 999,
        })
    });
    let updates = told(&world.member(bob).inbox, is_update);
    assert!((10..50).contains(&updates), "{updates}");
    assert!(world.seen(bob, "alice").unwrap().tracks[0].muted);
}

#[test]
fn one_change_is_told_at_once_although_another_participant_changes_without_pause() {
    let mut world = World::new();
    let alice = world.join_one(editor("alice"));
    let carol = world.join_one(editor("carol"));
    let bob = world.join_one(client("bob"));
    world.settle();
    for number in 0..100 {
        world.send(alice, Request::UpdateMetadata(metadata(number.to_string())));
    }
    world.take(bob);
    world.send(carol, Request::UpdateMetadata(metadata("calm".to_owned())));
    assert!(world.take(bob).iter().any(|message| match message {
        Response::Update(update) => update.participants[0].metadata == "calm",
        _ => false,
    }));
}

#[test]
fn who_changes_without_pause_hears_of_each_change_at_once() {
    let mut world = World::new();
    let alice = world.join_one(editor("alice"));
    for number in 0..10 {
        world.take(alice);
        let update = metadata(number.to_string());
        world.send(alice, Request::UpdateMetadata(update));
        let own = world
            .take(alice)
            .into_iter()
            .find_map(|message| match message {
                Response::Update(update) => update.participants.into_iter().next(),
                _ => None,
            });
        assert_eq!(own.unwrap().metadata, number.to_string());
    }
}

#[test]
fn a_thousand_data_tracks_come_and_go_in_few_messages() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = client("bob");
    let bob = world.join_one(bob.with(|bob| bob.parameters.auto_subscribe_data_track = Some(true)));
    world.settle();
    world.take(bob);
    flood(&mut world, alice, |number| match number % 2 {
        0 => Request::PublishDataTrackRequest(proto::PublishDataTrackRequest {
            pub_handle: 1,
            name: "imu".to_owned(),
            ..proto::PublishDataTrackRequest::default()
        }),
        _ => Request::UnpublishDataTrackRequest(proto::UnpublishDataTrackRequest { pub_handle: 1 }),
    });
    let inbox = world.take(bob);
    assert!(inbox.len() < 100, "{}", inbox.len());
    let last = inbox.into_iter().rev().find_map(|message| match message {
        Response::DataTrackSubscriberHandles(handles) => Some(handles.sub_handles),
        _ => None,
    });
    assert!(last.unwrap().is_empty());
    assert!(
        world
            .seen(bob, "alice")
            .is_none_or(|alice| alice.data_tracks.is_empty())
    );
}

#[test]
fn who_publishes_a_data_track_is_told_before_its_number() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = client("bob");
    let bob = world.join_one(bob.with(|bob| bob.parameters.auto_subscribe_data_track = Some(true)));
    world.settle();
    for number in 1..4 {
        world.take(bob);
        let request = proto::PublishDataTrackRequest {
            pub_handle: number,
            name: number.to_string(),
            ..proto::PublishDataTrackRequest::default()
        };
        world.send(alice, Request::PublishDataTrackRequest(request));
        world.settle();
        let inbox = world.take(bob);
        let update = inbox.iter().position(is_update);
        let numbers = inbox
            .iter()
            .position(|message| matches!(message, Response::DataTrackSubscriberHandles(_)));
        assert!(update.unwrap() < numbers.unwrap());
    }
}

#[test]
fn the_data_tracks_of_a_participant_are_bounded() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    for number in 1..=257 {
        let request = proto::PublishDataTrackRequest {
            pub_handle: number,
            name: number.to_string(),
            ..proto::PublishDataTrackRequest::default()
        };
        world.send(alice, Request::PublishDataTrackRequest(request));
    }
    assert_eq!(last_reason(&mut world, alice), Reason::LimitExceeded);
    let info = world.seen(alice, "alice").unwrap();
    assert_eq!(info.data_tracks.len(), 256);
}

#[test]
fn a_publisher_that_changes_its_mind_without_pause_is_taken_at_its_last_word() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    world.take(bob);
    flood(&mut world, alice, |number| {
        Request::SubscriptionPermission(proto::SubscriptionPermission {
            all_participants: number % 2 == 1 && number != 999,
            track_permissions: Vec::new(),
        })
    });
    let is_permission =
        |message: &Response| matches!(message, Response::SubscriptionPermissionUpdate(_));
    let inbox = world.take(bob);
    assert!(told(&inbox, is_permission) < 15);
    let last = inbox.into_iter().rev().find_map(|message| match message {
        Response::SubscriptionPermissionUpdate(update) => Some(update.allowed),
        _ => None,
    });
    assert_eq!(last, Some(false));
}

#[test]
fn a_simulated_speaker_is_told_once_while_it_lasts() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    world.take(bob);
    flood(&mut world, alice, |_| {
        let scenario = proto::simulate_scenario::Scenario::SpeakerUpdate(0);
        Request::Simulate(proto::SimulateScenario {
            scenario: Some(scenario),
        })
    });
    let inbox = world.take(bob);
    let is_speaker = |message: &Response| matches!(message, Response::SpeakersChanged(_));
    assert_eq!(told(&inbox, is_speaker), 1);
}

#[test]
fn a_size_that_changes_without_pause_changes_layers_a_few_times() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let request = proto::AddTrackRequest {
        layers: Vec::new(),
        ..camera("cam")
    };
    let sid = world.publish(alice, request);
    world.negotiate(bob);
    let settings = proto::UpdateTrackSettings {
        track_sids: vec![sid.clone()],
        width: 320,
        height: 180,
        ..proto::UpdateTrackSettings::default()
    };
    world.send(bob, Request::TrackSetting(settings));
    world.commands.clear();
    flood(&mut world, alice, |number| {
        Request::UpdateVideoTrack(proto::UpdateLocalVideoTrack {
            track_sid: sid.clone(),
            width: 1280 * (number % 2),
            height: 720 * (number % 2),
        })
    });
    let set = |command: &&Command| matches!(command, Command::SetForwarding { .. });
    assert!(world.commands.iter().filter(set).count() < 15);
}

#[test]
fn attributes_are_bounded_in_sum() {
    let mut world = World::new();
    let alice = world.join_one(editor("alice"));
    world.send(alice, Request::UpdateMetadata(attributes("a", 40 << 10)));
    assert_eq!(last_reason(&mut world, alice), Reason::Ok);
    world.send(alice, Request::UpdateMetadata(attributes("b", 40 << 10)));
    assert_eq!(last_reason(&mut world, alice), Reason::LimitExceeded);
    world.send(alice, Request::UpdateMetadata(attributes("a", 60 << 10)));
    assert_eq!(last_reason(&mut world, alice), Reason::Ok);
    let update = proto::UpdateParticipantRequest {
        identity: "alice".to_owned(),
        attributes: attributes("b", 40 << 10).attributes,
        ..proto::UpdateParticipantRequest::default()
    };
    let refused = world.call(RoomRequest::UpdateParticipant(Box::new(update)));
    assert_eq!(refused, Err(RoomError::AttributesTooLarge));
    assert_eq!(world.seen(alice, "alice").unwrap().attributes.len(), 1);
}

#[test]
fn attributes_are_bounded_in_number() {
    let mut world = World::new();
    let alice = world.join_one(editor("alice"));
    let update = |range: std::ops::Range<u32>| {
        let attributes = range.map(|number| (number.to_string(), "x".to_owned()));
        Request::UpdateMetadata(proto::UpdateParticipantMetadata {
            attributes: attributes.collect(),
            ..proto::UpdateParticipantMetadata::default()
        })
    };
    world.send(alice, update(0..1024));
    assert_eq!(last_reason(&mut world, alice), Reason::Ok);
    world.send(alice, update(1024..1025));
    assert_eq!(last_reason(&mut world, alice), Reason::LimitExceeded);
}

#[test]
fn what_participants_say_of_themselves_is_bounded_for_the_room() {
    let mut world = World::new();
    // Nobody is told of the hidden, which keeps this test small.
    let hidden =
        |number: u32| editor(&format!("guest{number}")).with(|it| it.grant().hidden = true);
    let mut last = Reason::Ok;
    for number in 0..33 {
        assert_eq!(last, Reason::Ok, "{number}");
        let guest = world.join(hidden(number));
        let text = "m".repeat(512 << 10);
        world.send(guest, Request::UpdateMetadata(metadata(text)));
        last = last_reason(&mut world, guest);
    }
    assert_eq!(last, Reason::LimitExceeded);
    let full = hidden(100).with(|it| it.parameters.metadata = Some("m".repeat(512 << 10)));
    assert!(world.try_join(full).is_err());
    assert!(world.try_join(hidden(101)).is_ok());
}

#[test]
fn tokens_are_sent_again_a_few_times_a_second_and_the_last_says_what_is() {
    let mut world = World::new();
    let alice = world.join_one(editor("alice"));
    flood(&mut world, alice, |number| {
        Request::UpdateMetadata(metadata(number.to_string()))
    });
    world.settle();
    let tokens = &world.member(alice).tokens;
    assert!(tokens.len() < 15, "{}", tokens.len());
    assert_eq!(tokens.last().unwrap().metadata, "999");
}

#[test]
fn a_token_does_not_end_sooner_than_the_one_that_it_replaces() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let ends = client("alice").token_expires_at;
    assert_eq!(world.member(alice).token_ends, [ends]);
    let later = sfu_model::UnixTime(ends.0 + Duration::from_secs(1));
    let alice = world.resume(
        alice,
        client("alice").with(|it| it.token_expires_at = later),
    );
    assert_eq!(world.member(alice).token_ends, [later]);
}

#[test]
fn a_track_is_named_often_in_one_message_without_harm() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, camera("cam"));
    world.negotiate(bob);
    world.commands.clear();
    let settings = proto::UpdateTrackSettings {
        track_sids: vec![sid; 16_000],
        disabled: true,
        ..proto::UpdateTrackSettings::default()
    };
    world.send(bob, Request::TrackSetting(settings));
    let set = |command: &&Command| matches!(command, Command::SetForwarding { .. });
    assert_eq!(world.commands.iter().filter(set).count(), 1);
}

#[test]
fn what_is_said_of_a_track_with_an_endless_name_is_forgotten() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let update = proto::UpdateSubscription {
        track_sids: vec!["TR_".repeat(1000), "TR_short".to_owned()],
        subscribe: true,
        ..proto::UpdateSubscription::default()
    };
    world.send(alice, Request::Subscription(update));
    world.take(alice);
    world.pass(Duration::from_secs(61));
    let given_up = world
        .take(alice)
        .into_iter()
        .filter_map(|message| match message {
            Response::SubscriptionResponse(response) => Some(response.track_sid),
            _ => None,
        });
    assert_eq!(given_up.collect::<Vec<_>>(), ["TR_short"]);
}

#[test]
fn the_texts_of_a_track_are_bounded() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let long = "x".repeat(4097);
    let with_name = proto::AddTrackRequest {
        name: long.clone(),
        ..microphone("mic")
    };
    let with_codec = proto::AddTrackRequest {
        simulcast_codecs: vec![proto::SimulcastCodec {
            codec: "vp8".to_owned(),
            cid: long.clone(),
            ..proto::SimulcastCodec::default()
        }],
        ..camera("cam")
    };
    for request in [with_name, microphone(&long), with_codec] {
        world.send(alice, Request::AddTrack(request));
        assert_eq!(last_reason(&mut world, alice), Reason::LimitExceeded);
    }
}
