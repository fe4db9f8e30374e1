//! What is old is forgotten.

use sfu_model::UnixTime;

use super::Day;
use crate::{Store, StoreError};

/// Rows of a table that are forgotten at a time.
const PRUNED: i64 = 5_000;

impl Store {
    /// Forgets sessions that ended before a time, some thousands at a time. Returns how many rows that were.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn prune_sessions(&self, before: UnixTime) -> Result<u64, StoreError> {
        let mut pruned = 0;
        for statement in [
            "DELETE FROM track_sessions WHERE (room_sid, sid) IN (SELECT room_sid, sid FROM track_sessions \
             WHERE unpublished_at > 0 AND unpublished_at < $1 LIMIT $2)",
            "DELETE FROM participant_sessions WHERE sid IN (SELECT sid FROM participant_sessions \
             WHERE left_at > 0 AND left_at < $1 LIMIT $2)",
            "DELETE FROM room_sessions WHERE sid IN (SELECT sid FROM room_sessions \
             WHERE ended_at > 0 AND ended_at < $1 LIMIT $2)",
        ] {
            let deleted = sqlx::query(statement)
                .bind(before.millis())
                .bind(PRUNED)
                .execute(&self.pool)
                .await?;
            pruned += deleted.rows_affected();
        }
        Ok(pruned)
    }

    /// Forgets what was used before a day. Returns how many rows that were.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn prune_usage(&self, before: Day) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM usage_days WHERE day < $1")
            .bind(before.0)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected())
    }
}
