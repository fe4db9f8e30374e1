//! Forwarding allocates nothing once buffers have grown to the load.
//!
//! A binary of its own and without the test harness, because it counts what the whole process
//! allocates.

#![allow(
    dead_code,
    unused_imports,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking; the clients are those of the other tests"
)]

#[path = "../../transport/tests/transport/check.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of sfu-transport")]
mod check;
#[path = "../../transport/tests/transport/client.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of sfu-transport")]
mod client;
#[path = "shard/media.rs"]
mod media;
#[path = "shard/world.rs"]
mod world;

use std::time::Duration;

use media::{CAMERA, Source, call};
use world::World;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// More than the publisher's ring and a subscriber's sequencer hold.
const WARM_UP: usize = 3_000;
/// Packets that come in one tick, and the ticks that are counted.
const BURST: usize = 7;
const TICKS: usize = 100;

fn sealed(world: &mut World, source: &mut Source, key_frame: bool) -> Vec<u8> {
    let packet = source.next_of(1_100, key_frame);
    world.seal_rtp(0, &packet)
}

/// Has the shard take datagrams of the publisher, and takes what it sends.
fn tick(world: &mut World, buf: &mut Vec<u8>, datagrams: &mut [Vec<u8>]) -> usize {
    let path = world.participants[0].path;
    for datagram in datagrams {
        world.shard.handle_datagram(world.now, path, datagram);
    }
    let mut sent = 0;
    while let Some(transmit) = world.shard.poll_transmit(world.now, buf) {
        sent += transmit
            .segment_size
            .map_or(1, |len| buf.len().div_ceil(len));
    }
    sent
}

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let subscribers = 20;
    let mut world = call(1 + subscribers);
    let mut source = Source::video(CAMERA);
    let mut buf = Vec::new();
    for i in 0..WARM_UP / BURST {
        let burst = (0..BURST).map(|j| sealed(&mut world, &mut source, i + j == 0));
        let mut burst: Vec<_> = burst.collect();
        tick(&mut world, &mut buf, &mut burst);
        while world.shard.poll_event().is_some() {}
        world.now = world.now.after(Duration::from_millis(10));
    }
    let packets = (0..TICKS * BURST).map(|_| sealed(&mut world, &mut source, false));
    let mut packets: Vec<_> = packets.collect();

    let before = dhat::HeapStats::get().total_blocks;
    let mut sent = 0;
    for burst in packets.chunks_mut(BURST) {
        sent += tick(&mut world, &mut buf, burst);
    }
    let allocations = dhat::HeapStats::get().total_blocks - before;
    assert_eq!(sent, TICKS * BURST * subscribers as usize);
    assert_eq!(allocations, 0);
}
