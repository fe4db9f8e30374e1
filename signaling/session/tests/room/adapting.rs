//! What a subscriber whose link carries too little is asked and told.

use sfu_model::{Bitrate, Command, Event, Importance, Pausing, SendMedia, SubscriptionId};
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::proto::{self, StreamState};
use signaling_session::ConnectionId;

use crate::support::{Joining, World, camera, client};

/// Returns how the shard was asked to send the latest subscription.
fn subscribed(world: &World) -> (SubscriptionId, SendMedia) {
    let commands = world.commands.iter().rev();
    let mut subscribed = commands.filter_map(|command| match command {
        Command::Subscribe {
            subscription,
            media,
            ..
        } => Some((*subscription, media.clone())),
        _ => None,
    });
    subscribed.next().unwrap()
}

/// A call in which alice publishes a track that bob subscribes to. Returns bob and the track.
fn call(world: &mut World, bob: Joining, track: proto::AddTrackRequest) -> (ConnectionId, String) {
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(bob);
    let sid = world.publish(alice, track);
    world.negotiate(bob);
    (bob, sid)
}

#[test]
fn video_may_be_paused_if_the_client_says_so_or_else_the_configuration() {
    let of = |configured: Pausing, asked: Option<bool>| {
        let mut world = World::with(|_, facts| facts.pausing = configured);
        let bob = client("bob").with(|bob| bob.parameters.subscriber_allow_pause = asked);
        call(&mut world, bob, camera("cam"));
        subscribed(&world).1.pausing
    };
    assert_eq!(of(Pausing::Never, None), Pausing::Never);
    assert_eq!(of(Pausing::Never, Some(true)), Pausing::Allowed);
    assert_eq!(of(Pausing::Allowed, None), Pausing::Allowed);
    assert_eq!(of(Pausing::Allowed, Some(false)), Pausing::Never);
}

#[test]
fn a_simulated_bandwidth_holds_until_another_is_asked_for() {
    use proto::simulate_scenario::Scenario;
    let mut world = World::new();
    let (bob, _) = call(&mut world, client("bob"), camera("cam"));
    let mut capped = |bits: i64| {
        let scenario = Some(Scenario::SubscriberBandwidth(bits));
        world.send(bob, Request::Simulate(proto::SimulateScenario { scenario }));
        let mut commands = world.commands.iter().rev();
        commands.find_map(|command| match command {
            Command::CapLink { most, .. } => Some(*most),
            _ => None,
        })
    };
    assert_eq!(capped(200_000), Some(Some(Bitrate(200_000))));
    assert_eq!(capped(0), Some(None));
    assert_eq!(capped(-1), Some(None));
}

#[test]
fn a_shared_screen_matters_more_than_a_camera() {
    let importance = |source: proto::TrackSource| {
        let mut track = camera("cid");
        track.source = source.into();
        let mut world = World::new();
        call(&mut world, client("bob"), track);
        subscribed(&world).1.importance
    };
    assert_eq!(importance(proto::TrackSource::Camera), Importance::Ordinary);
    assert_eq!(
        importance(proto::TrackSource::ScreenShare),
        Importance::ScreenShare
    );
}

#[test]
fn a_client_is_told_which_of_its_tracks_are_paused() {
    let mut world = World::new();
    let (bob, sid) = call(&mut world, client("bob"), camera("cam"));
    let (subscription, _) = subscribed(&world);
    world.take(bob);
    let mut told = |event| {
        world.media(event);
        let inbox = world.take(bob).into_iter();
        let states = inbox.filter_map(|message| match message {
            Response::StreamStateUpdate(update) => Some(update.stream_states),
            _ => None,
        });
        let states = states
            .flatten()
            .map(|state| (state.track_sid.clone(), state.state()));
        states.collect::<Vec<_>>()
    };
    assert_eq!(
        told(Event::SubscriptionPaused { subscription }),
        [(sid.clone(), StreamState::Paused)]
    );
    assert_eq!(
        told(Event::SubscriptionResumed { subscription }),
        [(sid, StreamState::Active)]
    );
}
