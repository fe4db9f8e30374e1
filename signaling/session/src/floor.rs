//! Who has the floor: whose camera comes first on links that do not carry all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_model::{PublicationId, ShardIndex};

use crate::participant_key::ParticipantKey;

/// Who has the floor.
///
/// Goal: who speaks is seen well, and no remark makes pictures change. Who speaks for a moment gets it, and keeps it for
/// some seconds of silence. There are few at a time: others wait until one has gone silent.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    turns: BTreeMap<ParticipantKey, Turn>,
    /// What shards were told last.
    told: Foreground,
}

/// Whose cameras come first, and which shards know it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Foreground {
    pub(crate) cameras: Vec<PublicationId>,
    pub(crate) shards: BTreeSet<ShardIndex>,
}

/// Somebody who speaks, or did lately.
#[derive(Clone, Copy, Debug)]
struct Turn {
    speaks: bool,
    /// Since when.
    since: Instant,
    has_floor: bool,
}

impl Floor {
    /// Who speaks for so long without a pause gets the floor.
    const BEGIN: Duration = Duration::from_millis(800);

    /// Who has been silent for so long has it no more.
    const HOLD: Duration = Duration::from_secs(5);

    /// How many have it at most.
    const MOST: usize = 3;

    /// Takes who speaks by now.
    pub(crate) fn note(&mut self, now: Instant, speaking: &BTreeSet<ParticipantKey>) {
        for key in speaking {
            let turn = self.turns.entry(*key).or_insert(Turn {
                speaks: true,
                since: now,
                has_floor: false,
            });
            turn.turn_to(true, now);
        }
        let silent = self
            .turns
            .iter_mut()
            .filter(|(key, _)| !speaking.contains(*key));
        silent.for_each(|(_, turn)| turn.turn_to(false, now));
    }

    /// Takes the floor from who has been silent for long, and gives it to who has spoken for long.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.turns
            .retain(|_, turn| turn.speaks || (turn.has_floor && now < turn.since + Self::HOLD));
        let free = Self::MOST.saturating_sub(self.holders().count());
        let mut waiting: Vec<_> = self
            .turns
            .values_mut()
            .filter(|turn| turn.waits())
            .collect();
        waiting.sort_by_key(|turn| turn.since);
        let due = waiting
            .into_iter()
            .filter(|turn| turn.since + Self::BEGIN <= now);
        due.take(free).for_each(|turn| turn.has_floor = true);
    }

    /// Returns when to settle again, if nothing else is heard.
    pub(crate) fn next(&self) -> Option<Instant> {
        let is_full = self.holders().count() >= Self::MOST;
        let turns = self.turns.values();
        let next = turns.filter_map(|turn| match turn {
            turn if turn.waits() => (!is_full).then(|| turn.since + Self::BEGIN),
            turn => (!turn.speaks).then(|| turn.since + Self::HOLD),
        });
        next.min()
    }

    /// Reports whether nobody has it or was last told to have it.
    pub(crate) fn is_nobodys(&self) -> bool {
        self.told.cameras.is_empty() && self.holders().next().is_none()
    }

    /// Returns the cameras if they or the shards are others than were told last: they are told now.
    pub(crate) fn tell(&mut self, news: Foreground) -> Option<Arc<[PublicationId]>> {
        let nobody = news.cameras.is_empty() && self.told.cameras.is_empty();
        if nobody || news == self.told {
            return None;
        }
        self.told = news;
        Some(Arc::from(self.told.cameras.as_slice()))
    }

    pub(crate) fn forget(&mut self, key: ParticipantKey) {
        self.turns.remove(&key);
    }

    /// Returns who has it.
    pub(crate) fn holders(&self) -> impl Iterator<Item = ParticipantKey> {
        let holders = self.turns.iter().filter(|(_, turn)| turn.has_floor);
        holders.map(|(key, _)| *key)
    }
}

impl Turn {
    fn turn_to(&mut self, speaks: bool, now: Instant) {
        if self.speaks != speaks {
            self.speaks = speaks;
            self.since = now;
        }
    }

    fn waits(&self) -> bool {
        self.speaks && !self.has_floor
    }
}

#[cfg(test)]
mod tests;
