//! Forwarding allocates nothing, on the publisher's shard and on another, once buffers have grown to the load.
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

use media::{CAMERA, Source, camera, publish, send, subscribe};
use sfu_core::{ExportBatch, Shard};
use sfu_model::{Command, MediaKind, Now, ShardIndex, SubscriptionId};
use world::{HOME, World, publication_id, subscription_id};

const FAR: ShardIndex = ShardIndex(1);

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// More than the publisher's ring and a subscriber's sequencer hold.
const WARM_UP: usize = 3_000;
/// Packets that come in one tick, and the ticks that are counted.
const BURST: usize = 7;
const TICKS: usize = 100;

/// A camera with subscribers on its own shard and on another.
struct Pair {
    home: World,
    far: World,
    batch: ExportBatch,
    buf: Vec<u8>,
}

impl Pair {
    fn with(subscribers: u32) -> Self {
        let (mut home, mut far) = (World::of(HOME, 2), World::of(FAR, 2));
        far.now = home.now;
        home.join();
        publish(&mut home, camera());
        for subscriber in 0..subscribers {
            home.join();
            subscribe(
                &mut home,
                subscriber + 1,
                send(MediaKind::Video, "0", 50_000),
            );
            let place = far.join();
            far.command(Command::Subscribe {
                subscription: SubscriptionId {
                    shard: FAR,
                    ..subscription_id(subscriber)
                },
                publication: publication_id(0),
                peer: far.participants[place].id,
                media: send(MediaKind::Video, "0", 50_000),
            });
        }
        Self {
            home,
            far,
            batch: ExportBatch::default(),
            buf: Vec::new(),
        }
    }

    fn sealed(&mut self, source: &mut Source, key_frame: bool) -> Vec<u8> {
        let packet = source.next_of(1_100, key_frame);
        self.home.seal_rtp(0, &packet)
    }

    /// Has the shard take datagrams of the publisher, and takes what both send. Returns how much
    /// that is.
    fn tick(&mut self, datagrams: &mut [Vec<u8>]) -> [usize; 2] {
        let now = self.home.now;
        let (home, far) = (&mut self.home.shard, &mut self.far.shard);
        let path = self.home.participants[0].path;
        for datagram in datagrams {
            home.handle_datagram(now, path, datagram);
        }
        if home.poll_export(FAR, &mut self.batch) {
            assert!(far.handle_export(now, HOME, &mut self.batch));
        }
        let sent = [&mut *home, &mut *far].map(|shard| drain(shard, now, &mut self.buf));
        if far.poll_export(HOME, &mut self.batch) {
            assert!(home.handle_export(now, FAR, &mut self.batch));
        }
        sent
    }
}

/// Takes what a shard sends.
fn drain(shard: &mut Shard, now: Now, buf: &mut Vec<u8>) -> usize {
    let mut sent = 0;
    while let Some(transmit) = shard.poll_transmit(now, buf) {
        sent += transmit.layout.count(buf.len());
    }
    while shard.poll_event().is_some() {}
    sent
}

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let subscribers = 20;
    let mut pair = Pair::with(subscribers);
    let mut source = Source::video(CAMERA);
    // The other shard has asked for the camera by the second burst.
    for i in 0..WARM_UP / BURST {
        let burst = (0..BURST).map(|j| pair.sealed(&mut source, i < 2 && j == 0));
        let mut burst: Vec<_> = burst.collect();
        pair.tick(&mut burst);
        pair.home.now = pair.home.now.after(Duration::from_millis(10));
    }
    let packets = (0..TICKS * BURST).map(|_| pair.sealed(&mut source, false));
    let mut packets: Vec<_> = packets.collect();

    let before = dhat::HeapStats::get().total_blocks;
    let mut sent = [0; 2];
    for burst in packets.chunks_mut(BURST) {
        let [home, far] = pair.tick(burst);
        sent = [sent[0] + home, sent[1] + far];
    }
    let allocations = dhat::HeapStats::get().total_blocks - before;
    assert_eq!(sent, [TICKS * BURST * subscribers as usize; 2]);
    assert_eq!(allocations, 0);
}
