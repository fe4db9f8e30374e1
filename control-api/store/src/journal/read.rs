//! What has happened, for those who keep accounts of it.

use sfu_model::UnixTime;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::event::RANK_PARTICIPANT;
use super::{Beginning, Journal};
use crate::page;
use crate::{Record, StoreError};

/// Writes a query of what has begun, from after the table on, that `read_beginning` reads.
macro_rules! beginnings {
    ($rest:literal) => {
        concat!(
            "SELECT room_sid, sid, rank, kind, body, record, at FROM beginnings ",
            $rest
        )
    };
}

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
    /// What the accounts of sessions take from it; nothing of what says nothing of sessions.
    pub record: Option<Record>,
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
            "SELECT sequence, id, at, kind, room_sid, room_sequence, body, record FROM events \
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
                record: Record::read(row.try_get("record")?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Returns the number of the last event; 0 if there is none.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn last_sequence(&self) -> Result<i64, StoreError> {
        let last = sqlx::query_scalar("SELECT COALESCE(MAX(sequence), 0) FROM events");
        Ok(last.fetch_one(&self.pool).await?)
    }

    /// Returns whose journal this is: an id that no other has.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn id(&self) -> Result<String, StoreError> {
        let id = sqlx::query_scalar("SELECT id FROM journal");
        Ok(id.fetch_one(&self.pool).await?)
    }

    /// Returns what had begun and not ended when the node ended: tracks first, then participants, then rooms.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn beginnings(&self) -> Result<Vec<Beginning>, StoreError> {
        let rows = sqlx::query(beginnings!("ORDER BY room_sid, rank, sid"))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_beginning).collect()
    }

    /// Gives the journal another id, which is returned.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub async fn renew(&self) -> Result<String, StoreError> {
        sqlx::query("UPDATE journal SET id = lower(hex(randomblob(12))), projected = 0")
            .execute(&self.pool)
            .await?;
        self.id().await
    }

    /// Returns the participants that are there, with what their sessions have come to.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn participants(&self) -> Result<Vec<Beginning>, StoreError> {
        let rows = sqlx::query(beginnings!("WHERE rank = $1 ORDER BY room_sid, sid"))
            .bind(RANK_PARTICIPANT)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_beginning).collect()
    }
}

/// Reads what has begun.
fn read_beginning(row: &SqliteRow) -> Result<Beginning, StoreError> {
    Ok(Beginning {
        room_sid: row.try_get("room_sid")?,
        sid: row.try_get("sid")?,
        rank: row.try_get("rank")?,
        kind: row.try_get("kind")?,
        body: row.try_get("body")?,
        record: Record::read(row.try_get("record")?),
        at: page::time(row.try_get("at")?).unwrap_or_default(),
    })
}
