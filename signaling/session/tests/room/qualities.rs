//! How good everybody's connection is.

use std::time::Duration;

use sfu_model::{
    Codec, Command, EncodingStatistics, Event, PeerStatistics, PublicationId, RoomIndex,
    ShardIndex, SpatialLayer, Statistics, SubscriptionId, SubscriptionStatistics, Traffic,
};
use signaling_protocol::proto;
use signaling_protocol::proto::ConnectionQuality::{self, Excellent, Good, Lost, Poor};
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::ConnectionId;

use crate::subscribing::subscription;
use crate::support::{World, camera, client, microphone};

const WINDOW: Duration = Duration::from_secs(5);

/// What a shard counts of the room's streams: by now, and in each window.
struct Counted {
    sid: String,
    encoding: EncodingStatistics,
    subscription: Option<SubscriptionStatistics>,
}

/// A microphone that alice publishes. Returns her connection and what is counted of it.
fn publish(world: &mut World) -> (ConnectionId, Counted) {
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let encoding = encoding(world, 0, Codec::Opus);
    let subscription = None;
    (
        alice,
        Counted {
            sid,
            encoding,
            subscription,
        },
    )
}

/// Alice's microphone as before, which bob receives well for three windows.
fn publish_to_bob(world: &mut World) -> ([ConnectionId; 2], Counted) {
    let (alice, mut counted) = publish(world);
    let bob = world.join_one(client("bob"));
    world.negotiate(bob);
    counted.subscribe(world);
    counted.pass(world, 3, (0, 0));
    ([alice, bob], counted)
}

/// One encoding of the track that is published, of which nothing has come.
fn encoding(world: &World, place: u8, codec: Codec) -> EncodingStatistics {
    EncodingStatistics {
        publication: publication(world),
        encoding: SpatialLayer(place),
        codec: Some(codec),
        packets: 0,
        bytes: 0,
        lost: 0,
        jitter: Duration::ZERO,
        pictures: 0,
        size: None,
    }
}

fn publication(world: &World) -> PublicationId {
    let mut published = world.commands.iter().filter_map(|command| match command {
        Command::Publish { publication, .. } => Some(*publication),
        _ => None,
    });
    published.next().unwrap()
}

fn subscription_id(world: &World) -> SubscriptionId {
    let mut subscribed = world.commands.iter().filter_map(|command| match command {
        Command::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    subscribed.next().unwrap()
}

impl Counted {
    /// Begins to count what a subscriber gets.
    fn subscribe(&mut self, world: &World) {
        self.subscription = Some(SubscriptionStatistics {
            subscription: subscription_id(world),
            codec: Some(Codec::Opus),
            packets: 0,
            bytes: 0,
            reports: 0,
            lost: 0,
            jitter: Duration::ZERO,
            round_trip: None,
            forwarded: None,
            wanted: None,
            paused: false,
        });
    }

    /// Lets windows pass in each of which so many of a hundred packets are lost on the way up, and down.
    fn pass(&mut self, world: &mut World, windows: u32, (up, down): (u64, u64)) {
        for _ in 0..windows {
            self.encoding.packets += 100 - up;
            self.encoding.lost += up;
            if let Some(subscription) = &mut self.subscription {
                subscription.packets += 100;
                subscription.lost += down;
                subscription.reports += 1;
            }
            self.tell(world);
            world.pass(WINDOW);
        }
    }

    /// Tells the room what was counted.
    fn tell(&self, world: &mut World) {
        let streams = Statistics {
            peers: Vec::new(),
            encodings: vec![self.encoding],
            subscriptions: self.subscription.into_iter().collect(),
        };
        tell(world, streams);
    }
}

fn tell(world: &mut World, streams: Statistics) {
    world.media(Event::Statistics {
        room: RoomIndex(1),
        shard: ShardIndex(0),
        part: 0,
        streams: Box::new(streams),
    });
}

/// Returns what a client was told, in order: whose connection is how good.
fn told(world: &mut World, connection: ConnectionId) -> Vec<(String, ConnectionQuality)> {
    let inbox = world.take(connection).into_iter();
    let updates = inbox.filter_map(|message| match message {
        Response::ConnectionQuality(update) => Some(update.updates),
        _ => None,
    });
    let sids: Vec<_> = identities(world);
    let named = updates.flatten().map(|update| {
        let mut known = sids
            .iter()
            .filter(|(sid, _)| *sid == update.participant_sid);
        let (_, identity) = known.next().unwrap();
        assert!((1.0..=4.5).contains(&update.score));
        (identity.clone(), update.quality())
    });
    named.collect()
}

fn identities(world: &mut World) -> Vec<(String, String)> {
    let reply = world.call(signaling_session::RoomRequest::ListParticipants);
    let Ok(signaling_session::RoomReply::Participants(list)) = reply else {
        panic!("{reply:?}");
    };
    let names = list.into_iter();
    names.map(|info| (info.sid, info.identity)).collect()
}

fn of(identity: &str, quality: ConnectionQuality) -> (String, ConnectionQuality) {
    (identity.to_owned(), quality)
}

#[test]
fn who_sends_and_gets_nothing_is_excellent_and_told_so_once() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.pass(WINDOW);
    assert_eq!(told(&mut world, alice), [of("alice", Excellent)]);
    world.pass(WINDOW * 4);
    assert_eq!(told(&mut world, alice), []);
}

#[test]
fn loss_on_the_way_from_a_publisher_is_told_to_it_and_to_those_who_receive_it() {
    let mut world = World::new();
    let (alice, mut counted) = publish(&mut world);
    let bob = world.join_one(client("bob"));
    let deaf = client("deaf").with(|joining| joining.parameters.auto_subscribe = false);
    let deaf = world.join_one(deaf);
    counted.pass(&mut world, 2, (0, 0));
    let everybody = [alice, bob, deaf];
    for connection in everybody {
        told(&mut world, connection);
    }
    counted.pass(&mut world, 1, (20, 0));
    for connection in [alice, bob] {
        assert_eq!(told(&mut world, connection), [of("alice", Poor)]);
    }
    assert_eq!(told(&mut world, deaf), []);
    counted.pass(&mut world, 4, (0, 0));
    assert_eq!(
        told(&mut world, bob),
        [of("alice", Good), of("alice", Excellent)]
    );
}

#[test]
fn loss_on_the_way_to_a_subscriber_is_its_own() {
    let mut world = World::new();
    let ([alice, bob], mut counted) = publish_to_bob(&mut world);
    told(&mut world, alice);
    told(&mut world, bob);
    counted.pass(&mut world, 1, (0, 20));
    assert_eq!(told(&mut world, bob), [of("bob", Poor)]);
    assert_eq!(told(&mut world, alice), []);
}

#[test]
fn a_subscription_that_is_paused_is_poor_unless_its_track_is_muted() {
    let mut world = World::new();
    let ([alice, bob], mut counted) = publish_to_bob(&mut world);
    told(&mut world, bob);
    if let Some(subscription) = &mut counted.subscription {
        subscription.paused = true;
    }
    counted.pass(&mut world, 1, (0, 0));
    assert_eq!(told(&mut world, bob), [of("bob", Poor)]);
    let (sid, muted) = (counted.sid.clone(), true);
    world.send(alice, Request::Mute(proto::MuteTrackRequest { sid, muted }));
    counted.pass(&mut world, 1, (0, 0));
    assert_eq!(told(&mut world, bob), [of("bob", Excellent)]);
}

#[test]
fn what_is_sent_and_not_reported_of_for_half_a_minute_is_lost() {
    let mut world = World::new();
    let ([_, bob], mut counted) = publish_to_bob(&mut world);
    told(&mut world, bob);
    for window in 1..=6 {
        counted.encoding.packets += 100;
        if let Some(subscription) = &mut counted.subscription {
            subscription.packets += 100;
        }
        counted.tell(&mut world);
        world.pass(WINDOW);
        let expected = match window {
            6 => vec![of("bob", Lost)],
            _ => Vec::new(),
        };
        assert_eq!(told(&mut world, bob), expected, "after {window} windows");
    }
}

#[test]
fn a_publisher_that_stops_a_layer_that_somebody_wants_is_good() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, camera("cam"));
    let bob = world.join_one(client("bob"));
    world.negotiate(bob);
    let mut encodings = [0, 1, 2].map(|place| encoding(&world, place, Codec::Vp8));
    let mut pass = |world: &mut World, windows: u32, sent: usize| {
        for _ in 0..windows {
            for encoding in &mut encodings[..sent] {
                encoding.packets += 500;
            }
            let streams = Statistics {
                encodings: encodings.to_vec(),
                ..Statistics::default()
            };
            tell(world, streams);
            world.pass(WINDOW);
        }
        told(world, bob)
    };
    let first = pass(&mut world, 3, 3);
    assert_eq!(first, [of("alice", Excellent), of("bob", Excellent)]);
    assert_eq!(pass(&mut world, 2, 2), [of("alice", Good)]);
    assert_eq!(pass(&mut world, 4, 3), [of("alice", Excellent)]);
}

#[test]
fn who_comes_late_is_told_how_those_are_that_it_receives() {
    let mut world = World::new();
    let (_, mut counted) = publish(&mut world);
    counted.pass(&mut world, 2, (0, 0));
    counted.pass(&mut world, 2, (20, 0));
    let bob = world.join_one(client("bob"));
    counted.pass(&mut world, 1, (20, 0));
    assert_eq!(
        told(&mut world, bob),
        [of("alice", Poor), of("bob", Excellent)]
    );
    counted.pass(&mut world, 1, (20, 0));
    assert_eq!(told(&mut world, bob), []);
}

#[test]
fn who_subscribes_late_is_told_of_the_publisher() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let deaf = client("deaf").with(|joining| joining.parameters.auto_subscribe = false);
    let deaf = world.join_one(deaf);
    world.pass(WINDOW * 2);
    told(&mut world, deaf);
    world.send(deaf, subscription(&sid, true));
    world.pass(WINDOW);
    assert_eq!(told(&mut world, deaf).len(), 1);
}

#[test]
fn a_resumed_client_is_told_again() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.pass(WINDOW);
    world.close_signal(alice);
    let alice = world.resume(alice, client("alice"));
    world.pass(WINDOW);
    assert_eq!(told(&mut world, alice), [of("alice", Excellent)]);
}

#[test]
fn a_publisher_whose_packets_stop_is_poor_unless_it_is_muted() {
    let mut world = World::new();
    let (alice, mut counted) = publish(&mut world);
    counted.pass(&mut world, 2, (0, 0));
    told(&mut world, alice);
    world.pass(WINDOW);
    assert_eq!(told(&mut world, alice), [of("alice", Poor)]);
    let (sid, muted) = (counted.sid, true);
    world.send(alice, Request::Mute(proto::MuteTrackRequest { sid, muted }));
    world.pass(WINDOW);
    assert_eq!(told(&mut world, alice), [of("alice", Excellent)]);
}

#[test]
fn a_track_of_which_nothing_has_come_yet_is_not_judged() {
    let mut world = World::new();
    let (alice, _) = publish(&mut world);
    world.pass(WINDOW * 4);
    assert_eq!(told(&mut world, alice), [of("alice", Excellent)]);
}

#[test]
fn who_is_not_heard_is_lost_and_poor_to_old_clients() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let old = world.join_one(client("old").protocol(10));
    world.publish(alice, microphone("mic"));
    world.pass(WINDOW);
    told(&mut world, alice);
    told(&mut world, old);
    let silent = PeerStatistics {
        peer: world.peers(alice)[0],
        silence: Duration::from_secs(9),
        round_trip: None,
        traffic: Traffic::default(),
        link: None,
    };
    let streams = Statistics {
        peers: vec![silent],
        ..Statistics::default()
    };
    tell(&mut world, streams);
    world.pass(WINDOW);
    assert_eq!(told(&mut world, alice), [of("alice", Lost)]);
    assert_eq!(told(&mut world, old), [of("alice", Poor)]);
}
