use sfu_model::UnixTime;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A receiver in virtual time, which takes what `takes` says.
struct World {
    now: Now,
    outbox: Outbox,
    /// What came to it: when, and which event.
    tried: Vec<(Duration, i64)>,
    taken: Vec<i64>,
    given_up: Vec<i64>,
    begun: Instant,
}

impl World {
    fn new() -> Self {
        let begun = Instant::now();
        let now = Now {
            mono: begun,
            unix: UnixTime(Duration::from_secs(1_000_000)),
        };
        Self {
            now,
            outbox: Outbox::new(24 * HOUR),
            tried: Vec::new(),
            taken: Vec::new(),
            given_up: Vec::new(),
            begun,
        }
    }

    fn add(&mut self, room: &str, sequence: i64) {
        let delivery = Delivery {
            sequence,
            room_sid: room.to_owned(),
            at: self.now.unix,
            body: "{}".to_owned(),
        };
        self.outbox.add(self.now.mono, delivery);
    }

    /// Goes on for a time in which a request takes 10 ms.
    fn run(&mut self, time: Duration, takes: impl Fn(Duration, &Delivery) -> bool) {
        let until = self.now.mono + time;
        loop {
            let mut sent = Vec::new();
            while let Some(delivery) = self.outbox.next(self.now.mono) {
                sent.push(delivery);
            }
            if sent.is_empty() {
                let Some(at) = self.outbox.poll_timeout().filter(|at| *at < until) else {
                    break;
                };
                let wait = at.saturating_duration_since(self.now.mono);
                self.now = self.now.after(wait.max(Duration::from_millis(1)));
                continue;
            }
            self.now = self.now.after(Duration::from_millis(10));
            let since = self.now.mono - self.begun;
            for delivery in sent {
                self.tried.push((since, delivery.sequence));
                if takes(since, &delivery) {
                    self.outbox.succeed(self.now.mono, &delivery.room_sid);
                    self.taken.push(delivery.sequence);
                } else if let Verdict::GivenUp(sequences) =
                    self.outbox.fail(self.now, &delivery.room_sid)
                {
                    self.given_up.extend(sequences);
                }
            }
        }
        self.now = self
            .now
            .after(until.saturating_duration_since(self.now.mono));
    }
}

#[test]
fn each_room_is_told_in_order_and_rooms_side_by_side() {
    let mut world = World::new();
    for sequence in 0..60 {
        world.add(&format!("RM_{}", sequence % 3), sequence);
    }
    world.run(HOUR, |_, _| true);
    assert_eq!(world.taken.len(), 60);
    for room in 0..3 {
        let of_room: Vec<_> = world.taken.iter().filter(|it| **it % 3 == room).collect();
        assert!(of_room.is_sorted());
    }
    // Three at a time, 10 ms each.
    assert!(world.tried.last().unwrap().0 <= Duration::from_millis(210));
    assert_eq!((world.outbox.count, world.outbox.bytes), (0, 0));
    assert!(world.outbox.lanes.is_empty() && world.outbox.due.is_empty());
}

#[test]
fn an_event_that_is_refused_holds_up_its_own_room_alone() {
    let mut world = World::new();
    world.add("RM_bad", 1);
    world.add("RM_bad", 2);
    for sequence in 10..30 {
        world.add("RM_good", sequence);
    }
    world.run(Duration::from_secs(60), |_, delivery| {
        delivery.sequence != 1
    });
    assert_eq!(world.taken, (10..30).collect::<Vec<_>>());
    let waits: Vec<_> = world
        .tried
        .iter()
        .filter(|(_, it)| *it == 1)
        .map(|(at, _)| at.as_secs())
        .collect();
    assert_eq!(waits, [0, 1, 3, 7, 15, 31]);
    world.run(Duration::from_secs(60), |_, _| true);
    assert_eq!(world.taken[20..], [1, 2]);
}

#[test]
fn a_receiver_that_is_down_is_tried_by_one_request_at_a_time_and_told_all_at_once_when_it_is_back()
{
    let mut world = World::new();
    for sequence in 0..200 {
        world.add(&format!("RM_{sequence}"), sequence);
    }
    let back = Duration::from_secs(600);
    world.run(Duration::from_secs(599), |_, _| false);
    let tries = world.tried.len();
    assert!(tries < 60, "{tries} requests in ten minutes");
    world.run(HOUR, |at, _| at >= back);
    assert_eq!(world.taken.len(), 200);
    let last = world.tried.last().unwrap().0;
    assert!(
        last < back + Duration::from_secs(32),
        "all were taken after {last:?}"
    );
}

#[test]
fn what_nobody_takes_for_a_day_is_given_up_and_the_next_one_is_tried() {
    let mut world = World::new();
    world.add("RM_1", 1);
    world.run(HOUR, |_, _| false);
    world.add("RM_1", 2);
    world.run(24 * HOUR, |_, delivery| delivery.sequence == 2);
    assert_eq!(world.given_up, [1]);
    assert_eq!(world.taken, [2]);
}

#[test]
fn what_is_old_is_tried_for_a_while_before_it_is_given_up() {
    let mut world = World::new();
    world.add("RM_1", 1);
    // The node was down for two days.
    world.now.unix.0 += 48 * HOUR;
    world.run(Duration::from_secs(500), |_, _| false);
    assert_eq!(world.given_up, [] as [i64; 0]);
    world.run(HOUR, |_, _| false);
    assert_eq!(world.given_up, [1]);
}

#[test]
fn no_more_is_held_than_may() {
    let mut world = World::new();
    let mut sequence = 0;
    while world.outbox.has_room() {
        sequence += 1;
        world.add("RM_1", sequence);
    }
    assert_eq!(sequence, i64::try_from(WINDOW).unwrap());
    world.run(Duration::from_millis(50), |_, _| true);
    assert!(world.outbox.has_room());
}

#[test]
fn a_receiver_that_is_gone_for_good_is_given_up_as_fast_as_events_come() {
    let mut world = World::new();
    let mut sequence = 0;
    for _ in 0..48 {
        for _ in 0..200 {
            sequence += 1;
            world.add(&format!("RM_{sequence}"), sequence);
        }
        world.run(HOUR, |_, _| false);
    }
    // What is left is no older than a day and the time of a trial.
    assert!(
        world.outbox.count <= 25 * 200,
        "{} wait",
        world.outbox.count
    );
    let waiting: usize = world.outbox.lanes.values().map(|it| it.waiting.len()).sum();
    assert_eq!(world.outbox.count, waiting);
    let given_up: BTreeSet<_> = world.given_up.iter().collect();
    assert_eq!(given_up.len(), world.given_up.len());
    assert_eq!(given_up.len() + waiting, 48 * 200);
}

#[test]
fn a_room_that_is_always_refused_is_given_up_as_fast_as_its_events_come() {
    let mut world = World::new();
    for sequence in 1..=500 {
        world.add("RM_bad", sequence);
    }
    world.now.unix.0 += 48 * HOUR;
    let good = |_, delivery: &Delivery| delivery.room_sid == "RM_good";
    for sequence in 1000..1180 {
        // Others are taken meanwhile: the receiver is not down.
        world.add("RM_good", sequence);
        world.run(Duration::from_secs(10), good);
        if sequence < 1059 {
            assert_eq!(world.given_up, [] as [i64; 0]);
        }
    }
    assert_eq!(world.given_up, (1..=500).collect::<Vec<_>>());
    assert_eq!(world.taken, (1000..1180).collect::<Vec<_>>());
}
