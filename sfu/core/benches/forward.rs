//! What a forwarded packet costs a shard, from datagram to datagram, without sockets:
//! `cargo bench -p sfu-core`.
//!
//! One publisher with clients of the tests around it. Prints nanoseconds for each packet to a
//! subscriber, the best of many batches: decrypting and parsing are shared by all subscribers, choosing,
//! munging and encrypting are not. Then the same, the median, for packets that come one by one and find
//! nothing in the processor's caches: beside a kernel and other programs the truth is between the two.
//! `cargo bench -p sfu-core -- --once` runs every case a single time, to count instructions under
//! Callgrind.

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

use sfu_model::{MediaKind, ReceiveEncoding, ReceiveMedia};

use media::{CAMERA, MICROPHONE, Source, camera, publish, receive, send, subscribe};
use world::World;

/// Packets that are handled before the shard's output is taken: a picture.
const BURST: usize = 7;

/// More bytes than the caches hold.
const CACHES: usize = 1 << 26;

fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    let batches = if once { 1 } else { 40 };
    for (kind, len) in [(MediaKind::Video, 1_150), (MediaKind::Audio, 100)] {
        for subscribers in [1, 10, 100] {
            let mut call = Call::new(kind, len, subscribers);
            let best = call.forward(batches);
            let cold = if once {
                f64::NAN
            } else {
                call.forward_cold(batches)
            };
            println!("{kind:?} of {len} bytes to {subscribers}: {best:.0} ns, cold {cold:.0} ns");
        }
    }
}

/// One publisher and those who subscribe to it.
struct Call {
    world: World,
    stream: Stream,
    subscribers: usize,
}

impl Call {
    fn new(kind: MediaKind, len: usize, subscribers: u32) -> Self {
        let mut world = World::with(1 + subscribers);
        let (media, source) = match kind {
            MediaKind::Video => (camera(), Source::video(CAMERA)),
            MediaKind::Audio => (microphone(), Source::audio(MICROPHONE)),
        };
        publish(&mut world, media);
        for subscriber in 1..=subscribers {
            subscribe(&mut world, subscriber, send(kind, "0", 50_000));
        }
        let mut stream = Stream {
            kind,
            source,
            len,
            pictures: 0,
        };
        // The first picture is a key frame, and buffers grow.
        stream.batch(&mut world, 4 * BURST, BURST, || ());
        Self {
            world,
            stream,
            subscribers: subscribers as usize,
        }
    }

    /// Returns the nanoseconds for one packet to one subscriber, in the best batch.
    fn forward(&mut self, batches: usize) -> f64 {
        let packets = (20_000 / self.subscribers / BURST + 1) * BURST;
        let mut batch = || self.stream.batch(&mut self.world, packets, BURST, || ());
        let times = (0..batches).map(|_| batch());
        let best = times.min().unwrap_or_default();
        best.as_secs_f64() * 1e9 / (packets * self.subscribers) as f64
    }

    /// Returns the nanoseconds for one packet to one subscriber in the middlemost batch, when each packet
    /// comes alone and finds the caches full of other things.
    fn forward_cold(&mut self, batches: usize) -> f64 {
        let mut others = vec![0_u8; CACHES];
        let sweep = || others.iter_mut().step_by(64).for_each(|byte| *byte += 1);
        let mut batch = {
            let (stream, world) = (&mut self.stream, &mut self.world);
            let mut sweep = sweep;
            move || stream.batch(world, 1, 1, &mut sweep)
        };
        let mut times: Vec<_> = (0..batches).map(|_| batch()).collect();
        times.sort_unstable();
        let median = times[times.len() / 2];
        median.as_secs_f64() * 1e9 / self.subscribers as f64
    }
}

fn microphone() -> ReceiveMedia {
    let encoding = ReceiveEncoding {
        ssrc: Some(MICROPHONE),
        ..ReceiveEncoding::default()
    };
    receive(MediaKind::Audio, "0", &[encoding])
}

/// What the publisher sends.
struct Stream {
    kind: MediaKind,
    source: Source,
    len: usize,
    pictures: u64,
}

impl Stream {
    /// Sends packets, `burst` of them at once with `before` before each burst. Returns how long the shard took.
    fn batch(
        &mut self,
        world: &mut World,
        packets: usize,
        burst: usize,
        mut before: impl FnMut(),
    ) -> Duration {
        let mut elapsed = Duration::ZERO;
        let mut buf = Vec::new();
        for _ in 0..packets / burst {
            let mut datagrams: Vec<_> = (0..burst).map(|_| self.datagram(world)).collect();
            let path = world.participants[0].path;
            before();
            let begin = Instant::now();
            for datagram in &mut datagrams {
                world.shard.handle_datagram(world.now, path, datagram);
            }
            while world.shard.poll_transmit(world.now, &mut buf).is_some() {}
            elapsed += begin.elapsed();
            while world.shard.poll_event().is_some() {}
            world.now = world.now.after(Duration::from_millis(1));
        }
        elapsed
    }

    fn datagram(&mut self, world: &mut World) -> Vec<u8> {
        let packet = match self.kind {
            MediaKind::Video => self.source.next_of(self.len, self.pictures == 0),
            MediaKind::Audio => self.source.frame(&vec![7; self.len]),
        };
        self.pictures += 1;
        world.seal_rtp(0, &packet)
    }
}
