use sfu_model::UnixTime;

use crate::Record;

/// Order in which things of a room end: tracks, those who publish them, the room.
pub const RANK_TRACK: i64 = 0;
/// See [`RANK_TRACK`].
pub const RANK_PARTICIPANT: i64 = 1;
/// See [`RANK_TRACK`].
pub const RANK_ROOM: i64 = 2;

/// Something that happened in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEvent {
    /// Its id, `EV_` and more: the same each time that somebody is told.
    pub id: String,
    /// When it happened.
    pub at: UnixTime,
    /// The event's name, such as `participant_joined`.
    pub kind: String,
    /// The room.
    pub room_sid: String,
    /// Its number within the room, from 1.
    pub room_sequence: i64,
    /// What receivers are sent, as JSON.
    pub body: String,
    /// What the accounts of sessions take from it.
    pub record: Option<Record>,
    /// What has begun with it.
    pub begins: Option<Beginning>,
    /// The sid of what has ended with it.
    pub ends: Option<String>,
    /// Who is to be told.
    pub targets: Vec<String>,
}

/// Something that has begun, and the event by which its end is told if the node cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The room.
    pub room_sid: String,
    /// What has begun: a track, a participant or the room.
    pub sid: String,
    /// When it ends among others that end at once: [`RANK_TRACK`] and so on.
    pub rank: i64,
    /// The name of the event that tells of its end.
    pub kind: String,
    /// That event as JSON, without what only its time decides.
    pub body: String,
    /// What it has come to so far, as the record of its end.
    pub record: Option<Record>,
    /// As of when.
    pub at: UnixTime,
}

/// What something has come to that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The room.
    pub room_sid: String,
    /// What has begun: a participant or the room.
    pub sid: String,
    /// As of when.
    pub at: UnixTime,
    /// What it has come to, as the record of its end.
    pub record: Record,
}
