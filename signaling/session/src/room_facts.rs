//! What is true of a room as a whole, whoever is in it.

use std::time::{Duration, Instant};

use sfu_model::{Now, RoomName, RoomSid};

use crate::life::Life;
use crate::roster::Roster;
use crate::{RoomOptions, codecs, proto};

/// What a room is called, what it was opened with, and whether it is over.
#[derive(Debug)]
pub(crate) struct RoomFacts {
    sid: RoomSid,
    options: RoomOptions,
    life: Life,
    /// Marks frames that the server puts into encrypted streams. Secret to the room.
    sif_trailer: [u8; 32],
}

impl RoomFacts {
    pub(crate) fn new(now: Now, sid: RoomSid, options: RoomOptions, sif_trailer: [u8; 32]) -> Self {
        Self {
            sid,
            options,
            life: Life::new(now),
            sif_trailer,
        }
    }

    pub(crate) fn name(&self) -> &RoomName {
        &self.options.name
    }

    pub(crate) fn sid(&self) -> &RoomSid {
        &self.sid
    }

    pub(crate) fn options(&self) -> &RoomOptions {
        &self.options
    }

    pub(crate) fn sif_trailer(&self) -> &[u8] {
        &self.sif_trailer
    }

    /// Returns the room as clients and callers are told of it.
    pub(crate) fn describe(&self, roster: &Roster) -> proto::Room {
        let seconds = |duration: Duration| u32::try_from(duration.as_secs());
        let mut counts = (0, 0, false);
        for participant in roster.iter() {
            counts.0 += u32::from(!participant.is_dependent() && !participant.is_hidden());
            counts.1 += u32::from(participant.is_publisher);
            counts.2 |= participant.is_recorder();
        }
        proto::Room {
            sid: self.sid.as_str().to_owned(),
            name: self.options.name.as_str().to_owned(),
            empty_timeout: seconds(self.options.empty_timeout).unwrap_or(u32::MAX),
            departure_timeout: seconds(self.options.departure_timeout).unwrap_or(u32::MAX),
            max_participants: self.options.max_participants,
            creation_time: self.life.began_at().seconds(),
            creation_time_ms: self.life.began_at().millis(),
            enabled_codecs: codecs::room_codecs(&self.options.codecs),
            metadata: self.options.metadata.clone(),
            num_participants: counts.0,
            num_publishers: counts.1,
            active_recording: counts.2,
            ..proto::Room::default()
        }
    }

    /// Overrides what is given; zero and empty mean "not given", as in LiveKit.
    pub(crate) fn update(&mut self, update: &proto::CreateRoomRequest) {
        let seconds = |given: u32| (given > 0).then(|| Duration::from_secs(given.into()));
        let options = &mut self.options;
        if let Some(timeout) = seconds(update.empty_timeout) {
            options.empty_timeout = timeout;
        }
        if let Some(timeout) = seconds(update.departure_timeout) {
            options.departure_timeout = timeout;
        }
        if update.max_participants > 0 {
            options.max_participants = update.max_participants;
        }
        if !update.metadata.is_empty() {
            options.metadata.clone_from(&update.metadata);
        }
    }

    pub(crate) fn set_metadata(&mut self, metadata: String) {
        self.options.metadata = metadata;
    }

    /// Notes that somebody has joined who keeps the room open.
    pub(crate) fn note_join(&mut self) {
        self.life.note_join();
    }

    /// Notes that somebody has left.
    pub(crate) fn note_leave(&mut self, now: Instant) {
        self.life.note_leave(now);
    }

    /// Returns until when the room stays open while nobody is there.
    pub(crate) fn idle_until(&self) -> Instant {
        self.life.idle_until(&self.options)
    }

    /// Returns how long ago the room was opened.
    pub(crate) fn age(&self, now: Now) -> Duration {
        self.life.age(now)
    }

    /// Reports whether the room is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.life.is_closed()
    }

    /// Ends the room; reports whether it was open.
    pub(crate) fn close(&mut self) -> bool {
        self.life.close()
    }
}
