//! Who has still to be told what.

use sfu_model::UnixTime;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Journal;
use crate::StoreError;
use crate::page;

/// An event that a receiver has still to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number in the journal.
    pub sequence: i64,
    /// Its room.
    pub room_sid: String,
    /// When it happened.
    pub at: UnixTime,
    /// What is sent.
    pub body: String,
}

/// An event that was given up for a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadEvent {
    /// The receiver.
    pub target: String,
    /// Its number in the journal.
    pub sequence: i64,
    /// Its id.
    pub id: String,
    /// Its name.
    pub kind: String,
    /// When it was given up.
    pub given_up_at: UnixTime,
    /// What went wrong last.
    pub reason: String,
    /// What was to be sent.
    pub body: String,
}

impl Journal {
    /// Returns what a receiver has still to take after a sequence number, in its order.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn deliveries(
        &self,
        target: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.sequence, e.room_sid, e.at, e.body FROM deliveries d JOIN events e ON e.sequence = d.sequence \
             WHERE d.target = $1 AND d.sequence > $2 ORDER BY d.sequence LIMIT $3",
        )
        .bind(target)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &SqliteRow| {
            Ok(Delivery {
                sequence: row.try_get("sequence")?,
                room_sid: row.try_get("room_sid")?,
                at: page::time(row.try_get("at")?).unwrap_or_default(),
                body: row.try_get("body")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Returns how much a receiver has still to take.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn count_deliveries(&self, target: &str) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) FROM deliveries WHERE target = $1")
            .bind(target)
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Gives up what is for receivers that are none any more: those that are not `known`. Returns how much.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub async fn give_up_unknown(&self, known: &[String], at: UnixTime) -> Result<u64, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT target FROM deliveries")
            .fetch_all(&self.pool)
            .await?;
        let mut given_up = 0;
        for row in rows {
            let target: String = row.try_get(0)?;
            if known.contains(&target) {
                continue;
            }
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query(
                "INSERT OR REPLACE INTO dead (target, sequence, at, reason) \
                 SELECT target, sequence, $2, 'the receiver is not configured any more' FROM deliveries WHERE target = $1",
            )
            .bind(&target)
            .bind(at.millis())
            .execute(&mut *transaction)
            .await?;
            let removed = sqlx::query("DELETE FROM deliveries WHERE target = $1")
                .bind(&target)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            given_up += removed.rows_affected();
        }
        Ok(given_up)
    }

    /// Lists what was given up, the latest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn dead(
        &self,
        target: &str,
        before: i64,
        limit: u32,
    ) -> Result<Vec<DeadEvent>, StoreError> {
        let rows = sqlx::query(
            "SELECT x.target, x.sequence, e.id, e.kind, x.at, x.reason, e.body \
             FROM dead x JOIN events e ON e.sequence = x.sequence \
             WHERE ($1 = '' OR x.target = $1) AND x.sequence < $2 ORDER BY x.sequence DESC, x.target LIMIT $3",
        )
        .bind(target)
        .bind(before)
        .bind(page::rows(limit))
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &SqliteRow| {
            Ok(DeadEvent {
                target: row.try_get("target")?,
                sequence: row.try_get("sequence")?,
                id: row.try_get("id")?,
                kind: row.try_get("kind")?,
                given_up_at: page::time(row.try_get("at")?).unwrap_or_default(),
                reason: row.try_get("reason")?,
                body: row.try_get("body")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Returns how much was given up for a receiver.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn count_dead(&self, target: &str) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) FROM dead WHERE target = $1")
            .bind(target)
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Has given-up events tried again: all of a receiver, or one. Returns how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub async fn revive(&self, target: &str, sequence: Option<i64>) -> Result<u64, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let one = sequence.unwrap_or(0);
        let revived = sqlx::query(
            "INSERT OR IGNORE INTO deliveries (target, sequence) \
             SELECT target, sequence FROM dead WHERE target = $1 AND ($2 = 0 OR sequence = $2)",
        )
        .bind(target)
        .bind(one)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM dead WHERE target = $1 AND ($2 = 0 OR sequence = $2)")
            .bind(target)
            .bind(one)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(revived.rows_affected())
    }
}
