//! Calls between peers of different shards, with real sockets on loopback and the clocks of the
//! system.

#![cfg(test)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod caller;
#[path = "../../../transport/tests/transport/check.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of sfu-transport"
)]
mod check;
#[path = "../../../transport/tests/transport/client.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of sfu-transport"
)]
mod client;
mod media;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_core::ShardConfig;
use sfu_driver::{MediaConfig, MediaPlane, ThreadHealth, UdpAddresses};
use sfu_model::{Command, Event, PeerId, PublicationId, RoomIndex, ShardIndex, SubscriptionId};
use sfu_transport::TransportConfig;

use caller::Caller;

/// Time after which something that must come counts as missing.
const PATIENCE: Duration = Duration::from_secs(20);

const ROOM: RoomIndex = RoomIndex(1);

/// Receivers, by turns on each of two shards: with one port, it is most unlikely that the kernel
/// leads all of them to their own.
const RECEIVERS: u32 = 8;

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn start(udp: UdpAddresses) -> MediaPlane {
    start_with(udp, drop)
}

fn start_with(udp: UdpAddresses, sink: impl FnMut(Event) + Clone + Send + 'static) -> MediaPlane {
    let certificate = TransportConfig::generate().unwrap();
    let config = MediaConfig {
        udp,
        tcp: Vec::new(),
        shard: ShardConfig::new(Arc::new(certificate)),
        seeds: vec![[7; 32], [8; 32]],
    };
    MediaPlane::start(&config, sink).unwrap()
}

/// Sends as a room does that never has to wait.
fn send(plane: &MediaPlane, commands: impl IntoIterator<Item = Command>) {
    let mut lane = plane.lane();
    let sending = std::pin::pin!(lane.send(commands));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(sending.poll(&mut context).is_ready());
}

fn peer_id(index: u32) -> PeerId {
    PeerId {
        room: ROOM,
        index,
        shard: ShardIndex(u16::try_from(index % 2).unwrap()),
    }
}

/// Connects a publisher and receivers on both shards, and has the publisher's pictures reach all.
fn call(plane: &MediaPlane) {
    let mut callers: Vec<Caller> = (0..=RECEIVERS)
        .map(|index| Caller::join(plane, peer_id(index)))
        .collect();
    let patience = Instant::now() + PATIENCE;
    while !callers.iter().all(Caller::is_connected) {
        assert!(Instant::now() < patience, "not all are connected");
        callers.iter_mut().for_each(Caller::turn);
    }
    let publisher = peer_id(0);
    let publication = PublicationId {
        room: ROOM,
        index: 0,
        shard: publisher.shard,
    };
    let publish = Command::Publish {
        publication,
        peer: publisher,
        media: media::received(),
    };
    let subscribe = (1..=RECEIVERS).map(|index| Command::Subscribe {
        subscription: SubscriptionId {
            room: ROOM,
            index,
            shard: peer_id(index).shard,
        },
        publication,
        peer: peer_id(index),
        media: media::sent(),
    });
    send(plane, [publish].into_iter().chain(subscribe));
    let (publisher, receivers) = callers.split_first_mut().unwrap();
    let mut picture = 0;
    while !receivers.iter().all(|receiver| receiver.pictures >= 10) {
        assert!(Instant::now() < patience, "some see nothing");
        publisher.send(&media::picture(picture));
        picture += 1;
        publisher.turn();
        receivers.iter_mut().for_each(Caller::turn);
    }
}

#[test]
fn peers_of_two_shards_with_a_port_each_see_each_other() {
    let plane = start(UdpAddresses::OfEach(vec![
        vec![loopback()],
        vec![loopback()],
    ]));
    assert_ne!(plane.addresses()[0].udp, plane.addresses()[1].udp);
    call(&plane);
}

#[test]
fn peers_of_two_shards_with_one_port_see_each_other() {
    let plane = start(UdpAddresses::Shared(vec![loopback()]));
    assert_eq!(plane.addresses()[0].udp, plane.addresses()[1].udp);
    call(&plane);
}

#[test]
fn a_shard_whose_thread_has_ended_is_told_and_the_others_go_on() {
    let ports = UdpAddresses::OfEach(vec![vec![loopback()], vec![loopback()]]);
    let plane = start_with(ports, |event| {
        assert!(
            !matches!(event, Event::PeerConnected { .. }),
            "a fault, as this test has it"
        );
    });
    assert!(plane.health().is_good());
    let mut caller = Caller::join(&plane, peer_id(1));
    let patience = Instant::now() + PATIENCE;
    while plane.health().is_good() {
        assert!(Instant::now() < patience, "nobody notices");
        caller.turn();
    }
    let health = plane.health().shards;
    assert_eq!(health, [ThreadHealth::Running, ThreadHealth::Ended]);
    // Who still sends to it is not held up.
    send(&plane, [Command::RemovePeer { peer: peer_id(1) }]);
}

#[test]
fn a_shared_port_is_shared_with_no_other_media_plane() {
    let plane = start(UdpAddresses::Shared(vec![loopback()]));
    let taken = plane.addresses()[0].udp[0];
    let certificate = TransportConfig::generate().unwrap();
    let config = MediaConfig {
        udp: UdpAddresses::Shared(vec![taken]),
        tcp: Vec::new(),
        shard: ShardConfig::new(Arc::new(certificate)),
        seeds: vec![[7; 32], [8; 32]],
    };
    let failed = MediaPlane::start(&config, drop).unwrap_err();
    let words = format!("UDP address {taken} cannot be bound");
    assert!(failed.to_string().starts_with(&words), "{failed}");
}
