//! What is written down together.

use sfu_model::UnixTime;
use sqlx::{Row, Sqlite, Transaction};

use super::Journal;
use super::event::{JournalEvent, Progress};
use crate::{Record, StoreError};

/// What is written in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// Events, in their order.
    pub events: Vec<JournalEvent>,
    /// What receivers have taken: target and sequence.
    pub taken: Vec<(String, i64)>,
    /// What is given up.
    pub given_up: Vec<Given>,
    /// What has come of what has begun.
    pub progress: Vec<Progress>,
    /// Up to which event the store has made sessions of them.
    pub projected: Option<i64>,
    /// That the node runs at this time.
    pub alive_at: Option<UnixTime>,
}

/// An event that is given up for a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The receiver.
    pub target: String,
    /// The event.
    pub sequence: i64,
    /// When.
    pub at: UnixTime,
    /// What went wrong last.
    pub reason: String,
}

impl Writes {
    /// Reports whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.taken.is_empty()
            && self.given_up.is_empty()
            && self.progress.is_empty()
            && self.projected.is_none()
            && self.alive_at.is_none()
    }
}

impl Journal {
    /// Writes all of it, or nothing.
    ///
    /// # Errors
    ///
    /// The file cannot be written: nothing of it is.
    pub async fn write(&self, writes: &Writes) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for event in &writes.events {
            add(&mut transaction, event).await?;
        }
        for (target, sequence) in &writes.taken {
            forget(&mut transaction, target, *sequence).await?;
        }
        for given in &writes.given_up {
            give_up(&mut transaction, given).await?;
        }
        for progress in &writes.progress {
            note(&mut transaction, progress).await?;
        }
        if let Some(sequence) = writes.projected {
            sqlx::query("UPDATE journal SET projected = $1")
                .bind(sequence)
                .execute(&mut *transaction)
                .await?;
        }
        if let Some(at) = writes.alive_at {
            sqlx::query("INSERT INTO life (one, alive_at) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET alive_at = excluded.alive_at")
                .bind(at.millis())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets events from before a time that nobody has still to be told and of which sessions have been made, a few
    /// thousand at a time. Returns how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub async fn prune(&self, before: UnixTime, at_most: u32) -> Result<u64, StoreError> {
        let pruned = sqlx::query(
            "DELETE FROM events WHERE sequence IN (SELECT e.sequence FROM events e WHERE e.at < $1 AND e.sequence <= (SELECT projected FROM journal) \
             AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.sequence = e.sequence) \
             AND NOT EXISTS (SELECT 1 FROM dead x WHERE x.sequence = e.sequence) ORDER BY e.at LIMIT $2)",
        )
        .bind(before.millis())
        .bind(i64::from(at_most))
        .execute(&self.pool)
        .await?;
        Ok(pruned.rows_affected())
    }

    /// Forgets the oldest events beyond the `kept` latest, whoever has still to be told of them. Returns how often somebody
    /// had.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub async fn prune_beyond(&self, kept: u32) -> Result<u64, StoreError> {
        // Numbers have no gaps but at the old end, so that the last one says how many there are.
        let row = sqlx::query("SELECT COALESCE(MAX(sequence), 0) FROM events")
            .fetch_one(&self.pool)
            .await?;
        let last: i64 = row.try_get(0)?;
        let oldest = last.saturating_sub(i64::from(kept));
        if oldest <= 0 {
            return Ok(0);
        }
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let untold = sqlx::query("DELETE FROM deliveries WHERE sequence <= $1")
            .bind(oldest)
            .execute(&mut *transaction)
            .await?;
        for statement in [
            "DELETE FROM dead WHERE sequence <= $1",
            "DELETE FROM events WHERE sequence <= $1",
        ] {
            sqlx::query(statement)
                .bind(oldest)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(untold.rows_affected())
    }

    /// Forgets events that were given up before a time.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub async fn prune_dead(&self, before: UnixTime) -> Result<u64, StoreError> {
        let pruned = sqlx::query("DELETE FROM dead WHERE at < $1")
            .bind(before.millis())
            .execute(&self.pool)
            .await?;
        Ok(pruned.rows_affected())
    }
}

async fn add(
    transaction: &mut Transaction<'_, Sqlite>,
    event: &JournalEvent,
) -> Result<(), StoreError> {
    let added = sqlx::query("INSERT INTO events (id, at, kind, room_sid, room_sequence, body, record) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(&event.id)
        .bind(event.at.millis())
        .bind(&event.kind)
        .bind(&event.room_sid)
        .bind(event.room_sequence)
        .bind(&event.body)
        .bind(written(event.record.as_ref()))
        .execute(&mut **transaction)
        .await?;
    let sequence = added.last_insert_rowid();
    for target in &event.targets {
        sqlx::query("INSERT INTO deliveries (target, sequence) VALUES ($1, $2)")
            .bind(target)
            .bind(sequence)
            .execute(&mut **transaction)
            .await?;
    }
    if let Some(sid) = &event.ends {
        // With a room ends all in it: nothing may be told of it later, even if the end of something was lost.
        sqlx::query("DELETE FROM beginnings WHERE room_sid = $1 AND (sid = $2 OR $2 = $1)")
            .bind(&event.room_sid)
            .bind(sid)
            .execute(&mut **transaction)
            .await?;
    }
    if let Some(beginning) = &event.begins {
        sqlx::query("INSERT OR REPLACE INTO beginnings (room_sid, sid, rank, kind, body, record, at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(&beginning.room_sid)
            .bind(&beginning.sid)
            .bind(beginning.rank)
            .bind(&beginning.kind)
            .bind(&beginning.body)
            .bind(written(beginning.record.as_ref()))
            .bind(beginning.at.millis())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

fn written(record: Option<&Record>) -> String {
    record.map(Record::write).unwrap_or_default()
}

async fn note(
    transaction: &mut Transaction<'_, Sqlite>,
    progress: &Progress,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE beginnings SET record = $3, at = $4 WHERE room_sid = $1 AND sid = $2")
        .bind(&progress.room_sid)
        .bind(&progress.sid)
        .bind(progress.record.write())
        .bind(progress.at.millis())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn forget(
    transaction: &mut Transaction<'_, Sqlite>,
    target: &str,
    sequence: i64,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM deliveries WHERE target = $1 AND sequence = $2")
        .bind(target)
        .bind(sequence)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn give_up(
    transaction: &mut Transaction<'_, Sqlite>,
    given: &Given,
) -> Result<(), StoreError> {
    forget(transaction, &given.target, given.sequence).await?;
    sqlx::query(
        "INSERT OR REPLACE INTO dead (target, sequence, at, reason) VALUES ($1, $2, $3, $4)",
    )
    .bind(&given.target)
    .bind(given.sequence)
    .bind(given.at.millis())
    .bind(&given.reason)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
