//! The estimator on links, under a virtual clock: the cases of RFC 8867, steady links, and radio links that lose by
//! themselves. Each case prints its figures and holds the aims that are reached; `README.md` has them all.

#![expect(clippy::print_stdout, reason = "figures are what these tests are for")]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what does not hold here fails the test"
)]

mod figures;
mod media;
mod rfc8867;
mod single;
mod tcp;
mod world;

use std::time::Duration;

use sfu_link::{Schedule, Script};

use crate::media::{Media, Source};
use crate::world::{Passed, World};

/// The path of RFC 8867 section 5, as the first line of a script: 50 ms each way, a queue of 300 ms, jitter.
const PATH: &str = "0s down delay=50ms jitter=10ms queue=300ms\n";

/// A path as a script has it, of lines for the way there.
fn path(lines: &str) -> Schedule {
    Script::read(&format!("{PATH}{lines}")).unwrap().down
}

/// A path whose capacity changes: kilobits per second from these seconds on.
fn varying(steps: &[(u64, u64)]) -> Schedule {
    let lines = steps
        .iter()
        .map(|(from, kbit)| format!("{from}s down rate={kbit}kbit\n"));
    path(&lines.collect::<String>())
}

/// The way back of feedback, which carries anything.
fn back() -> Schedule {
    path("0s down jitter=0ms\n")
}

/// A flow, after how long it begins, and how much longer its way is, each way.
struct Member {
    media: Media,
    start: Duration,
    delay: Duration,
}

impl Member {
    /// A video that begins after so many seconds.
    fn video(start: u64) -> Self {
        Self {
            media: Media::new(Source::Video(3e6)),
            start: Duration::from_secs(start),
            delay: Duration::ZERO,
        }
    }
}

/// Runs flows for so many seconds.
fn run(forward: Schedule, members: &mut [Member], seconds: u64) -> Vec<Passed> {
    let mut world = World::new(forward, back(), 1);
    for member in members {
        world.add(&mut member.media, member.start, member.delay);
    }
    world.run(Duration::from_secs(seconds))
}

/// Runs one flow.
fn one(source: Source, forward: Schedule, seconds: u64) -> (Media, Vec<Passed>) {
    let mut members = [Member {
        media: Media::new(source),
        ..Member::video(0)
    }];
    let passed = run(forward, &mut members, seconds);
    let [member] = members;
    (member.media, passed)
}
