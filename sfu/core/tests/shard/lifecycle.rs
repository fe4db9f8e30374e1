//! Peers come, move and go.

use std::time::Duration;

use sfu_core::{DropReason, TimerReason};
use sfu_model::{CloseReason, Command, Event, IceCredentials, MediaKind, Path, ShardIndex};
use sfu_transport::{PacketKind, classify};

use crate::media::{CAMERA, Source, call, send, subscribe};
use crate::world::{World, publication_id, subscription_id};

fn closed(world: &mut World) -> Vec<(u32, CloseReason)> {
    world.take_events(|event| match event {
        Event::PeerClosed { peer, reason } => Some((peer.index, *reason)),
        _ => None,
    })
}

#[test]
fn a_removed_peer_leaves_nothing_behind() {
    let mut world = call(3);
    let mut source = Source::video(CAMERA);
    for i in 0..5 {
        world.send_rtp(0, &source.next(i == 0));
    }
    let counters = world.shard.counters();
    assert_eq!(
        (
            counters.peers,
            counters.publications,
            counters.subscriptions
        ),
        (3, 1, 2)
    );
    world.command(Command::RemovePeer {
        peer: world.participants[1].id,
    });
    assert_eq!(world.shard.counters().subscriptions, 1);
    for place in [0, 2] {
        world.command(Command::RemovePeer {
            peer: world.participants[place].id,
        });
    }
    let counters = world.shard.counters();
    assert_eq!(
        (
            counters.peers,
            counters.publications,
            counters.subscriptions
        ),
        (0, 0, 0)
    );
    world.exchange();
    assert!(world.participants.iter().all(|one| one.client.closed));
    assert_eq!(world.shard.poll_timeout(), None);
    assert_eq!(closed(&mut world), []);
}

#[test]
fn what_a_removed_peer_sends_is_a_strangers() {
    let mut world = call(2);
    world.command(Command::RemovePeer {
        peer: world.participants[0].id,
    });
    world.exchange();
    let strange = world.shard.counters().dropped(DropReason::UnknownPath);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.check(0);
    let counters = world.shard.counters();
    assert_eq!(counters.dropped(DropReason::UnknownPath), strange + 1);
    assert_eq!(counters.dropped(DropReason::UnknownUfrag), 1);
}

#[test]
fn an_unpublished_track_takes_its_subscriptions_along() {
    let mut world = call(3);
    world.command(Command::Unpublish {
        publication: publication_id(0),
    });
    let counters = world.shard.counters();
    assert_eq!((counters.publications, counters.subscriptions), (0, 0));
    // Late commands about it are dropped.
    world.command(Command::Unsubscribe {
        subscription: subscription_id(1),
    });
    subscribe(&mut world, 1, send(MediaKind::Video, "0", 50_000));
    assert_eq!(world.shard.counters().subscriptions, 0);
}

#[test]
fn a_silent_peer_is_told_of_and_then_closed() {
    let mut world = World::with(1);
    world.participants[0].deaf = true;
    world.pass(Duration::from_secs(11));
    let silent = world.take_events(|event| match event {
        Event::PeerSilent { peer } => Some(peer.index),
        _ => None,
    });
    assert_eq!(silent, [0]);
    world.check(0);
    world.exchange();
    let resumed = world.take_events(|event| match event {
        Event::PeerResumed { peer } => Some(peer.index),
        _ => None,
    });
    assert_eq!(resumed, [0]);
    world.pass(Duration::from_secs(16));
    assert_eq!(closed(&mut world), [(0, CloseReason::TimedOut)]);
    assert_eq!(world.shard.counters().peers, 0);
}

#[test]
fn an_idle_peer_is_seldom_woken() {
    let mut world = World::with(1);
    world.pass(Duration::from_secs(1));
    let expected = [TimerReason::Transport, TimerReason::Statistics];
    let mut wakes = 0;
    for _ in 0..30 {
        world.check(0);
        world.exchange();
        let end = world.now.after(Duration::from_secs(2));
        while let Some(deadline) = world.shard.poll_timeout()
            && deadline.at <= end.mono
        {
            assert!(expected.contains(&deadline.reason), "{deadline:?}");
            let step = deadline.at.saturating_duration_since(world.now.mono);
            world.now = world.now.after(step);
            world.shard.handle_timeout(world.now);
            world.exchange();
            wakes += 1;
        }
        world.now = end;
    }
    assert!(wakes <= 30, "woken {wakes} times in a minute");
}

#[test]
fn a_peer_keeps_its_media_over_a_change_of_address() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.participants[1].path.remote = ([203, 0, 113, 5], 9_999).into();
    world.check(1);
    world.exchange();
    world.send_rtp(0, &source.next(false));
    assert_eq!(world.participants[1].rtp.len(), 2);
}

#[test]
fn an_address_that_another_peer_takes_over_leads_to_that_one() {
    let mut world = World::with(1);
    let second = world.join_unconnected();
    world.participants[second].path = world.participants[0].path;
    world.participants[0].path.remote = ([203, 0, 113, 5], 1).into();
    world.check(second);
    for _ in 0..10 {
        world.exchange();
        world.pass(Duration::from_millis(20));
    }
    assert!(world.participants[second].client.connected);
}

#[test]
fn checks_by_restarted_credentials_are_answered() {
    let mut world = World::with(1);
    let local = IceCredentials::generate(ShardIndex(0), [99; 34]);
    world.command(Command::RestartIce {
        peer: world.participants[0].id,
        local: local.clone(),
    });
    world.participants[0].local = local;
    world.participants[0].path.remote = ([203, 0, 113, 5], 77).into();
    let before = world.shard.counters().datagrams_out;
    world.check(0);
    world.exchange();
    assert_eq!(world.shard.counters().datagrams_out, before + 1);
}

#[test]
fn nothing_is_sent_to_an_address_that_another_peer_took_over() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let third = world.join_unconnected();
    world.participants[third].path = world.participants[1].path;
    world.check(third);
    world.exchange();
    let before = world.shard.counters().datagrams_out;
    world.send_rtp(0, &source.next(false));
    assert_eq!(world.shard.counters().datagrams_out, before);
}

#[test]
fn a_check_alone_takes_no_address_from_its_peer() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let third = world.join_unconnected();
    world.participants[third].path = world.participants[1].path;
    world.participants[third].deaf = true;
    for _ in 0..20 {
        world.check(third);
        world.exchange();
        world.send_rtp(0, &source.next(false));
    }
    assert_eq!(world.participants[1].rtp.len(), 21);
}

#[test]
fn media_goes_to_no_address_that_does_not_answer() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let home = world.participants[1].path;
    let victim = Path {
        remote: ([203, 0, 113, 5], 53).into(),
        ..home
    };
    let mut check = world.check_of(1).bytes();
    world.shard.handle_datagram(world.now, victim, &mut check);
    let mut buf = Vec::new();
    let mut checks = 0;
    for _ in 0..200 {
        world.handle_rtp(0, &source.next(false));
        while let Some(transmit) = world.shard.poll_transmit(world.now, &mut buf) {
            if transmit.path == victim {
                assert_eq!(classify(&buf), PacketKind::Stun);
                checks += 1;
            } else {
                world.deliver(transmit, &buf);
            }
        }
        world.pass(Duration::from_millis(10));
    }
    assert!(checks <= 5, "{checks}");
    assert_eq!(world.participants[1].rtp.len(), 201);
}

#[test]
fn a_key_frame_is_asked_for_when_a_subscriber_connects() {
    let mut world = call(1);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let late = world.join_unconnected();
    subscribe(&mut world, 1, send(MediaKind::Video, "0", 50_000));
    assert_eq!(world.shard.counters().plis_out, 0);
    world.connect(late);
    assert_eq!(world.shard.counters().plis_out, 1);
}

#[test]
fn a_path_that_another_peer_took_stays_with_it_when_its_former_one_leaves() {
    let mut world = World::with(2);
    let path = world.participants[0].path;
    let mut check = world.check_of(1).bytes();
    world.shard.handle_datagram(world.now, path, &mut check);
    world.participants[1].path = path;
    world.exchange();
    let peer = world.participants[0].id;
    world.command(Command::RemovePeer { peer });
    let before = world.shard.counters().dropped(DropReason::UnknownPath);
    let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
    world.shard.handle_datagram(world.now, path, &mut report);
    let after = world.shard.counters().dropped(DropReason::UnknownPath);
    assert_eq!(after, before);
    let peer = world.participants[1].id;
    world.command(Command::RemovePeer { peer });
    world.shard.handle_datagram(world.now, path, &mut report);
    let after = world.shard.counters().dropped(DropReason::UnknownPath);
    assert_eq!(after, before + 1);
}
