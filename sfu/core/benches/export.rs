//! What it costs that the subscribers of a publication live on another shard, without sockets:
//! `cargo bench -p sfu-core --bench export`.
//!
//! Prints nanoseconds for each packet on the publisher's shard, which decrypts and copies it once, and
//! on the subscribers' shard for each packet to one of them; the best of many batches.

#![expect(clippy::print_stdout, reason = "a bench reports to who runs it")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(
    dead_code,
    unused_imports,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "the clients are those of the tests"
)]

#[path = "../../transport/tests/transport/check.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of sfu-transport")]
mod check;
#[path = "../../transport/tests/transport/client.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of sfu-transport")]
mod client;
#[path = "../tests/shard/media.rs"]
mod media;
#[path = "../tests/shard/world.rs"]
mod world;

use std::time::{Duration, Instant};

use sfu_core::ExportBatch;
use sfu_model::{MediaKind, ShardIndex};

use media::{CAMERA, Source, camera, publish, send, subscribe};
use world::{HOME, World};

const FAR: ShardIndex = ShardIndex(1);

/// Packets that are handled before anything is taken out: a picture.
const BURST: usize = 7;

const LEN: usize = 1_150;

fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    let batches = if once { 1 } else { 40 };
    for subscribers in [1, 10, 100] {
        let mut crossing = Crossing::to(subscribers);
        crossing.batch(4);
        let pictures = 20_000 / subscribers as usize / BURST + 1;
        let costs: Vec<_> = (0..batches).map(|_| crossing.batch(pictures)).collect();
        let packets = pictures * BURST;
        let here = best(costs.iter().map(|cost| cost.here), packets);
        let there = best(
            costs.iter().map(|cost| cost.there),
            packets * subscribers as usize,
        );
        println!("Video to {subscribers} on another shard: {here:.0} ns here, {there:.0} ns there");
    }
}

fn best(times: impl Iterator<Item = Duration>, count: usize) -> f64 {
    times.min().unwrap_or_default().as_secs_f64() * 1e9 / count as f64
}

/// How long each of two shards took.
#[derive(Clone, Copy, Default)]
struct Cost {
    here: Duration,
    there: Duration,
}

/// A camera of one shard and its subscribers on another.
struct Crossing {
    home: World,
    far: World,
    source: Source,
    pictures: u64,
}

impl Crossing {
    fn to(subscribers: u32) -> Self {
        let (mut home, mut far) = (World::of(HOME, 2), World::of(FAR, 2));
        home.join();
        publish(&mut home, camera());
        for subscriber in 0..subscribers {
            far.join();
            subscribe(&mut far, subscriber, send(MediaKind::Video, "0", 50_000));
        }
        let mut crossing = Self {
            home,
            far,
            source: Source::video(CAMERA),
            pictures: 0,
        };
        crossing.exchange();
        crossing
    }

    /// Carries over what the shards have for each other. Returns how long the second one took.
    fn exchange(&mut self) -> Duration {
        let mut batch = ExportBatch::default();
        while self.far.shard.poll_export(HOME, &mut batch) {
            self.home
                .shard
                .handle_export(self.home.now, FAR, &mut batch);
        }
        let begin = Instant::now();
        let mut buf = Vec::new();
        while self.home.shard.poll_export(FAR, &mut batch) {
            let far = &mut self.far;
            while !far.shard.handle_export(far.now, HOME, &mut batch) {
                while far.shard.poll_transmit(far.now, &mut buf).is_some() {}
            }
            while far.shard.poll_transmit(far.now, &mut buf).is_some() {}
        }
        begin.elapsed()
    }

    /// Sends pictures.
    fn batch(&mut self, pictures: usize) -> Cost {
        let mut cost = Cost::default();
        for _ in 0..pictures {
            let mut datagrams: Vec<_> = (0..BURST).map(|_| self.datagram()).collect();
            let home = &mut self.home;
            let path = home.participants[0].path;
            let begin = Instant::now();
            for datagram in &mut datagrams {
                home.shard.handle_datagram(home.now, path, datagram);
            }
            cost.here += begin.elapsed();
            cost.there += self.exchange();
            for world in [&mut self.home, &mut self.far] {
                while world.shard.poll_event().is_some() {}
                world.now = world.now.after(Duration::from_millis(1));
            }
        }
        cost
    }

    fn datagram(&mut self) -> Vec<u8> {
        let packet = self.source.next_of(LEN, self.pictures == 0);
        self.pictures += 1;
        self.home.seal_rtp(0, &packet)
    }
}
