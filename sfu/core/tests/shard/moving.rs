//! A peer goes from one room to another, and its media goes on.

use std::time::Duration;

use sfu_model::{Command, Event, MediaKind, PeerId, PublicationId, RoomIndex, SubscriptionId};

use crate::export::Pair;
use crate::media::{CAMERA, MICROPHONE, Source, call, picture_id, send};
use crate::world::{World, publication_id};

/// The room that participant 0 moves to.
const THERE: RoomIndex = RoomIndex(2);

fn moved(world: &World) -> (PeerId, PublicationId) {
    let peer = PeerId {
        room: THERE,
        index: 70,
        ..world.participants[0].id
    };
    let publication = PublicationId {
        room: THERE,
        index: 80,
        ..publication_id(0)
    };
    (peer, publication)
}

/// Moves participant 0 with what it publishes.
fn move_publisher(world: &mut World) {
    let (to, publication) = moved(world);
    let peer = world.participants[0].id;
    world.command(Command::MovePeer {
        peer,
        to,
        publications: vec![(publication_id(0), publication)],
    });
}

fn subscribe_there(world: &mut World, place: usize) {
    let (_, publication) = moved(world);
    let subscription = SubscriptionId {
        room: THERE,
        index: 90,
        shard: publication.shard,
        node: publication.node,
    };
    let peer = world.participants[place].id;
    world.command(Command::Subscribe {
        subscription,
        publication,
        peer,
        media: send(MediaKind::Video, "0", 90_000),
    });
}

#[test]
fn a_publication_that_moves_is_seen_there_and_no_longer_here() {
    let mut world = call(3);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    assert_eq!(world.participants[1].rtp.len(), 1);
    move_publisher(&mut world);
    assert_eq!(world.shard.counters().subscriptions, 0);
    world.send_rtp(0, &source.next(true));
    assert_eq!(world.participants[1].rtp.len(), 1);
    subscribe_there(&mut world, 2);
    let before = world.participants[2].rtp.len();
    let picture = source.next(true);
    world.send_rtp(0, &picture);
    let seen = &world.participants[2].rtp[before..];
    assert_eq!(seen.len(), 1);
    assert_eq!(picture_id(&seen[0]), picture_id(&picture));
}

#[test]
fn what_it_was_called_before_names_nothing_any_more() {
    let mut world = call(2);
    let before = world.participants[0].id;
    move_publisher(&mut world);
    world.command(Command::RemovePeer { peer: before });
    world.command(Command::Unpublish {
        publication: publication_id(0),
    });
    let counters = world.shard.counters();
    assert_eq!((counters.peers, counters.publications), (2, 1));
    let peer = moved(&world).0;
    world.command(Command::RemovePeer { peer });
    let counters = world.shard.counters();
    assert_eq!((counters.peers, counters.publications), (1, 0));
}

#[test]
fn what_is_not_listed_ends() {
    let mut world = call(2);
    let (to, _) = moved(&world);
    let peer = world.participants[0].id;
    world.command(Command::MovePeer {
        peer,
        to,
        publications: Vec::new(),
    });
    let counters = world.shard.counters();
    assert_eq!((counters.peers, counters.publications), (2, 0));
}

#[test]
fn it_is_counted_in_its_room() {
    let mut world = call(2);
    move_publisher(&mut world);
    world.take_events(|_| Some(()));
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.pass(Duration::from_secs(2));
    let (to, _) = moved(&world);
    let told = world.take_events(|event| match event {
        Event::Statistics { room, streams, .. } => {
            let peers = streams.peers.iter();
            Some((*room, peers.map(|it| it.peer).collect::<Vec<_>>()))
        }
        _ => None,
    });
    let of_room = |wanted: RoomIndex| told.iter().filter(move |(room, _)| *room == wanted);
    assert!(of_room(THERE).all(|(_, peers)| *peers == [to]));
    assert!(of_room(THERE).count() > 0);
    assert!(of_room(world.participants[1].id.room).all(|(_, peers)| !peers.contains(&to)));
}

#[test]
fn whoever_speaks_is_heard_in_its_room_alone() {
    let mut world = crate::audio::microphone(&[crate::media::opus()]);
    let mut source = Source::audio(MICROPHONE);
    let mut say = |world: &mut World, times: u32| {
        for _ in 0..times {
            crate::audio::say(world, &mut source, 20);
        }
        world.take_events(|event| match event {
            Event::AudioLevels { room, levels, .. } => Some((*room, levels.clone())),
            _ => None,
        })
    };
    assert!(!say(&mut world, 50).is_empty());
    move_publisher(&mut world);
    let (_, publication) = moved(&world);
    let heard = say(&mut world, 100);
    let named = heard.iter().filter(|(_, levels)| !levels.is_empty());
    let named: Vec<_> = named.map(|(room, levels)| (*room, levels[0].0)).collect();
    assert!(!named.is_empty());
    assert!(
        named.iter().all(|it| *it == (THERE, publication)),
        "{named:?}"
    );
}

#[test]
fn subscribers_on_another_shard_are_told_that_it_ended() {
    let mut pair = Pair::call();
    move_publisher(&mut pair.home);
    pair.exchange();
    assert_eq!(pair.held(), [(1, 0), (0, 0)]);
    pair.send_rtp(&Source::video(CAMERA).next(true));
    assert_eq!(pair.home.shard.counters().exports_out, 0);
}
