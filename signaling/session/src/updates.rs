//! What the others are still to hear of participants, and when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::departures::Departures;
use crate::limits::{
    MAX_UPDATE_SPACING, UPDATE_BYTES_PER_SECOND, UPDATE_SPACING, UPDATE_SPACING_EACH,
    UPDATES_AT_ONCE,
};
use crate::participant_key::ParticipantKey;
use crate::proto;

/// What the others are still to hear of participants.
///
/// Goal: everybody hears of a change at once, but a burst of changes (a thousand joins, a microphone that is
/// switched on and off without pause) is told in few messages, each of the latest state.
///
/// Telling opens a window, which lasts as long as the room is large, and longer the more bytes are told. While it is
/// open, the changes of a few participants are told at once, of each participant once; all others together when it
/// ends. What must come before media (a track, and who publishes it) is never held back.
///
/// Departure: LiveKit tells each change of who publishes at once, and collects those of the others for three seconds.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    changed: BTreeSet<ParticipantKey>,
    /// Who is to hear again which numbers stand for its data tracks.
    renumbered: BTreeSet<ParticipantKey>,
    gone: Vec<Gone>,
    window: Option<Window>,
    departures: Departures,
}

/// The time after a message in which further ones are held back.
#[derive(Debug)]
struct Window {
    opened: Instant,
    lasts: Duration,
    /// Who was told of at once.
    told: BTreeSet<ParticipantKey>,
}

/// What is told together.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) gone: Vec<Gone>,
    pub(crate) changed: BTreeSet<ParticipantKey>,
}

/// A participant that has left.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) info: proto::ParticipantInfo,
    /// Whether its identity has joined again.
    pub(crate) replaced: bool,
}

/// Whether a change was told already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    AtOnce,
    Later,
}

impl Window {
    fn end(&self) -> Instant {
        self.opened + self.lasts.min(MAX_UPDATE_SPACING)
    }
}

impl Updates {
    /// Returns the least time between two messages in a room of `participants`.
    fn spacing(participants: usize) -> Duration {
        let participants = u32::try_from(participants).unwrap_or(u32::MAX);
        let each = UPDATE_SPACING_EACH.saturating_mul(participants);
        UPDATE_SPACING.saturating_add(each)
    }

    /// Returns when the window ends that is open at `now`.
    pub(crate) fn closed_until(&self, now: Instant) -> Option<Instant> {
        let end = self.window.as_ref().map(Window::end);
        end.filter(|end| *end > now)
    }

    /// Reports whether a change of a participant may be told while the window is open, and notes that it is.
    pub(crate) fn may_tell(&mut self, key: ParticipantKey) -> bool {
        let window = self.window.as_mut();
        window.is_some_and(|window| window.told.len() < UPDATES_AT_ONCE && window.told.insert(key))
    }

    /// Notes that a participant was told of, although it had to be.
    pub(crate) fn note_told(&mut self, key: ParticipantKey) {
        self.changed.remove(&key);
        if let Some(window) = &mut self.window {
            window.told.insert(key);
        }
    }

    /// Has the window last longer by what was told.
    pub(crate) fn charge(&mut self, bytes: usize) {
        if let Some(window) = &mut self.window {
            let micros = bytes.saturating_mul(1_000_000) / UPDATE_BYTES_PER_SECOND;
            let time = Duration::from_micros(micros.try_into().unwrap_or(u64::MAX));
            window.lasts = window.lasts.saturating_add(time);
        }
    }

    /// Notes that a participant has changed.
    pub(crate) fn mark(&mut self, key: ParticipantKey) {
        self.changed.insert(key);
    }

    /// Notes that a participant is to hear which numbers stand for its data tracks.
    pub(crate) fn mark_renumbered(&mut self, key: ParticipantKey) {
        self.renumbered.insert(key);
    }

    /// Notes that a participant has left. `replaced`: its identity has come back as another session.
    pub(crate) fn note_gone(&mut self, now: Instant, info: proto::ParticipantInfo, replaced: bool) {
        if !replaced {
            self.departures.note(now, &info);
        }
        self.gone.push(Gone { info, replaced });
    }

    /// Reports whether somebody's departure is still to be told.
    pub(crate) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Reports whether somebody is to hear which numbers stand for its data tracks.
    pub(crate) fn has_renumbered(&self) -> bool {
        !self.renumbered.is_empty()
    }

    /// Hands out what is to be told, and begins a window in a room of `participants`.
    pub(crate) fn drain(&mut self, now: Instant, participants: usize) -> Pending {
        self.window = Some(Window {
            opened: now,
            lasts: Self::spacing(participants),
            told: BTreeSet::new(),
        });
        Pending {
            gone: std::mem::take(&mut self.gone),
            changed: std::mem::take(&mut self.changed),
        }
    }

    /// Hands out who is to hear which numbers stand for its data tracks.
    pub(crate) fn drain_renumbered(&mut self) -> BTreeSet<ParticipantKey> {
        std::mem::take(&mut self.renumbered)
    }

    /// Returns who has left since a client was last heard, or shortly before.
    pub(crate) fn departures_since(
        &self,
        heard: Instant,
    ) -> impl Iterator<Item = &proto::ParticipantInfo> {
        self.departures.since(heard)
    }

    /// Forgets everything: there is nobody left to tell.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_room_grow_with_its_size_and_not_with_the_square() {
        let per_second = |participants: u32| {
            let messages = f64::from(participants);
            messages / Updates::spacing(participants as usize).as_secs_f64()
        };
        assert!(per_second(10) < 200.0);
        assert!(per_second(1_000) < 2_000.0);
        assert!(per_second(100_000) < 2_000.0);
        assert!(Updates::spacing(10) < Duration::from_millis(60));
    }
}
