//! What one receiver has still to be told, and when.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_model::Now;
use store::Delivery;

/// Events in memory for one receiver; what is beyond stays in the journal until there is room.
pub(crate) const WINDOW: usize = 4096;

/// Their bytes at most.
pub(crate) const WINDOW_BYTES: usize = 16 << 20;

/// Rooms whose events are sent to one receiver at a time.
pub(crate) const AT_ONCE: usize = 16;

/// The first wait after a failure, which doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Failures in a row after which a receiver counts as down: then one request at a time tries it.
const DOWN_AFTER: u32 = 8;

/// The longest wait between those.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A room's events, or a receiver that is down, are tried for so long at least before one is given up, however old it is.
const LEAST_TRIAL: Duration = Duration::from_secs(600);

/// What a receiver has still to be told, by room.
#[derive(Debug)]
pub(crate) struct Outbox {
    give_up_after: Duration,
    lanes: HashMap<Arc<str>, Lane>,
    /// Rooms of which nothing is under way, by when the next may be sent.
    due: BTreeSet<(Instant, Arc<str>)>,
    count: usize,
    bytes: usize,
    under_way: usize,
    /// In a row, of all rooms.
    failures: u32,
    /// When the first of them was.
    failing_since: Option<Instant>,
    paused_until: Option<Instant>,
}

/// The events of one room.
#[derive(Debug)]
struct Lane {
    waiting: VecDeque<Delivery>,
    /// Failures in a row.
    failures: u32,
    /// Since when nothing of the room was taken.
    failing_since: Option<Instant>,
}

/// What becomes of an event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is tried again.
    Again,
    /// These are tried no more: it, or while the receiver is down all that are as old.
    GivenUp(Vec<i64>),
}

impl Verdict {
    fn of(given_up: Vec<i64>) -> Self {
        match given_up.is_empty() {
            true => Self::Again,
            false => Self::GivenUp(given_up),
        }
    }
}

impl Outbox {
    /// Begins with nothing. Events are given up that are older, and have been tried for a while.
    pub(crate) fn new(give_up_after: Duration) -> Self {
        Self {
            give_up_after,
            lanes: HashMap::new(),
            due: BTreeSet::new(),
            count: 0,
            bytes: 0,
            under_way: 0,
            failures: 0,
            failing_since: None,
            paused_until: None,
        }
    }

    /// Reports whether there is room for more.
    pub(crate) fn has_room(&self) -> bool {
        self.count < WINDOW && self.bytes < WINDOW_BYTES
    }

    /// Reports whether the receiver takes nothing at all.
    pub(crate) fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER
    }

    /// Takes an event; of each room in their order.
    pub(crate) fn add(&mut self, now: Instant, delivery: Delivery) {
        self.count += 1;
        self.bytes += delivery.body.len();
        let room: Arc<str> = delivery.room_sid.as_str().into();
        let due = &mut self.due;
        let lane = self.lanes.entry(Arc::clone(&room)).or_insert_with(|| {
            due.insert((now, room));
            Lane {
                waiting: VecDeque::new(),
                failures: 0,
                failing_since: None,
            }
        });
        lane.waiting.push_back(delivery);
    }

    /// Returns the next event to send, which is under way from then on.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Delivery> {
        let first = self.due.first().filter(|(at, _)| *at <= now)?;
        let may = match self.is_down() {
            true => self.under_way == 0 && self.paused_until.is_none_or(|until| until <= now),
            false => self.under_way < AT_ONCE,
        };
        if !may {
            return None;
        }
        let first = first.clone();
        self.due.remove(&first);
        let lane = self.lanes.get(&first.1)?;
        self.under_way += 1;
        lane.waiting.front().cloned()
    }

    /// Notes that the receiver has taken the event of a room that was under way.
    pub(crate) fn succeed(&mut self, now: Instant, room: &str) {
        self.under_way -= 1;
        let was_down = self.is_down();
        self.failures = 0;
        self.failing_since = None;
        self.paused_until = None;
        if let Some((_, lane)) = self.lane(room) {
            lane.failing_since = None;
        }
        self.pop(now, room);
        if was_down {
            self.hurry(now);
        }
    }

    /// Notes that the receiver has not taken the event of a room that was under way.
    pub(crate) fn fail(&mut self, now: Now, room: &str) -> Verdict {
        self.under_way -= 1;
        self.failures = self.failures.saturating_add(1);
        if self.is_down() {
            let pause = wait(self.failures - DOWN_AFTER).min(LONGEST_PAUSE);
            self.paused_until = Some(now.mono + pause);
        }
        let down_since = *self.failing_since.get_or_insert(now.mono);
        let is_long_down = self.is_down() && now.mono - down_since >= LEAST_TRIAL;
        let oldest = now.unix.0.saturating_sub(self.give_up_after);
        let Some((room, lane)) = self.lane(room) else {
            return Verdict::Again;
        };
        let since = *lane.failing_since.get_or_insert(now.mono);
        let front = lane.waiting.front().map(|front| (front.sequence, front.at));
        match front {
            Some((sequence, at)) if at.0 <= oldest && now.mono - since >= LEAST_TRIAL => {
                self.pop(now.mono, &room);
                let mut given_up = vec![sequence];
                if is_long_down {
                    given_up.extend(self.give_up(now.mono, oldest));
                }
                Verdict::GivenUp(given_up)
            }
            Some(_) | None => {
                let due = now.mono + wait(lane.failures);
                lane.failures = lane.failures.saturating_add(1);
                self.due.insert((due, room));
                match is_long_down {
                    true => Verdict::of(self.give_up(now.mono, oldest)),
                    false => Verdict::Again,
                }
            }
        }
    }

    /// Gives up everything from before a time of which nothing is under way: of a receiver that is down for long, each by
    /// itself would wait for a request of its own, and more would come meanwhile than is given up.
    fn give_up(&mut self, now: Instant, oldest: Duration) -> Vec<i64> {
        let mut given_up = Vec::new();
        for (due, room) in std::mem::take(&mut self.due) {
            let Some(lane) = self.lanes.get_mut(&room) else {
                continue;
            };
            let before = given_up.len();
            while lane.waiting.front().is_some_and(|it| it.at.0 <= oldest) {
                let Some(old) = lane.waiting.pop_front() else {
                    break;
                };
                self.count -= 1;
                self.bytes -= old.body.len();
                given_up.push(old.sequence);
            }
            let due = match given_up.len() > before {
                true => now,
                false => due,
            };
            match lane.waiting.is_empty() {
                true => drop(self.lanes.remove(&room)),
                false => drop(self.due.insert((due, room))),
            }
        }
        given_up
    }

    /// Returns when something may be sent; nothing while something must end first.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let (first, _) = self.due.first()?;
        match self.is_down() {
            true if self.under_way > 0 => None,
            true => Some(self.paused_until.map_or(*first, |until| until.max(*first))),
            false if self.under_way >= AT_ONCE => None,
            false => Some(*first),
        }
    }

    /// Forgets the first event of a room, and has the next one sent.
    fn pop(&mut self, now: Instant, room: &str) {
        let Some((room, lane)) = self.lane(room) else {
            return;
        };
        lane.failures = 0;
        let gone = lane.waiting.pop_front();
        let is_empty = lane.waiting.is_empty();
        if let Some(gone) = gone {
            self.count -= 1;
            self.bytes -= gone.body.len();
        }
        match is_empty {
            true => drop(self.lanes.remove(&room)),
            false => drop(self.due.insert((now, room))),
        }
    }

    /// Has everything tried at once that waits for another trial: the receiver is there again.
    fn hurry(&mut self, now: Instant) {
        let rooms = std::mem::take(&mut self.due).into_iter();
        self.due = rooms.map(|(_, room)| (now, room)).collect();
    }

    fn lane(&mut self, room: &str) -> Option<(Arc<str>, &mut Lane)> {
        let (room, _) = self.lanes.get_key_value(room)?;
        let room = Arc::clone(room);
        let lane = self.lanes.get_mut(&room)?;
        Some((room, lane))
    }
}

/// Returns the wait after some failures.
fn wait(failures: u32) -> Duration {
    let doubled =
        FIRST_WAIT.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests;
