//! What has happened, for those who keep accounts of it.

use sfu_model::UnixTime;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Journal;
use crate::StoreError;
use crate::page;

/// An event as it is in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenEvent {
    /// Its number in the journal. Numbers grow, with gaps, and none is used twice.
    pub sequence: i64,
    /// Its id, `EV_` and more.
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
}

impl Journal {
    /// Returns events after a sequence number, in their order, 1000 at most. Whoever reads more seldom than events are kept
    /// misses those that are forgotten meanwhile, and sees it by nothing but the gap.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn read_after(
        &self,
        sequence: i64,
        limit: u32,
    ) -> Result<Vec<WrittenEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT sequence, id, at, kind, room_sid, room_sequence, body FROM events \
             WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .bind(sequence)
        .bind(page::rows(limit))
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &SqliteRow| {
            Ok(WrittenEvent {
                sequence: row.try_get("sequence")?,
                id: row.try_get("id")?,
                at: page::time(row.try_get("at")?).unwrap_or_default(),
                kind: row.try_get("kind")?,
                room_sid: row.try_get("room_sid")?,
                room_sequence: row.try_get("room_sequence")?,
                body: row.try_get("body")?,
            })
        };
        rows.iter().map(read).collect()
    }
}
