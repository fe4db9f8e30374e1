//! Receiving tracks over one transport.

use std::time::Duration;

use sfu_model::{Codec, Command, Forwarding, RedundancyPolicy, SpatialLayer};
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::proto::{self, SubscriptionError};
use signaling_session::ConnectionId;

use crate::support::sdp::sent_tracks;
use crate::support::{World, camera, client, microphone};

pub(crate) fn subscription(track: &str, subscribe: bool) -> Request {
    Request::Subscription(proto::UpdateSubscription {
        track_sids: vec![track.to_owned()],
        subscribe,
        participant_tracks: Vec::new(),
    })
}

fn refusals(world: &mut World, connection: ConnectionId) -> Vec<(String, SubscriptionError)> {
    let inbox = world.take(connection);
    let refusal = |message| match message {
        Response::SubscriptionResponse(response) => {
            let error = response.err();
            Some((response.track_sid, error))
        }
        _ => None,
    };
    inbox.into_iter().filter_map(refusal).collect()
}

/// Returns what the shard forwards at last.
fn forwarding(world: &World) -> Forwarding {
    let last = world
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            Command::Subscribe { media, .. } => Some(media.forwarding),
            Command::SetForwarding { forwarding, .. } => Some(*forwarding),
            _ => None,
        });
    last.unwrap()
}

#[test]
fn two_participants_hear_and_see_each_other() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let tracks = |world: &mut World, connection| {
        let microphone = world.publish(connection, microphone("mic"));
        vec![microphone, world.publish(connection, camera("cam"))]
    };
    let of_alice = tracks(&mut world, alice);
    let of_bob = tracks(&mut world, bob);
    for connection in [alice, bob] {
        world.negotiate(connection);
    }
    assert_eq!(world.received_tracks(bob), of_alice);
    let mut received = world.received_tracks(alice);
    received.sort();
    let mut expected = of_bob;
    expected.sort();
    assert_eq!(received, expected);
    let subscribed = world.commands.iter();
    let subscribed = subscribed.filter(|command| matches!(command, Command::Subscribe { .. }));
    assert!(subscribed.count() >= 4);
}

#[test]
fn the_update_about_a_publisher_comes_before_the_answer_with_its_track() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    let position = |world: &mut World, is: &dyn Fn(&Response) -> bool| {
        world.member(bob).inbox.iter().position(is).unwrap()
    };
    let told = position(&mut world, &|message| match message {
        Response::Update(update) => update.participants.iter().any(|p| !p.tracks.is_empty()),
        _ => false,
    });
    let carried = position(&mut world, &|message| match message {
        Response::Answer(answer) => sent_tracks(&answer.sdp).contains(&sid),
        _ => false,
    });
    assert!(told < carried);
}

#[test]
fn one_who_joins_later_gets_the_tracks_in_its_first_answer() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let mic = world.publish(alice, microphone("mic"));
    let cam = world.publish(alice, camera("cam"));
    let bob = world.join_one(client("bob"));
    assert_eq!(world.received_tracks(bob), [mic, cam]);
    let subscribed = world
        .member(alice)
        .inbox
        .iter()
        .filter(|message| matches!(message, Response::TrackSubscribed(_)));
    assert_eq!(subscribed.count(), 2);
}

#[test]
fn missing_sections_are_asked_for_once() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    for index in 0..5 {
        world.publish(alice, microphone(&format!("mic{index}")));
    }
    world.settle();
    let required = |world: &mut World| {
        let inbox = world.take(bob);
        let required = inbox.into_iter().filter_map(|message| match message {
            Response::MediaSectionsRequirement(it) => Some((it.num_audios, it.num_videos)),
            _ => None,
        });
        required.collect::<Vec<_>>()
    };
    assert_eq!(required(&mut world), [(2, 0)]);
    world.pass(Duration::from_secs(10));
    assert_eq!(required(&mut world), []);
    world.member(bob).up.add_receiving(2, true);
    world.offer(bob);
    assert_eq!(world.received_tracks(bob).len(), 5);
    world.settle();
    assert_eq!(required(&mut world), []);
}

#[test]
fn without_auto_subscribe_only_chosen_tracks_come() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let mic = world.publish(alice, microphone("mic"));
    world.publish(alice, camera("cam"));
    let bob = client("bob").with(|joining| joining.parameters.auto_subscribe = false);
    let bob = world.join_one(bob);
    world.negotiate(bob);
    assert!(world.received_tracks(bob).is_empty());
    world.send(bob, subscription(&mic, true));
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob), [mic]);
}

#[test]
fn an_unsubscribed_track_stays_away_until_it_is_chosen_again() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let mic = world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    world.send(bob, subscription(&mic, false));
    world.negotiate(bob);
    assert!(world.received_tracks(bob).is_empty());
    world.publish(alice, camera("cam"));
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob).len(), 1);
    world.send(bob, subscription(&mic, true));
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob).len(), 2);
}

#[test]
fn a_track_that_does_not_exist_is_given_up_after_a_minute() {
    let mut world = World::new();
    let bob = world.join_one(client("bob"));
    world.send(bob, subscription("TR_nobody", true));
    world.pass(Duration::from_secs(59));
    assert!(refusals(&mut world, bob).is_empty());
    world.pass(Duration::from_secs(2));
    let refused = ("TR_nobody".to_owned(), SubscriptionError::SeTrackNotfound);
    assert_eq!(refusals(&mut world, bob), [refused]);
}

#[test]
fn a_codec_that_the_client_lacks_is_refused_and_the_next_track_comes() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob"));
    let member = world.member(bob);
    member.up.h264 = false;
    member.up.add_receiving(3, false);
    world.offer(bob);
    world.connect(bob);
    let mut request = camera("h264");
    request.simulcast_codecs[0].codec = "h264".to_owned();
    world.send(alice, Request::AddTrack(request));
    world.member(alice).up.add_sending(false, "h264").h264 = true;
    world.offer(alice);
    let h264 = world.published(alice, "h264").sid;
    world.negotiate(bob);
    world.settle();
    world.offer(bob);
    let refused = (h264, SubscriptionError::SeCodecUnsupported);
    assert_eq!(refusals(&mut world, bob), [refused]);
    let vp8 = world.publish(alice, camera("vp8"));
    world.settle();
    world.offer(bob);
    assert_eq!(world.received_tracks(bob), [vp8]);
    assert!(refusals(&mut world, bob).is_empty());
}

#[test]
fn a_backup_codec_is_asked_for_and_received_by_those_who_lack_the_main_one() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob"));
    let member = world.member(bob);
    member.up.h264 = false;
    member.up.add_receiving(2, false);
    world.offer(bob);
    world.connect(bob);
    let mut request = camera("main");
    request.simulcast_codecs[0].codec = "h264".to_owned();
    request.simulcast_codecs.push(proto::SimulcastCodec {
        codec: "vp8".to_owned(),
        ..proto::SimulcastCodec::default()
    });
    world.send(alice, Request::AddTrack(request));
    world.member(alice).up.add_sending(false, "main").h264 = true;
    world.offer(alice);
    let sid = world.published(alice, "main").sid;
    world.settle();
    world.offer(bob);
    let asked = world
        .member(alice)
        .inbox
        .iter()
        .find_map(|message| match message {
            Response::SubscribedQualityUpdate(update) => Some(update.clone()),
            _ => None,
        });
    let codecs = asked.unwrap().subscribed_codecs;
    let codecs: Vec<_> = codecs.iter().map(|codec| codec.codec.as_str()).collect();
    assert_eq!(codecs, ["h264", "vp8"]);
    let backup = proto::AddTrackRequest {
        sid: sid.clone(),
        cid: "backup".to_owned(),
        r#type: proto::TrackType::Video.into(),
        source: proto::TrackSource::Camera.into(),
        simulcast_codecs: vec![proto::SimulcastCodec {
            codec: "vp8".to_owned(),
            cid: "backup".to_owned(),
            ..proto::SimulcastCodec::default()
        }],
        ..proto::AddTrackRequest::default()
    };
    world.send(alice, Request::AddTrack(backup));
    world.member(alice).up.add_sending(false, "backup");
    world.offer(alice);
    world.settle();
    world.offer(bob);
    assert_eq!(world.received_tracks(bob), [sid]);
    assert!(refusals(&mut world, bob).is_empty());
}

#[test]
fn settings_that_came_before_the_track_hold() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.send(alice, Request::AddTrack(camera("cam")));
    let sid = world.published(alice, "cam").sid;
    let settings = |settings: proto::UpdateTrackSettings| {
        Request::TrackSetting(proto::UpdateTrackSettings {
            track_sids: vec![sid.clone()],
            ..settings
        })
    };
    let disabled = proto::UpdateTrackSettings {
        disabled: true,
        ..proto::UpdateTrackSettings::default()
    };
    world.send(bob, settings(disabled));
    world.member(alice).up.add_sending(false, "cam").rids = vec!["q", "h", "f"];
    world.offer(alice);
    world.negotiate(bob);
    world.offer(bob);
    assert_eq!(forwarding(&world), Forwarding::Paused);
    let small = proto::UpdateTrackSettings {
        width: 320,
        height: 180,
        ..proto::UpdateTrackSettings::default()
    };
    world.send(bob, settings(small));
    let Forwarding::UpTo { spatial, .. } = forwarding(&world) else {
        panic!("still paused");
    };
    assert_eq!(spatial, SpatialLayer(0));
}

#[test]
fn a_subscription_beyond_the_limit_waits_until_another_ends() {
    let mut world = World::with(|_, facts| facts.limits.audio_subscriptions = 1);
    let alice = world.join_one(client("alice"));
    let first = world.publish(alice, microphone("one"));
    let second = world.publish(alice, microphone("two"));
    let bob = world.join_one(client("bob"));
    assert_eq!(world.received_tracks(bob).len(), 1);
    let received = world.received_tracks(bob)[0].clone();
    world.send(bob, subscription(&received, false));
    world.negotiate(bob);
    world.offer(bob);
    let other = if received == first { second } else { first };
    assert_eq!(world.received_tracks(bob), [other]);
}

#[test]
fn one_who_leaves_takes_its_subscriptions_along() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, microphone("mic"));
    let bob = world.join_one(client("bob"));
    world.send(bob, Request::Leave(proto::LeaveRequest::default()));
    assert!(world.member(bob).closed);
    world.member(alice).up.sections[6].direction = "inactive";
    world.offer(alice);
    world.pass(Duration::from_secs(70));
}

#[test]
fn who_knows_tracks_by_their_packets_is_sent_some_before_the_publisher_sends() {
    use sfu_model::Opening;
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, microphone("mic"));
    let mut opening = |sdk: proto::client_info::Sdk| {
        let joining = client(sdk.as_str_name()).with(|joining| {
            joining.parameters.client = signaling_protocol::Client::from(proto::ClientInfo {
                sdk: sdk.into(),
                protocol: 16,
                ..proto::ClientInfo::default()
            });
        });
        world.join_two(joining);
        let mut commands = world.commands.iter().rev();
        commands.find_map(|command| match command {
            Command::Subscribe { media, .. } => Some(media.opening),
            _ => None,
        })
    };
    assert_eq!(opening(proto::client_info::Sdk::Go), Some(Opening::Padding));
    assert_eq!(opening(proto::client_info::Sdk::Js), Some(Opening::Media));
}

/// Has a client publish a microphone, and another one subscribe after a first one. Returns how that is sent.
fn sent_sound(
    change: impl Fn(&mut proto::AddTrackRequest),
    red: bool,
) -> (Vec<Codec>, RedundancyPolicy) {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob").two_transports());
    world.answer(bob);
    world.connect(bob);
    for cid in ["first", "second"] {
        let mut request = microphone(cid);
        change(&mut request);
        world.send(alice, Request::AddTrack(request));
        world.member(alice).up.add_sending(true, cid).red = red;
        world.offer(alice);
    }
    world.negotiate(bob);
    let mut commands = world.commands.iter().rev();
    commands
        .find_map(|command| match command {
            Command::Subscribe { media, .. } => {
                let codecs = media.codecs.iter().map(|binding| binding.codec);
                Some((codecs.collect(), media.redundancy))
            }
            _ => None,
        })
        .unwrap()
}

#[test]
fn sound_may_be_sent_with_redundancy_unless_it_is_encrypted_or_its_publisher_wants_none() {
    let plain = |_: &mut proto::AddTrackRequest| {};
    let without = |request: &mut proto::AddTrackRequest| request.disable_red = true;
    let encrypted = |request: &mut proto::AddTrackRequest| {
        request.encryption = proto::encryption::Type::Gcm.into();
    };
    let by_loss = |codecs: &[Codec]| (codecs.to_vec(), RedundancyPolicy::ByLoss);
    assert_eq!(sent_sound(plain, true), by_loss(&[Codec::Red, Codec::Opus]));
    assert_eq!(
        sent_sound(plain, false),
        by_loss(&[Codec::Opus, Codec::Red])
    );
    let as_it_comes = (vec![Codec::Opus], RedundancyPolicy::AsItComes);
    assert_eq!(sent_sound(without, true), as_it_comes);
    assert_eq!(sent_sound(encrypted, false), as_it_comes);
}
