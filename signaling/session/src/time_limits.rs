//! How long a room, and somebody in it, may last.

use std::time::{Duration, Instant};

use auth::SluiceGrant;
use sfu_model::Now;
use signaling_protocol::{DisconnectCause, LeaveAction};

use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::{JoinRefused, Room, TimerReason};

/// What whoever is in a room is told when that has lasted for as long as it may.
const ROOM_IS_UP: &str = "the room has lasted for as long as it may";

/// What somebody is told who has been there for as long as its token says.
const SESSION_IS_UP: &str = "the session has lasted for as long as its token allows";

impl Room {
    /// Has the room end in time, if that is limited.
    pub(crate) fn limit_room(&mut self, now: Now) {
        if let Some(limit) = self.room.options().max_session_duration {
            self.timers.set(TimerReason::RoomIsUp, now.mono + limit);
        }
    }

    /// Returns when the time of somebody is up who is about to come, if that is limited.
    ///
    /// # Errors
    ///
    /// It is up already.
    pub(crate) fn check_time(
        &mut self,
        now: Now,
        newcomer: &Participant,
    ) -> Result<Option<Instant>, JoinRefused> {
        let Some(limit) = limit_of(newcomer.sluice()) else {
            return Ok(None);
        };
        let ends_at = self.allotments.ends_at(now.mono, &newcomer.identity, limit);
        ends_at.map(Some).ok_or(JoinRefused::TimeIsUp)
    }

    /// Has a session end in time, if that is limited.
    pub(crate) fn limit_session(&mut self, key: ParticipantKey, ends_at: Option<Instant>) {
        if let Some(at) = ends_at {
            self.timers.set(TimerReason::SessionIsUp(key), at);
        }
    }

    /// Ends the room, because its time is up.
    pub(crate) fn end_in_time(&mut self, now: Now) {
        for key in self.roster.keys() {
            self.tell_why_removed(key, ROOM_IS_UP.to_owned());
        }
        self.close(now, DisconnectCause::RoomClosed);
    }

    /// Ends a session, because its time is up.
    pub(crate) fn end_session_in_time(&mut self, now: Now, key: ParticipantKey) {
        self.tell_why_removed(key, SESSION_IS_UP.to_owned());
        let action = Some(LeaveAction::Disconnect);
        self.disconnect(now, key, DisconnectCause::Removed, action);
    }
}

fn limit_of(grant: Option<SluiceGrant>) -> Option<Duration> {
    let seconds = grant?.max_session_seconds?;
    // Nothing lasts longer than a token may.
    const LONGEST: u64 = 366 * 86_400;
    Some(Duration::from_secs(seconds.min(LONGEST)))
}
