//! Calls between peers of different shards, with real sockets on loopback and the clocks of the
//! system.

#![cfg(test)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod call;
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
use sfu_model::{Command, Event, ShardIndex};
use sfu_transport::TransportConfig;

use call::{Call, peer_id};
use caller::Caller;

/// Time after which something that must come counts as missing.
const PATIENCE: Duration = Duration::from_secs(20);

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

/// A plane of two shards, the second of which fails as soon as a peer connects there.
fn start_failing() -> MediaPlane {
    let ports = UdpAddresses::of_each(vec![vec![loopback()], vec![loopback()]]);
    start_with(ports, |event| {
        let Event::PeerConnected { peer, .. } = event else {
            return;
        };
        assert_eq!(peer.shard, ShardIndex(0), "a fault, as this test has it");
    })
}

/// Has the second shard of such a plane fail, and waits until that is noticed.
fn fail(plane: &MediaPlane) {
    let mut caller = Caller::join(plane, peer_id(1));
    let patience = Instant::now() + PATIENCE;
    while plane.health().is_good() {
        assert!(Instant::now() < patience, "nobody notices");
        caller.turn();
    }
}

/// The indices of a publisher and of receivers on both shards.
fn all() -> Vec<u32> {
    (0..=RECEIVERS).collect()
}

#[test]
fn peers_of_two_shards_with_a_port_each_see_each_other() {
    let plane = start(UdpAddresses::of_each(vec![
        vec![loopback()],
        vec![loopback()],
    ]));
    assert_ne!(plane.addresses()[0].udp, plane.addresses()[1].udp);
    Call::begin(&plane, &all()).go_on();
}

#[test]
fn peers_of_two_shards_with_one_port_see_each_other() {
    let plane = start(UdpAddresses::shared(vec![loopback()]));
    assert_eq!(plane.addresses()[0].udp, plane.addresses()[1].udp);
    Call::begin(&plane, &all()).go_on();
}

#[test]
fn peers_see_each_other_by_ports_of_their_shards_and_by_one_that_is_shared() {
    let plane = start(UdpAddresses {
        of_each: vec![vec![loopback()], vec![loopback()]],
        shared: vec![loopback()],
    });
    let [first, second] = plane.addresses() else {
        panic!("two shards");
    };
    assert_ne!(first.udp[0], second.udp[0]);
    assert_eq!(first.udp[1], second.udp[1]);
    Call::begin(&plane, &all()).go_on();
}

#[test]
fn a_shard_whose_thread_has_ended_is_told() {
    let plane = start_failing();
    assert!(plane.health().is_good());
    fail(&plane);
    let health = plane.health().shards;
    assert_eq!(health, [ThreadHealth::Running, ThreadHealth::Ended]);
}

#[test]
fn a_call_goes_on_when_the_thread_of_another_shard_ends() {
    let plane = start_failing();
    let mut call = Call::begin(&plane, &[0, 2]);
    call.go_on();
    fail(&plane);
    call.go_on();
    Call::begin(&plane, &[4, 6]).go_on();
}

#[test]
fn whoever_sends_to_a_shard_whose_thread_has_ended_is_not_held_up() {
    let plane = start_failing();
    fail(&plane);
    let gone = || Command::RemovePeer { peer: peer_id(1) };
    // More than may wait in the mailbox of a shard that carries them out.
    send(&plane, std::iter::repeat_with(gone).take(10_000));
}

#[test]
fn a_shared_port_is_shared_with_no_other_media_plane() {
    let plane = start(UdpAddresses::shared(vec![loopback()]));
    let taken = plane.addresses()[0].udp[0];
    let certificate = TransportConfig::generate().unwrap();
    let config = MediaConfig {
        udp: UdpAddresses::shared(vec![taken]),
        tcp: Vec::new(),
        shard: ShardConfig::new(Arc::new(certificate)),
        seeds: vec![[7; 32], [8; 32]],
    };
    let failed = MediaPlane::start(&config, drop).unwrap_err();
    let words = format!("UDP address {taken} cannot be bound");
    assert!(failed.to_string().starts_with(&words), "{failed}");
}
