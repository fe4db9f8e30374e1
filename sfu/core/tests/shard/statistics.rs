//! What is counted of streams is told once a second.

use std::time::Duration;

use sfu_model::{
    Codec, Command, EncodingStatistics, Event, MediaKind, PeerStatistics, Ssrc, Statistics, Step,
    SubscriptionStatistics, Traffic,
};
use sfu_rtp::rtcp::{ReportBlock, write_receiver_report};

use crate::media::{CAMERA, Source, call, camera, publish, retransmission, send};
use crate::world::{World, publication_id, subscription_id};

const SECOND: Duration = Duration::from_secs(1);

/// Returns what was told, in order, and forgets it.
fn told(world: &mut World) -> Vec<(u32, Statistics)> {
    world.take_events(|event| match event {
        Event::Statistics { part, streams, .. } => Some((*part, (**streams).clone())),
        _ => None,
    })
}

fn encodings(world: &mut World) -> Vec<EncodingStatistics> {
    let told = told(world).into_iter();
    told.flat_map(|(_, streams)| streams.encodings).collect()
}

fn subscriptions(world: &mut World) -> Vec<SubscriptionStatistics> {
    let told = told(world).into_iter();
    told.flat_map(|(_, streams)| streams.subscriptions)
        .collect()
}

/// Returns what was counted of each peer last.
fn traffic(world: &mut World) -> Vec<Traffic> {
    let told = told(world);
    let (_, last) = told.last().expect("peers are counted once a second");
    last.peers.iter().map(|peer| peer.traffic).collect()
}

/// A subscriber says that so many packets of the first subscription were lost.
fn report(world: &mut World, lost: i32) {
    let block = ReportBlock {
        ssrc: Ssrc(50_000),
        fraction_lost: 0,
        cumulative_lost: lost,
        highest_seq: 0,
        jitter: 900,
        last_sender_report: 0,
        delay: 0,
    };
    world.send_rtcp(1, |out| write_receiver_report(out, Ssrc(9), &[block]));
}

#[test]
fn what_comes_is_counted_once_and_what_came_again_is_not_lost() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let lost = source.next(false);
    let _given_up = source.next(false);
    world.send_rtp(0, &source.next(false));
    world.send_rtp(0, &retransmission(&lost, 1));
    world.send_rtp(0, &retransmission(&lost, 2));
    world.pass(Duration::from_millis(40));
    world.send_rtp(0, &source.next(false));
    world.pass(SECOND);
    let told = encodings(&mut world);
    let [encoding] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(encoding.publication, publication_id(0));
    assert_eq!(encoding.codec, Some(Codec::Vp8));
    assert_eq!((encoding.packets, encoding.pictures), (4, 4));
    assert_eq!(encoding.lost, 1);
}

#[test]
fn what_comes_from_a_peer_and_goes_to_it_is_counted_in_bytes() {
    let mut world = call(2);
    world.pass(SECOND);
    let before = traffic(&mut world);
    let packet = Source::video(CAMERA).next(true);
    world.send_rtp(0, &packet);
    world.pass(SECOND);
    let after = traffic(&mut world);
    let publisher = after[0].received - before[0].received;
    let subscriber = after[1].sent - before[1].sent;
    assert!(publisher >= packet.len() as u64, "{publisher}");
    assert!(subscriber >= packet.len() as u64, "{subscriber}");
    assert!(
        publisher + subscriber < 4 * packet.len() as u64,
        "{after:?}"
    );
    assert_eq!(after[1].received, before[1].received);
}

#[test]
fn what_a_subscriber_reports_is_lost_unless_it_never_came_from_the_publisher() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    for i in 0..10 {
        let packet = source.next(i == 0);
        if i != 5 {
            world.send_rtp(0, &packet);
        }
    }
    report(&mut world, 3);
    world.pass(SECOND);
    let told = subscriptions(&mut world);
    let [subscription] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(subscription.subscription, subscription_id(1));
    assert_eq!((subscription.packets, subscription.lost), (9, 2));
    assert_eq!(subscription.reports, 1);
    assert_eq!(subscription.jitter, Duration::from_millis(10));
    assert!(!subscription.paused);
}

#[test]
fn nobody_loses_more_than_was_sent_whatever_it_says() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    report(&mut world, 0x7f_ffff);
    world.send_rtp(0, &source.next(false));
    report(&mut world, -0x7f_ffff);
    world.pass(SECOND);
    let subscription = subscriptions(&mut world).pop().unwrap();
    assert_eq!((subscription.packets, subscription.lost), (2, 1));
    assert_eq!(subscription.reports, 2);
}

#[test]
fn the_layers_that_are_sent_and_wanted_are_told() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    for i in 0..60 {
        world.send_rtp(0, &source.next(i == 0));
        world.pass(Duration::from_millis(33));
    }
    let subscription = subscriptions(&mut world).pop().unwrap();
    assert_eq!(subscription.wanted, Some(Step::default()));
    assert_eq!(subscription.forwarded, Some(Step::default()));
}

#[test]
fn streams_that_stand_still_are_not_told_of_again() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.pass(SECOND);
    told(&mut world);
    world.pass(SECOND * 6);
    let told = told(&mut world);
    assert!(!told.is_empty());
    for (_, streams) in told {
        assert_eq!(streams.peers.len(), 2);
        assert!(streams.encodings.is_empty() && streams.subscriptions.is_empty());
    }
}

#[test]
fn many_streams_are_told_of_in_parts() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    for subscriber in 0..300 {
        let ssrc = 50_000 + 2 * subscriber;
        let peer = world.participants[1].id;
        world.command(Command::Subscribe {
            subscription: subscription_id(subscriber),
            publication: publication_id(0),
            peer,
            media: send(MediaKind::Video, "0", ssrc),
        });
    }
    world.join();
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.pass(SECOND * 2);
    let told = told(&mut world);
    let parts: Vec<_> = told.iter().map(|(part, _)| *part).collect();
    assert!(parts.contains(&0) && parts.contains(&1), "{parts:?}");
    let counted = told.iter().map(|(_, streams)| streams.subscriptions.len());
    assert_eq!(counted.sum::<usize>(), 300);
}

#[test]
fn who_is_silent_and_who_has_gone_is_seen_by_what_is_told_of_peers() {
    let mut world = World::with(2);
    world.pass(SECOND * 6);
    let peers = |world: &mut World| -> Vec<PeerStatistics> {
        let (_, streams) = told(world).pop().unwrap();
        streams.peers
    };
    let silences = peers(&mut world);
    assert!(silences.iter().all(|peer| peer.silence > SECOND * 3));
    let peer = world.participants[0].id;
    world.command(Command::RemovePeer { peer });
    world.check(1);
    world.pass(SECOND * 5);
    let left = peers(&mut world);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].peer, world.participants[1].id);
}

#[test]
fn what_a_subscribers_link_carries_is_told() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.pass(SECOND);
    let (_, streams) = told(&mut world).pop().unwrap();
    let links: Vec<_> = streams.peers.iter().map(|peer| peer.link).collect();
    assert_eq!(links[0], None);
    assert!(links[1].unwrap().estimate.0 > 1_000_000);
}
