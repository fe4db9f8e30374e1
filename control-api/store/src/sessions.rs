//! What every session came to, and what was used.
//!
//! It is made of the journals of nodes, event by event ([`Store::project`]): what an event changes and how far its journal
//! has been taken are written in one transaction, so that each counts once, whenever a process ends.

mod days;
mod participants;
mod progress;
mod project;
mod prune;
mod rooms;
mod usage;

pub use days::Day;
pub use participants::{ParticipantFilter, ParticipantSession, TrackSession};
pub use progress::Running;
pub use rooms::{RoomFilter, RoomSession};
pub use usage::{Share, Usage, UsageFilter};

#[cfg(doc)]
use crate::Store;
