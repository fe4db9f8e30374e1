//! Flows that share a link, under one virtual clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use sfu_link::{Fate, Link, Random, Schedule, Seed};

/// Where virtual time begins.
static BEGIN: LazyLock<Instant> = LazyLock::new(|| {
    #[expect(clippy::disallowed_methods, reason = "only differences from it count")]
    Instant::now()
});

/// What travels towards a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Packet {
    pub(crate) seq: u64,
    pub(crate) bytes: usize,
}

/// What a receiver tells its sender: packets with their arrivals.
pub(crate) type Report = Vec<(u64, Option<Duration>)>;

/// One sender and its receiver.
pub(crate) trait Flow {
    /// Lets the sender act, and returns when it will next.
    fn wake(&mut self, now: Instant, way: &mut Way<'_>) -> Option<Instant>;
    /// A packet reaches the receiver, which may answer.
    fn arrives(&mut self, now: Instant, packet: Packet) -> Option<Report>;
    /// A report reaches the sender.
    fn told(&mut self, now: Instant, report: &Report);
}

/// What one flow may do with the link.
pub(crate) struct Way<'a> {
    flow: usize,
    now: Instant,
    link: &'a mut Link,
    delay: Duration,
    events: &'a mut Events,
    passed: &'a mut Passed,
}

/// What became of a flow's packets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    /// Those that the bottleneck took.
    pub(crate) taken: Vec<Taken>,
    pub(crate) sent: u64,
    /// How many found the queue full.
    pub(crate) no_room: u64,
}

/// A packet that the bottleneck took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) left: Duration,
    pub(crate) waited: Duration,
    pub(crate) bytes: usize,
}

impl Way<'_> {
    /// Sends a packet.
    pub(crate) fn send(&mut self, packet: Packet) {
        self.passed.sent += 1;
        match self.link.carry(self.now, packet.bytes) {
            Fate::NoRoom => self.passed.no_room += 1,
            Fate::Lost { waited } => self.note(waited, packet),
            Fate::Arrives { waited, first, .. } => {
                self.note(waited, packet);
                self.events
                    .push(first + self.delay, self.flow, What::Arrives(packet));
            }
        }
    }

    fn note(&mut self, waited: Duration, packet: Packet) {
        self.passed.taken.push(Taken {
            left: self.now - *BEGIN,
            waited,
            bytes: packet.bytes,
        });
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Wakes(u64),
    Arrives(Packet),
    Told(Report),
}

#[derive(Debug, Default)]
struct Events {
    heap: BinaryHeap<Reverse<(Instant, u64, usize, What)>>,
    count: u64,
}

impl Events {
    fn push(&mut self, at: Instant, flow: usize, what: What) {
        self.count += 1;
        self.heap.push(Reverse((at, self.count, flow, what)));
    }
}

/// A flow in the world.
struct Member<'a> {
    flow: &'a mut dyn Flow,
    /// How much longer than the link its way is, each way.
    delay: Duration,
    /// Number of the wake that counts: an earlier one replaces a later.
    wake: u64,
    passed: Passed,
}

/// The link, there and back, and who uses it.
pub(crate) struct World<'a> {
    forward: Link,
    backward: Link,
    members: Vec<Member<'a>>,
    events: Events,
}

impl<'a> World<'a> {
    pub(crate) fn new(forward: Schedule, backward: Schedule, seed: u64) -> Self {
        Self {
            forward: Link::scripted(forward, *BEGIN, Random::new(Seed(seed), 0)),
            backward: Link::scripted(backward, *BEGIN, Random::new(Seed(seed), 1)),
            members: Vec::new(),
            events: Events::default(),
        }
    }

    /// Adds a flow that begins after `start`.
    pub(crate) fn add(&mut self, flow: &'a mut dyn Flow, start: Duration, delay: Duration) {
        let index = self.members.len();
        self.events.push(*BEGIN + start, index, What::Wakes(0));
        self.members.push(Member {
            flow,
            delay,
            wake: 0,
            passed: Passed::default(),
        });
    }

    /// Runs for so long, and returns what became of each flow's packets.
    pub(crate) fn run(mut self, duration: Duration) -> Vec<Passed> {
        let end = *BEGIN + duration;
        while let Some(Reverse((now, _, index, what))) = self.events.heap.pop() {
            if now > end {
                break;
            }
            let member = &mut self.members[index];
            match what {
                What::Wakes(number) if number != member.wake => continue,
                What::Wakes(_) => {}
                What::Arrives(packet) => {
                    if let Some(report) = member.flow.arrives(now, packet)
                        && let Fate::Arrives { first, .. } =
                            self.backward.carry(now, 40 + report.len() * 2)
                    {
                        let at = first + member.delay;
                        self.events.push(at, index, What::Told(report));
                    }
                    continue;
                }
                What::Told(report) => member.flow.told(now, &report),
            }
            let mut way = Way {
                flow: index,
                now,
                link: &mut self.forward,
                delay: member.delay,
                events: &mut self.events,
                passed: &mut member.passed,
            };
            let next = member.flow.wake(now, &mut way);
            member.wake += 1;
            if let Some(next) = next {
                let next = next.max(now + Duration::from_micros(1));
                self.events.push(next, index, What::Wakes(member.wake));
            }
        }
        self.members
            .into_iter()
            .map(|member| member.passed)
            .collect()
    }
}

/// Returns how long after the beginning of virtual time that is.
pub(crate) fn since_begin(at: Instant) -> Duration {
    at - *BEGIN
}

/// Returns the time so long after the beginning.
pub(crate) fn at(since: Duration) -> Instant {
    *BEGIN + since
}
