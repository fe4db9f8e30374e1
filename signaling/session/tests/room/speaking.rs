//! Who speaks.

use std::time::Duration;

use sfu_model::{AudioLevel, Command, Event, PublicationId, RoomIndex, ShardIndex};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::ConnectionId;

use crate::subscribing::subscription;
use crate::support::{World, camera, client, microphone};

fn publications(world: &World) -> Vec<PublicationId> {
    let publications = world.commands.iter().filter_map(|command| match command {
        Command::Publish { publication, .. } => Some(*publication),
        _ => None,
    });
    publications.collect()
}

fn hear(world: &mut World, levels: &[(PublicationId, f32)]) {
    hear_on(ShardIndex(0), world, levels);
}

fn hear_on(shard: ShardIndex, world: &mut World, levels: &[(PublicationId, f32)]) {
    let levels = levels
        .iter()
        .map(|(publication, level)| (*publication, AudioLevel(*level)));
    let levels = levels.collect();
    let room = RoomIndex(1);
    world.media(Event::AudioLevels {
        room,
        shard,
        levels,
    });
}

fn speakers(world: &mut World, connection: ConnectionId) -> Vec<Vec<(f32, bool)>> {
    let inbox = world.take(connection);
    let speakers = |message| match message {
        Response::SpeakersChanged(changed) => Some(changed.speakers),
        _ => None,
    };
    let levels = |speakers: Vec<proto::SpeakerInfo>| {
        speakers
            .iter()
            .map(|speaker| (speaker.level, speaker.active))
            .collect()
    };
    inbox.into_iter().filter_map(speakers).map(levels).collect()
}

#[test]
fn changes_are_told_loudest_first_and_silence_once() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let carol = world.join_one(client("carol"));
    world.publish(alice, microphone("a"));
    world.publish(bob, microphone("b"));
    let ids = publications(&world);
    hear(&mut world, &[(ids[0], 0.3), (ids[1], 0.8)]);
    assert_eq!(
        speakers(&mut world, carol),
        [vec![(0.875, true), (0.375, true)]]
    );
    hear(&mut world, &[(ids[0], 0.31), (ids[1], 0.8)]);
    assert!(speakers(&mut world, carol).is_empty());
    hear(&mut world, &[(ids[0], 0.3)]);
    assert_eq!(speakers(&mut world, carol), [vec![(0.0, false)]]);
    hear(&mut world, &[]);
    assert_eq!(speakers(&mut world, carol), [vec![(0.0, false)]]);
}

#[test]
fn only_subscribers_and_the_speaker_itself_hear_of_it() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let deaf = client("deaf").with(|joining| joining.parameters.auto_subscribe = false);
    let deaf = world.join_one(deaf);
    let old = world.join_one(client("old").protocol(2));
    let sid = world.publish(alice, microphone("a"));
    let ids = publications(&world);
    hear(&mut world, &[(ids[0], 1.0)]);
    for connection in [alice, bob] {
        assert_eq!(speakers(&mut world, connection).len(), 1);
    }
    for connection in [deaf, old] {
        assert!(speakers(&mut world, connection).is_empty());
    }
    world.send(deaf, subscription(&sid, true));
    assert_eq!(speakers(&mut world, deaf), [vec![(1.0, true)]]);
    world.send(deaf, subscription(&sid, false));
    assert_eq!(speakers(&mut world, deaf), [vec![(0.0, false)]]);
}

#[test]
fn only_microphones_count() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let screen = proto::AddTrackRequest {
        source: proto::TrackSource::ScreenShareAudio.into(),
        ..microphone("screen")
    };
    world.publish(alice, screen);
    let ids = publications(&world);
    world.take(alice);
    hear(&mut world, &[(ids[0], 1.0)]);
    assert!(speakers(&mut world, alice).is_empty());
}

#[test]
fn a_simulated_speaker_speaks_for_as_long_as_it_asked() {
    use proto::simulate_scenario::Scenario;
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let scenario = Some(Scenario::SpeakerUpdate(3));
    world.send(
        alice,
        Request::Simulate(proto::SimulateScenario { scenario }),
    );
    assert!(speakers(&mut world, alice)[0][0].1);
    world.pass(Duration::from_secs(2));
    assert!(speakers(&mut world, alice).is_empty());
    world.pass(Duration::from_secs(2));
    assert!(!speakers(&mut world, alice)[0][0].1);
}

#[test]
fn who_speaks_on_different_shards_is_told_of_together() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let carol = world.join_one(client("carol"));
    world.publish(alice, microphone("a"));
    world.publish(bob, microphone("b"));
    let ids = publications(&world);
    let (first, second) = (ShardIndex(0), ShardIndex(1));
    hear_on(first, &mut world, &[(ids[0], 0.3)]);
    hear_on(second, &mut world, &[(ids[1], 0.8)]);
    hear_on(first, &mut world, &[(ids[0], 0.3)]);
    assert_eq!(
        speakers(&mut world, carol),
        [vec![(0.375, true)], vec![(0.875, true)]]
    );
    hear_on(second, &mut world, &[]);
    assert_eq!(speakers(&mut world, carol), [vec![(0.0, false)]]);
}

/// Returns whose cameras shards were last told to be those of speakers.
fn speaking(world: &World) -> Option<Vec<PublicationId>> {
    let mut commands = world.commands.iter().rev();
    commands.find_map(|command| match command {
        Command::SetSpeakers { publications, .. } => Some(publications.to_vec()),
        _ => None,
    })
}

#[test]
fn shards_are_told_of_the_cameras_of_those_who_have_the_floor() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.join_one(client("bob"));
    world.publish(alice, microphone("mic"));
    world.publish(alice, camera("cam"));
    let ids = publications(&world);
    hear(&mut world, &[(ids[0], 0.5)]);
    assert_eq!(speaking(&world), None, "it may be a remark");
    world.pass(Duration::from_secs(1));
    assert_eq!(speaking(&world), Some(vec![ids[1]]));
    hear(&mut world, &[]);
    world.pass(Duration::from_secs(4));
    assert_eq!(speaking(&world), Some(vec![ids[1]]), "a pause");
    world.pass(Duration::from_secs(2));
    assert_eq!(speaking(&world), Some(vec![]));
}
