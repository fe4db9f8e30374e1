//! Tells clients of participants.

use std::time::Instant;

use prost::Message as _;
use sfu_model::Now;

use crate::data_track::DataTracks;
use crate::limits::{COUNT_SPACING, UPDATE_BATCH_BYTES};
use crate::outputs::Outputs;
use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::proto::data_track_subscriber_handles::PublishedDataTrack;
use crate::proto::signal_response::Message;
use crate::roster::Roster;
use crate::timers::Timers;
use crate::tracks::Tracks;
use crate::updates::{Told, Updates};
use crate::{ConnectionId, Room, TimerReason, proto};

/// Tells clients what has changed of participants, when it may be told.
///
/// It is all of a room that this may touch.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) closed: bool,
    pub(crate) roster: &'a Roster,
    pub(crate) tracks: &'a Tracks,
    pub(crate) data_tracks: &'a DataTracks,
    pub(crate) updates: &'a mut Updates,
    pub(crate) timers: &'a mut Timers,
    pub(crate) outputs: &'a mut Outputs,
}

impl Room {
    /// Returns the part that tells clients of participants.
    pub(crate) fn telling(&mut self) -> Telling<'_> {
        Telling {
            closed: self.room.is_closed(),
            roster: &self.roster,
            tracks: &self.tracks,
            data_tracks: &self.data_tracks,
            updates: &mut self.updates,
            timers: &mut self.timers,
            outputs: &mut self.outputs,
        }
    }

    /// Returns what others are told of a participant.
    pub(crate) fn participant_info(&self, participant: &Participant) -> proto::ParticipantInfo {
        describe(participant, &self.tracks, &self.data_tracks)
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

    /// Returns who has left since a client was last heard and is not back.
    pub(crate) fn departures_since(&self, heard: Instant) -> Vec<proto::ParticipantInfo> {
        let departures = self.updates.departures_since(heard);
        departures
            .filter(|info| self.roster.by_identity(&info.identity).is_none())
            .cloned()
            .collect()
    }

    /// Tells of the room as it is.
    pub(crate) fn tell_room(&mut self) {
        if self.room.is_closed() {
            return;
        }
        self.timers.cancel(&TimerReason::RoomUpdate);
        let room = Some(self.info());
        let to = self.roster.connections(|_| true);
        self.outputs
            .signal_all(to, Message::RoomUpdate(proto::RoomUpdate { room }));
    }
}

impl Telling<'_> {
    /// Tells of a change soon.
    pub(crate) fn tell_soon(&mut self, now: Now, key: ParticipantKey) {
        self.updates.mark(key);
        self.schedule_updates(now);
    }

    /// Tells of a change at once, unless much has just been told; then soon. Who has changed hears of it at once.
    pub(crate) fn tell(&mut self, now: Now, key: ParticipantKey) -> Told {
        let open = self.updates.closed_until(now.mono).is_some();
        if open && self.updates.may_tell(key) {
            self.tell_before_media(now, key);
            return Told::AtOnce;
        }
        if open {
            self.tell_itself(key);
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
        if self.updates.has_gone() || self.updates.closed_until(now.mono).is_none() {
            self.updates.mark(key);
            self.flush_updates(now);
        } else {
            self.tell_one(key);
        }
        self.updates.note_told(key);
    }

    /// Tells a participant of its own change: its client may wait for that.
    fn tell_itself(&mut self, key: ParticipantKey) {
        if let Some(participant) = self.roster.get(key) {
            let info = describe(participant, self.tracks, self.data_tracks);
            let to = participant.connection.into_iter().collect();
            self.send_update(to, vec![info]);
        }
    }

    fn tell_one(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let info = describe(participant, self.tracks, self.data_tracks);
        let to = match participant.is_hidden() {
            true => participant.connection.into_iter().collect(),
            false => self.roster.connections(|_| true),
        };
        self.send_update(to, vec![info]);
    }

    /// Tells that a participant has left. `replaced`: its identity has come back as another session.
    pub(crate) fn tell_gone(&mut self, now: Now, info: proto::ParticipantInfo, replaced: bool) {
        self.updates.note_gone(now.mono, info, replaced);
        match replaced {
            true => self.flush_updates(now),
            false => self.schedule_updates(now),
        }
    }

    /// Tells a participant which numbers stand for its data tracks, when who publishes them is told.
    pub(crate) fn renumber_soon(&mut self, key: ParticipantKey) {
        self.updates.mark_renumbered(key);
    }

    /// Has the numbers of data tracks that changed told as soon as they may be.
    pub(crate) fn schedule_numbers(&mut self, now: Now) {
        if self.updates.has_renumbered() {
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
        if self.closed {
            return;
        }
        let pending = self.updates.drain(now.mono, self.roster.len());
        let (mut public, mut replaced) = (Vec::new(), Vec::new());
        for gone in pending.gone {
            match gone.replaced {
                true => replaced.push(gone.info),
                false => public.push(gone.info),
            }
        }
        for key in pending.changed {
            let Some(participant) = self.roster.get(key) else {
                continue;
            };
            match participant.is_hidden() {
                true => self.tell_one(key),
                false => public.push(describe(participant, self.tracks, self.data_tracks)),
            }
        }
        if !replaced.is_empty() {
            let to = self
                .roster
                .connections(|p| !p.client.protocol().reconnects_by_identity());
            self.send_update(to, replaced);
        }
        let to = self.roster.connections(|_| true);
        self.send_update(to, public);
        self.tell_numbers();
    }

    /// Tells those whose data tracks changed which numbers stand for them.
    pub(crate) fn tell_numbers(&mut self) {
        for key in self.updates.drain_renumbered() {
            self.tell_numbers_to(key);
        }
    }

    /// Tells a participant which number stands for which data track that it receives: all of them, whichever changed.
    pub(crate) fn tell_numbers_to(&mut self, key: ParticipantKey) {
        let received = self.data_tracks.iter();
        let received = received.filter(|track| track.subscribers.contains(&key));
        let described = received.filter_map(|track| {
            let publisher = self.roster.get(track.publisher)?;
            let published = PublishedDataTrack {
                publisher_identity: publisher.identity.as_str().to_owned(),
                publisher_sid: publisher.sid.as_str().to_owned(),
                track_sid: track.sid.as_str().to_owned(),
            };
            Some((u32::from(track.handle), published))
        });
        let handles = proto::DataTrackSubscriberHandles {
            sub_handles: described.collect(),
        };
        self.updates.charge(handles.encoded_len());
        let connection = self.roster.get(key).and_then(|p| p.connection);
        self.outputs
            .signal(connection, Message::DataTrackSubscriberHandles(handles));
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
                self.outputs.signal_all(to.clone(), Message::Update(update));
                bytes = 0;
            }
            bytes += size;
            batch.push(info);
        }
        if !batch.is_empty() {
            let update = proto::ParticipantUpdate {
                participants: batch,
            };
            self.outputs.signal_all(to, Message::Update(update));
        }
    }

    /// Tells the participant counts within five seconds.
    pub(crate) fn counts_changed(&mut self, now: Now) {
        let at = now.mono + COUNT_SPACING;
        self.timers.set_once(TimerReason::RoomUpdate, at);
    }
}

/// Returns what others are told of a participant.
pub(crate) fn describe(
    participant: &Participant,
    tracks: &Tracks,
    data_tracks: &DataTracks,
) -> proto::ParticipantInfo {
    let published = participant.publishing.tracks.iter();
    let published = published
        .filter_map(|sid| tracks.get(sid))
        .filter(|track| track.announced)
        .map(|track| track.info.clone());
    let of_data = participant.data_interest.published.iter();
    let of_data = of_data
        .filter_map(|sid| data_tracks.get(sid))
        .map(|track| track.info.clone());
    participant.info(published.collect(), of_data.collect())
}
