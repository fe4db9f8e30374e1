//! Everything that a room waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sfu_model::TrackSid;

use crate::RpcId;
use crate::participant_key::ParticipantKey;

/// Everything that a room waits for. Declared in the order in which what is due at once is handled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TimerReason {
    /// Participant updates that were held back to be sent together.
    ParticipantUpdates,
    /// Participant counts that changed.
    RoomUpdate,
    /// An offer that rode in a join, and that the client does not want answered at once.
    JoinOffer(ParticipantKey),
    /// A server offer that waits for more changes.
    Offer(ParticipantKey),
    /// An answer that does not come.
    Answer(ParticipantKey),
    /// A participant that never connects.
    JoinTimeout(ParticipantKey),
    /// A participant whose transport failed and who may resume.
    Departure(ParticipantKey),
    /// A participant that closed its transport and has not said why.
    Farewell(ParticipantKey),
    /// A session that has lasted for as long as its token says.
    SessionIsUp(ParticipantKey),
    /// A token that should be replaced.
    RefreshToken(ParticipantKey),
    /// Requests to publish whose media does not come.
    PendingTracks(ParticipantKey),
    /// A wanted track that does not appear.
    TrackNotFound(ParticipantKey, TrackSid),
    /// Layers of a track that nobody wants.
    Demand(TrackSid),
    /// A publisher whose offer was answered, and that is told again what is wanted.
    RepeatDemand(ParticipantKey),
    /// A track whose size has changed.
    Resize(TrackSid),
    /// A publisher that has said again who may receive its tracks.
    TrackPermissions(ParticipantKey),
    /// The end of a simulated speaker.
    SimulatedSpeaker(ParticipantKey),
    /// Who gets the floor, or loses it.
    Floor,
    /// Connections that are judged.
    Qualities,
    /// A call to a participant.
    Rpc(RpcId),
    /// A room that has lasted for as long as it may.
    RoomIsUp,
    /// A room that stays empty.
    Idle,
}

/// The next time at which a room wants to be woken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: TimerReason,
}

/// The deadlines of a room: at most one per reason.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, TimerReason)>,
    by_reason: BTreeMap<TimerReason, Instant>,
}

impl Timers {
    /// Sets the deadline of `reason`, in place of an earlier one.
    pub(crate) fn set(&mut self, reason: TimerReason, at: Instant) {
        self.cancel(&reason);
        self.by_time.insert((at, reason.clone()));
        self.by_reason.insert(reason, at);
    }

    /// Sets the deadline of `reason` unless it has one.
    pub(crate) fn set_once(&mut self, reason: TimerReason, at: Instant) {
        if !self.is_set(&reason) {
            self.set(reason, at);
        }
    }

    /// Reports whether `reason` has a deadline.
    pub(crate) fn is_set(&self, reason: &TimerReason) -> bool {
        self.by_reason.contains_key(reason)
    }

    /// Returns the deadline of `reason`.
    pub(crate) fn at(&self, reason: &TimerReason) -> Option<Instant> {
        self.by_reason.get(reason).copied()
    }

    pub(crate) fn cancel(&mut self, reason: &TimerReason) {
        if let Some((reason, at)) = self.by_reason.remove_entry(reason) {
            self.by_time.remove(&(at, reason));
        }
    }

    /// Returns the next deadline that has passed at `now`, and forgets it.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<TimerReason> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, reason) = self.by_time.pop_first()?;
        self.by_reason.remove(&reason);
        Some(reason)
    }

    pub(crate) fn next(&self) -> Option<Deadline> {
        let (at, reason) = self.by_time.first()?;
        Some(Deadline {
            at: *at,
            reason: reason.clone(),
        })
    }
}
