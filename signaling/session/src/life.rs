//! When a room began, when it was left, whether it is over.

use std::time::{Duration, Instant};

use sfu_model::{Now, UnixTime};

use crate::RoomOptions;

/// The life of a room.
#[derive(Debug)]
pub(crate) struct Life {
    created: Now,
    /// Whether anybody has joined who keeps a room open.
    ever_joined: bool,
    /// When the last participant left.
    left_at: Option<Instant>,
    closed: bool,
}

impl Life {
    pub(crate) fn new(created: Now) -> Self {
        Self {
            created,
            ever_joined: false,
            left_at: None,
            closed: false,
        }
    }

    /// Returns when the room was opened.
    pub(crate) fn began_at(&self) -> UnixTime {
        self.created.unix
    }

    /// Returns how long ago the room was opened, whatever the clock on the wall says.
    pub(crate) fn age(&self, now: Now) -> Duration {
        now.mono.saturating_duration_since(self.created.mono)
    }

    /// Notes that somebody has joined who keeps a room open.
    pub(crate) fn note_join(&mut self) {
        self.ever_joined = true;
    }

    /// Notes that somebody has left.
    pub(crate) fn note_leave(&mut self, now: Instant) {
        self.left_at = Some(now);
    }

    /// Reports whether the room is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Ends the room; reports whether it was open.
    pub(crate) fn close(&mut self) -> bool {
        !std::mem::replace(&mut self.closed, true)
    }

    /// Returns until when the room stays open while nobody is there.
    pub(crate) fn idle_until(&self, options: &RoomOptions) -> Instant {
        match self.left_at.filter(|_| self.ever_joined) {
            Some(left_at) => left_at + options.departure_timeout,
            None => self.created.mono + options.empty_timeout,
        }
    }
}
