//! Telling publishers which layers are wanted.

use std::time::Duration;

use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::ConnectionId;

use crate::subscribing::subscription;
use crate::support::{World, camera, client};

/// Returns how many qualities each message enables, and forgets the messages.
fn told(world: &mut World, publisher: ConnectionId) -> Vec<usize> {
    let inbox = world.take(publisher);
    let update = |message| match message {
        Response::SubscribedQualityUpdate(update) => Some(update),
        _ => None,
    };
    let enabled = |update: proto::SubscribedQualityUpdate| {
        assert_eq!(update.subscribed_codecs[0].codec, "vp8");
        let qualities = &update.subscribed_codecs[0].qualities;
        assert_eq!(*qualities, update.subscribed_qualities);
        qualities.iter().filter(|quality| quality.enabled).count()
    };
    inbox.into_iter().filter_map(update).map(enabled).collect()
}

fn quality(track: &str, quality: proto::VideoQuality) -> Request {
    Request::TrackSetting(proto::UpdateTrackSettings {
        track_sids: vec![track.to_owned()],
        quality: quality.into(),
        ..proto::UpdateTrackSettings::default()
    })
}

/// Alice's camera, received by Bob, past the first ten seconds.
fn watched() -> (World, ConnectionId, ConnectionId, String) {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, camera("cam"));
    world.negotiate(bob);
    world.take(alice);
    world.pass(Duration::from_secs(9));
    assert!(told(&mut world, alice).is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(told(&mut world, alice), [3]);
    (world, alice, bob, sid)
}

#[test]
fn less_demand_is_told_after_five_seconds_and_more_at_once() {
    let (mut world, alice, bob, sid) = watched();
    world.send(bob, quality(&sid, proto::VideoQuality::Low));
    world.pass(Duration::from_secs(4));
    assert!(told(&mut world, alice).is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(told(&mut world, alice), [1]);
    world.send(bob, quality(&sid, proto::VideoQuality::Medium));
    assert_eq!(told(&mut world, alice), [2]);
}

#[test]
fn a_dip_that_does_not_last_is_not_told() {
    let (mut world, alice, bob, sid) = watched();
    world.send(bob, quality(&sid, proto::VideoQuality::Low));
    world.pass(Duration::from_secs(3));
    world.send(bob, quality(&sid, proto::VideoQuality::High));
    world.pass(Duration::from_secs(10));
    assert!(told(&mut world, alice).is_empty());
}

#[test]
fn a_track_that_nobody_receives_is_not_wanted() {
    let (mut world, alice, bob, sid) = watched();
    let carol = world.join_one(client("carol"));
    world.send(bob, subscription(&sid, false));
    world.pass(Duration::from_secs(6));
    assert!(told(&mut world, alice).is_empty());
    world.send(carol, Request::Leave(proto::LeaveRequest::default()));
    world.pass(Duration::from_secs(6));
    assert_eq!(told(&mut world, alice), [0]);
    world.send(bob, subscription(&sid, true));
    assert_eq!(told(&mut world, alice), [3]);
}

#[test]
fn a_muted_track_is_left_alone_until_it_is_unmuted() {
    let (mut world, alice, bob, sid) = watched();
    let mute = |muted: bool| {
        let sid = sid.clone();
        Request::Mute(proto::MuteTrackRequest { sid, muted })
    };
    world.send(alice, mute(true));
    world.send(bob, quality(&sid, proto::VideoQuality::Low));
    world.pass(Duration::from_secs(20));
    assert!(told(&mut world, alice).is_empty());
    world.send(alice, mute(false));
    world.pass(Duration::from_secs(6));
    assert_eq!(told(&mut world, alice), [1]);
}

#[test]
fn what_is_wanted_is_told_again_after_answers_have_come_to_rest() {
    let (mut world, alice, bob, sid) = watched();
    world.offer(alice);
    world.pass(Duration::from_secs(3));
    assert!(told(&mut world, alice).is_empty());
    world.send(bob, quality(&sid, proto::VideoQuality::Low));
    world.pass(Duration::from_secs(6));
    assert_eq!(told(&mut world, alice), [1]);
    for _ in 0..7 {
        world.offer(alice);
        world.pass(Duration::from_secs(1));
        assert!(told(&mut world, alice).is_empty());
    }
    world.offer(alice);
    world.pass(Duration::from_millis(1100));
    assert_eq!(told(&mut world, alice), [1]);
}
