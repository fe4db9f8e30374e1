//! The table of room sessions.

use sfu_model::UnixTime;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::page::{self, After};
use crate::{Store, StoreError};

/// A room from its opening to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSession {
    /// The room's sid, which no other session has.
    pub sid: String,
    /// The room's name.
    pub room: String,
    /// When it was opened.
    pub started_at: UnixTime,
    /// When it ended; nothing while it is open.
    pub ended_at: Option<UnixTime>,
    /// How long it lasted, in milliseconds; 0 while it is open.
    pub lasted_ms: i64,
    /// Why it ended: a `RoomEndReason` of LiveKit.
    pub end_reason: String,
    /// Whether its end was not told, and is the last time at which it was known to be open.
    pub recovered: bool,
    /// How many sessions of participants it had; agents and recorders aside, here and below.
    pub participants: i64,
    /// How many are there.
    pub present: i64,
    /// How many were there at once at most.
    pub peak_participants: i64,
    /// How many of those were there at once at most who published nothing; 0 while it is open.
    pub peak_viewers: i64,
    /// How long participants were there, in milliseconds.
    pub participant_ms: i64,
    /// Bytes that came from all who were there.
    pub received: i64,
    /// Bytes that went to them.
    pub sent: i64,
    /// How many tracks were published.
    pub tracks: i64,
}

/// Which room sessions are listed.
#[derive(Clone, Debug, Default)]
pub struct RoomFilter {
    /// Only those of rooms of this name.
    pub room: String,
    /// Only those that are open.
    pub open: bool,
    /// Only those that were open at this time or later.
    pub from: Option<UnixTime>,
    /// Only those that were opened before this time.
    pub to: Option<UnixTime>,
    /// Only what comes after this.
    pub after: Option<After>,
    /// How many at most.
    pub limit: u32,
}

/// Writes a query of room sessions, from `WHERE` on, that [`read`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT sid, room, started_at, ended_at, lasted_ms, end_reason, recovered, participants, present, \
             peak_participants, peak_viewers, participant_ms, received, sent, tracks FROM room_sessions ",
            $rest
        )
    };
}

/// Writes a query of many, with the condition by which they are found first.
macro_rules! list {
    ($first:literal) => {
        concat!(
            select!("WHERE "),
            $first,
            " AND ($1 = '' OR room = $1) AND ($2 = 0 OR ended_at = 0) AND (ended_at = 0 OR ended_at >= $3) \
             AND ($4 = 0 OR started_at < $4) AND (started_at < $5 OR (started_at = $5 AND sid > $6)) \
             ORDER BY started_at DESC, sid LIMIT $7"
        )
    };
}

impl Store {
    /// Lists room sessions, the latest first.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn room_sessions(&self, filter: &RoomFilter) -> Result<Vec<RoomSession>, StoreError> {
        let (at, sid) = After::bounds(filter.after.as_ref());
        // An index helps only where its column must be equal to something.
        let query = match filter {
            _ if !filter.room.is_empty() => list!("room = $1"),
            _ if filter.open => list!("ended_at = 0"),
            _ => list!("started_at <= $5"),
        };
        let rows = sqlx::query(query)
            .bind(&filter.room)
            .bind(i64::from(filter.open))
            .bind(page::millis(filter.from))
            .bind(page::millis(filter.to))
            .bind(at)
            .bind(sid)
            .bind(page::rows(filter.limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Finds a room session.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn room_session(&self, sid: &str) -> Result<Option<RoomSession>, StoreError> {
        let row = sqlx::query(select!("WHERE sid = $1"))
            .bind(sid)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns how many of the participants of a room session were there at once at most who published nothing, where
    /// those who are there stay until a time.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn peak_viewers(&self, sid: &str, until: UnixTime) -> Result<i64, StoreError> {
        let mut connection = self.pool.acquire().await?;
        peak_viewers(&mut connection, sid, until.millis()).await
    }
}

fn read(row: &AnyRow) -> Result<RoomSession, StoreError> {
    let number = |column: &str| row.try_get::<i64, _>(column);
    Ok(RoomSession {
        sid: row.try_get("sid")?,
        room: row.try_get("room")?,
        started_at: page::time(number("started_at")?).unwrap_or_default(),
        ended_at: page::time(number("ended_at")?),
        lasted_ms: number("lasted_ms")?,
        end_reason: row.try_get("end_reason")?,
        recovered: number("recovered")? != 0,
        participants: number("participants")?,
        present: number("present")?,
        peak_participants: number("peak_participants")?,
        peak_viewers: number("peak_viewers")?,
        participant_ms: number("participant_ms")?,
        received: number("received")?,
        sent: number("sent")?,
        tracks: number("tracks")?,
    })
}

/// Returns how many of those were there at once at most who published nothing.
pub(super) async fn peak_viewers(
    connection: &mut AnyConnection,
    sid: &str,
    ended_at: i64,
) -> Result<i64, StoreError> {
    // Who leaves in the millisecond in which another comes was not there with it.
    let most: Option<i64> = sqlx::query_scalar(
        "SELECT CAST(MAX(there) AS BIGINT) FROM (SELECT SUM(step) OVER (ORDER BY at, step) AS there FROM (\
         SELECT joined_at AS at, 1 AS step FROM participant_sessions \
         WHERE room_sid = $1 AND dependent = 0 AND tracks = 0 UNION ALL \
         SELECT CASE WHEN left_at = 0 THEN $2 WHEN left_at > joined_at THEN left_at ELSE joined_at + 1 END, -1 \
         FROM participant_sessions WHERE room_sid = $1 AND dependent = 0 AND tracks = 0) AS steps) AS sums",
    )
    .bind(sid)
    .bind(ended_at)
    .fetch_one(&mut *connection)
    .await?;
    Ok(most.unwrap_or_default().max(0))
}
