//! What was used, by day, key and room.

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::Day;
use crate::{Store, StoreError, page};

/// What the sessions of a key in rooms of a name came to on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The day.
    pub day: Day,
    /// The key of their tokens; empty where it is not asked for.
    pub api_key: String,
    /// The room; empty where it is not asked for.
    pub room: String,
    /// What they came to.
    pub share: Share,
}

/// What sessions came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many began.
    pub sessions: i64,
    /// How long participants were there, in milliseconds.
    pub participant_ms: i64,
    /// How long agents and recorders were.
    pub dependent_ms: i64,
    /// Bytes that came from them.
    pub received: i64,
    /// Bytes that went to them.
    pub sent: i64,
}

/// Which usage is listed.
#[derive(Clone, Debug)]
pub struct UsageFilter {
    /// From this day on.
    pub from: Day,
    /// Up to and with this one.
    pub to: Day,
    /// Only of this key; of all if it is empty.
    pub api_key: String,
    /// Only in rooms of this name; in all if it is empty.
    pub room: String,
    /// Whether keys are told apart.
    pub by_key: bool,
    /// Whether rooms are told apart.
    pub by_room: bool,
    /// Only what comes after this day, key and room.
    pub after: Option<(Day, String, String)>,
    /// How many at most.
    pub limit: u32,
}

impl Store {
    /// Lists usage by day, key and room.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn usage(&self, filter: &UsageFilter) -> Result<Vec<Usage>, StoreError> {
        let (day, key, room) = match &filter.after {
            Some((day, key, room)) => (day.0, key.as_str(), room.as_str()),
            None => (i64::MIN, "", ""),
        };
        let rows = sqlx::query(
            "SELECT day, shown_key, shown_room, CAST(SUM(sessions) AS BIGINT) AS sessions, \
             CAST(SUM(participant_ms) AS BIGINT) AS participant_ms, CAST(SUM(dependent_ms) AS BIGINT) AS dependent_ms, \
             CAST(SUM(received) AS BIGINT) AS received, CAST(SUM(sent) AS BIGINT) AS sent FROM (\
             SELECT day, CASE WHEN $5 = 1 THEN api_key ELSE '' END AS shown_key, \
             CASE WHEN $6 = 1 THEN room ELSE '' END AS shown_room, sessions, participant_ms, dependent_ms, received, sent \
             FROM usage_days WHERE day >= $1 AND day <= $2 AND ($3 = '' OR api_key = $3) AND ($4 = '' OR room = $4)) AS shown \
             WHERE day > $7 OR (day = $7 AND (shown_key > $8 OR (shown_key = $8 AND shown_room > $9))) \
             GROUP BY day, shown_key, shown_room ORDER BY day, shown_key, shown_room LIMIT $10",
        )
        .bind(filter.from.0)
        .bind(filter.to.0)
        .bind(&filter.api_key)
        .bind(&filter.room)
        .bind(i64::from(filter.by_key))
        .bind(i64::from(filter.by_room))
        .bind(day)
        .bind(key)
        .bind(room)
        .bind(page::rows(filter.limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Returns how long the participants of each key were there from a day on, in milliseconds.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn key_usage(&self, from: Day) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT api_key, CAST(SUM(participant_ms) AS BIGINT) FROM usage_days WHERE day >= $1 GROUP BY api_key ORDER BY api_key",
        )
        .bind(from.0)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(read).collect()
    }
}

/// Adds to what a key used in a room on a day.
pub(super) async fn add(
    tx: &mut Transaction<'_, Any>,
    day: Day,
    (api_key, room): (&str, &str),
    share: &Share,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO usage_days (day, api_key, room, sessions, participant_ms, dependent_ms, received, sent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (day, api_key, room) DO UPDATE SET \
         sessions = usage_days.sessions + excluded.sessions, \
         participant_ms = usage_days.participant_ms + excluded.participant_ms, \
         dependent_ms = usage_days.dependent_ms + excluded.dependent_ms, \
         received = usage_days.received + excluded.received, sent = usage_days.sent + excluded.sent",
    )
    .bind(day.0)
    .bind(api_key)
    .bind(room)
    .bind(share.sessions)
    .bind(share.participant_ms)
    .bind(share.dependent_ms)
    .bind(share.received)
    .bind(share.sent)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Usage, StoreError> {
    Ok(Usage {
        day: Day(row.try_get("day")?),
        api_key: row.try_get("shown_key")?,
        room: row.try_get("shown_room")?,
        share: Share {
            sessions: row.try_get("sessions")?,
            participant_ms: row.try_get("participant_ms")?,
            dependent_ms: row.try_get("dependent_ms")?,
            received: row.try_get("received")?,
            sent: row.try_get("sent")?,
        },
    })
}
