//! What the others are still to hear of participants, and when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use prost::Message as _;
use sfu_model::Now;

use crate::departures::Departures;
use crate::limits::{
    COUNT_SPACING, MAX_UPDATE_SPACING, UPDATE_BATCH_BYTES, UPDATE_BYTES_PER_SECOND, UPDATE_SPACING,
    UPDATE_SPACING_EACH, UPDATES_AT_ONCE,
};
use crate::participant::{Participant, ParticipantKey};
use crate::proto::signal_response::Message;
use crate::{ConnectionId, Room, TimerReason, proto};

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

/// A participant that has left.
#[derive(Debug)]
struct Gone {
    info: proto::ParticipantInfo,
    /// Whether its identity has joined again.
    replaced: bool,
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
    fn closed_until(&self, now: Instant) -> Option<Instant> {
        let end = self.window.as_ref().map(Window::end);
        end.filter(|end| *end > now)
    }

    fn open_window(&mut self, now: Instant, participants: usize) {
        self.window = Some(Window {
            opened: now,
            lasts: Self::spacing(participants),
            told: BTreeSet::new(),
        });
    }

    /// Reports whether a change of a participant may be told while the window is open, and notes that it is.
    fn may_tell(&mut self, key: ParticipantKey) -> bool {
        let window = self.window.as_mut();
        window.is_some_and(|window| window.told.len() < UPDATES_AT_ONCE && window.told.insert(key))
    }

    /// Notes that a participant was told of, although it had to be.
    fn note_told(&mut self, key: ParticipantKey) {
        self.changed.remove(&key);
        if let Some(window) = &mut self.window {
            window.told.insert(key);
        }
    }

    /// Has the window last longer by what was told.
    fn charge(&mut self, bytes: usize) {
        if let Some(window) = &mut self.window {
            let micros = bytes.saturating_mul(1_000_000) / UPDATE_BYTES_PER_SECOND;
            let time = Duration::from_micros(micros.try_into().unwrap_or(u64::MAX));
            window.lasts = window.lasts.saturating_add(time);
        }
    }

    /// Forgets everything: there is nobody left to tell.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Room {
    /// Returns what others are told of a participant.
    pub(crate) fn participant_info(&self, participant: &Participant) -> proto::ParticipantInfo {
        let tracks = participant.publishing.tracks.iter();
        let tracks = tracks
            .filter_map(|sid| self.tracks.get(sid))
            .filter(|track| track.announced)
            .map(|track| track.info.clone());
        let data_tracks = participant.data_interest.published.iter();
        let data_tracks = data_tracks
            .filter_map(|sid| self.data_tracks.get(sid))
            .map(|track| track.info.clone());
        participant.info(tracks.collect(), data_tracks.collect())
    }

    /// Returns what everybody but `except` is told of: nobody hidden.
    pub(crate) fn visible_participants(
        &self,
        except: Option<ParticipantKey>,
    ) -> Vec<proto::ParticipantInfo> {
        self.roster
            .iter()
            .filter(|participant| !participant.is_hidden() && Some(participant.key) != except)
            .map(|participant| self.participant_info(participant))
            .collect()
    }

    /// Tells of a change soon.
    pub(crate) fn tell_soon(&mut self, now: Now, key: ParticipantKey) {
        self.updates.changed.insert(key);
        self.schedule_updates(now);
    }

    /// Tells of a change at once, unless much has just been told.
    pub(crate) fn tell(&mut self, now: Now, key: ParticipantKey) -> Told {
        let open = self.updates.closed_until(now.mono).is_some();
        if open && self.updates.may_tell(key) {
            self.tell_before_media(now, key);
            return Told::AtOnce;
        }
        self.tell_soon(now, key);
        match open {
            true => Told::Later,
            false => Told::AtOnce,
        }
    }

    /// Tells of a change at once: media follows that nobody could place without it.
    pub(crate) fn tell_before_media(&mut self, now: Now, key: ParticipantKey) {
        // Who has left comes first: its identity may be the same.
        if !self.updates.gone.is_empty() || self.updates.closed_until(now.mono).is_none() {
            self.updates.changed.insert(key);
            self.flush_updates(now);
        } else {
            self.tell_one(key);
        }
        self.updates.note_told(key);
    }

    fn tell_one(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let info = self.participant_info(participant);
        let to = match participant.is_hidden() {
            true => participant.connection.into_iter().collect(),
            false => self.connections(|_| true),
        };
        self.send_update(to, vec![info]);
    }

    /// Tells that a participant has left. `replaced`: its identity has come back as another session.
    pub(crate) fn tell_gone(&mut self, now: Now, info: proto::ParticipantInfo, replaced: bool) {
        if !replaced {
            self.updates.departures.note(now.mono, &info);
        }
        self.updates.gone.push(Gone { info, replaced });
        match replaced {
            true => self.flush_updates(now),
            false => self.schedule_updates(now),
        }
    }

    /// Returns who has left since a client was last heard and is not back.
    pub(crate) fn departures_since(&self, heard: Instant) -> Vec<proto::ParticipantInfo> {
        let departures = self.updates.departures.since(heard);
        departures
            .filter(|info| self.roster.by_identity(&info.identity).is_none())
            .cloned()
            .collect()
    }

    /// Tells a participant which numbers stand for its data tracks, when who publishes them is told.
    pub(crate) fn renumber_soon(&mut self, key: ParticipantKey) {
        self.updates.renumbered.insert(key);
    }

    /// Has the numbers of data tracks that changed told as soon as they may be.
    pub(crate) fn schedule_numbers(&mut self, now: Now) {
        if !self.updates.renumbered.is_empty() {
            self.schedule_updates(now);
        }
    }

    /// Tells what waits as soon as it may be.
    pub(crate) fn schedule_updates(&mut self, now: Now) {
        match self.updates.closed_until(now.mono) {
            Some(at) => self.timers.set(TimerReason::ParticipantUpdates, at),
            None => self.flush_updates(now),
        }
    }

    /// Tells everything that was held back.
    pub(crate) fn flush_updates(&mut self, now: Now) {
        self.timers.cancel(&TimerReason::ParticipantUpdates);
        if self.life.closed {
            return;
        }
        self.updates.open_window(now.mono, self.roster.len());
        let gone = std::mem::take(&mut self.updates.gone);
        let changed = std::mem::take(&mut self.updates.changed);
        let (mut public, mut replaced) = (Vec::new(), Vec::new());
        for gone in gone {
            match gone.replaced {
                true => replaced.push(gone.info),
                false => public.push(gone.info),
            }
        }
        for key in changed {
            let Some(participant) = self.roster.get(key) else {
                continue;
            };
            match participant.is_hidden() {
                true => self.tell_one(key),
                false => public.push(self.participant_info(participant)),
            }
        }
        if !replaced.is_empty() {
            let to = self.connections(|p| !p.client.protocol().reconnects_by_identity());
            self.send_update(to, replaced);
        }
        let to = self.connections(|_| true);
        self.send_update(to, public);
        self.tell_numbers();
    }

    /// Tells those whose data tracks changed which numbers stand for them.
    pub(crate) fn tell_numbers(&mut self) {
        for key in std::mem::take(&mut self.updates.renumbered) {
            let bytes = self.tell_data_handles(key);
            self.updates.charge(bytes);
        }
    }

    /// Sends participants in messages of a bounded size.
    pub(crate) fn send_update(
        &mut self,
        to: Vec<ConnectionId>,
        participants: Vec<proto::ParticipantInfo>,
    ) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for info in participants {
            let size = info.encoded_len();
            self.updates.charge(size.saturating_mul(to.len()));
            if bytes + size > UPDATE_BATCH_BYTES && !batch.is_empty() {
                let participants = std::mem::take(&mut batch);
                let update = proto::ParticipantUpdate { participants };
                self.outbox.signal_all(to.clone(), Message::Update(update));
                bytes = 0;
            }
            bytes += size;
            batch.push(info);
        }
        if !batch.is_empty() {
            let update = proto::ParticipantUpdate {
                participants: batch,
            };
            self.outbox.signal_all(to, Message::Update(update));
        }
    }

    /// Returns the connections of those participants who satisfy `which`.
    pub(crate) fn connections(&self, which: impl Fn(&Participant) -> bool) -> Vec<ConnectionId> {
        let participants = self.roster.iter().filter(|participant| which(participant));
        participants.filter_map(|p| p.connection).collect()
    }

    /// Tells the participant counts within five seconds.
    pub(crate) fn counts_changed(&mut self, now: Now) {
        let at = now.mono + COUNT_SPACING;
        self.timers.set_once(TimerReason::RoomUpdate, at);
    }

    /// Tells of the room as it is.
    pub(crate) fn tell_room(&mut self) {
        if self.life.closed {
            return;
        }
        self.timers.cancel(&TimerReason::RoomUpdate);
        let room = Some(self.info());
        let to = self.connections(|_| true);
        self.outbox
            .signal_all(to, Message::RoomUpdate(proto::RoomUpdate { room }));
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
