//! What outlives the process: bans, who did what, what happened in rooms, and what sessions came to.
//!
//! One [`Store`] is one database: a SQLite file, or PostgreSQL by URL. Its statements are the same for both. Media and
//! signalling never wait for it: what they need to know is in memory, and loaded from here before the first join.
//!
//! [`Journal`] is a file of this node alone, in which it is written down what happens until everybody has been told.
//!
//! [`Store::open`] connects to nothing yet; [`Store::prepare`] brings the tables to this program's version. Each call
//! that fails because the database does not answer is to be tried again ([`StoreError::Unavailable`]).

mod audit;
mod ban;
mod bans;
mod database;
mod error;
mod journal;
mod page;
mod private;
mod record;
mod sessions;

pub use audit::{Audit, AuditFilter};
pub use ban::{Ban, BanTarget, Lifted};
pub use bans::{BanFilter, ChangedBan, MAX_CHANGES};
pub use database::{Kind, Store};
pub use error::{OpenError, StoreError};
pub use journal::{
    Beginning, DeadEvent, Delivery, Given, Journal, JournalEvent, Progress, RANK_PARTICIPANT,
    RANK_ROOM, RANK_TRACK, Writes, WrittenEvent,
};
pub use page::{After, MAX_PAGE};
pub use record::{Account, ClientProgram, Joined, Left, Published, Record};
pub use sessions::{
    Day, ParticipantFilter, ParticipantSession, RoomFilter, RoomSession, Running, Share,
    TrackSession, Usage, UsageFilter,
};
