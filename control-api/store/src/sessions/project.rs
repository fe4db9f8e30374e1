//! What an event changes.

use sqlx::{Any, Transaction};

use super::Day;
use super::progress;
use super::usage::{self, Share};
use crate::record::{Joined, Left, Published, Record};
use crate::{Store, StoreError, WrittenEvent};

/// Events of a journal, and who tells of them.
type Tx<'a> = Transaction<'a, Any>;

impl Store {
    /// Returns up to which event of a journal the sessions have been made; 0 if of none.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn projected(&self, journal: &str) -> Result<i64, StoreError> {
        let at = sqlx::query_scalar("SELECT sequence FROM projections WHERE journal = $1")
            .bind(journal)
            .fetch_optional(&self.pool)
            .await?;
        Ok(at.unwrap_or_default())
    }

    /// Takes events of a journal, in its order: each once, however often it is given. Those that say nothing of sessions
    /// change nothing.
    ///
    /// # Errors
    ///
    /// The database does not answer: nothing of it is taken then.
    pub async fn project(&self, journal: &str, events: &[WrittenEvent]) -> Result<(), StoreError> {
        let Some(last) = events.last() else {
            return Ok(());
        };
        let mut tx = self.pool.begin().await?;
        let taken = advance(&mut tx, journal, last.sequence).await?;
        for event in events.iter().filter(|event| event.sequence > taken) {
            if let Some(record) = &event.record {
                take(&mut tx, journal, event, record).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Notes how far a journal is taken. Returns how far it was.
async fn advance(tx: &mut Tx<'_>, journal: &str, sequence: i64) -> Result<i64, StoreError> {
    // It begins with a write, because SQLite lets nobody write who has read before somebody else wrote.
    sqlx::query(
        "INSERT INTO projections (journal, sequence) VALUES ($1, 0) ON CONFLICT (journal) DO UPDATE SET sequence = projections.sequence",
    )
    .bind(journal)
    .execute(&mut **tx)
    .await?;
    let taken: i64 = sqlx::query_scalar("SELECT sequence FROM projections WHERE journal = $1")
        .bind(journal)
        .fetch_one(&mut **tx)
        .await?;
    if sequence > taken {
        sqlx::query("UPDATE projections SET sequence = $2 WHERE journal = $1")
            .bind(journal)
            .bind(sequence)
            .execute(&mut **tx)
            .await?;
    }
    Ok(taken)
}

async fn take(
    tx: &mut Tx<'_>,
    journal: &str,
    event: &WrittenEvent,
    record: &Record,
) -> Result<(), StoreError> {
    let at = event.at.millis();
    let room_sid = event.room_sid.as_str();
    match record {
        Record::RoomStarted { room } => open_room(tx, journal, (room_sid, room), at).await,
        Record::RoomEnded {
            lasted_ms,
            reason,
            recovered,
        } => {
            let end = RoomEnd {
                at,
                lasted_ms: *lasted_ms,
                reason,
                recovered: *recovered,
            };
            end_room(tx, room_sid, &end).await
        }
        Record::Joined(joined) => {
            open_room(tx, journal, (room_sid, &joined.room), at).await?;
            join(tx, room_sid, joined, at).await
        }
        Record::Left(left) => leave(tx, room_sid, left, at).await,
        Record::Published(published) => publish(tx, room_sid, published, at).await,
        Record::Unpublished { track } => unpublish(tx, room_sid, track, at).await,
    }
}

async fn open_room(
    tx: &mut Tx<'_>,
    journal: &str,
    (sid, room): (&str, &str),
    at: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO room_sessions (sid, room, journal, started_at, ended_at, lasted_ms, end_reason, recovered, participants, \
         present, peak_participants, peak_viewers, participant_ms, received, sent, tracks) \
         VALUES ($1, $2, $3, $4, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (sid) DO NOTHING",
    )
    .bind(sid)
    .bind(room)
    .bind(journal)
    .bind(at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// How a room ended.
struct RoomEnd<'a> {
    at: i64,
    lasted_ms: i64,
    reason: &'a str,
    recovered: bool,
}

async fn end_room(tx: &mut Tx<'_>, sid: &str, end: &RoomEnd<'_>) -> Result<(), StoreError> {
    // Whose end was lost, because the journal was full, ends with the room.
    for statement in [
        "UPDATE participant_sessions SET left_at = $2, recovered = 1 WHERE room_sid = $1 AND left_at = 0",
        "UPDATE track_sessions SET unpublished_at = $2 WHERE room_sid = $1 AND unpublished_at = 0",
    ] {
        sqlx::query(statement)
            .bind(sid)
            .bind(end.at)
            .execute(&mut **tx)
            .await?;
    }
    let peak_viewers = super::rooms::peak_viewers(tx, sid, end.at).await?;
    sqlx::query(
        "UPDATE room_sessions SET ended_at = $2, lasted_ms = $3, end_reason = $4, recovered = $5, present = 0, \
         peak_viewers = $6 WHERE sid = $1 AND ended_at = 0",
    )
    .bind(sid)
    .bind(end.at)
    .bind(end.lasted_ms)
    .bind(end.reason)
    .bind(i64::from(end.recovered))
    .bind(peak_viewers)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn join(tx: &mut Tx<'_>, room_sid: &str, joined: &Joined, at: i64) -> Result<(), StoreError> {
    let client = &joined.client;
    let added = sqlx::query(
        "INSERT INTO participant_sessions (sid, room_sid, room, identity, name, kind, dependent, api_key, address, sdk, \
         sdk_version, os, os_version, browser, browser_version, device, joined_at, left_at, lasted_ms, disconnect_reason, \
         recovered, received, sent, tracks, excellent, good, poor, lost) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0) \
         ON CONFLICT (sid) DO NOTHING",
    )
    .bind(&joined.sid)
    .bind(room_sid)
    .bind(&joined.room)
    .bind(&joined.identity)
    .bind(&joined.name)
    .bind(&joined.kind)
    .bind(i64::from(joined.is_dependent))
    .bind(&joined.api_key)
    .bind(&joined.address)
    .bind(&client.sdk)
    .bind(&client.sdk_version)
    .bind(&client.os)
    .bind(&client.os_version)
    .bind(&client.browser)
    .bind(&client.browser_version)
    .bind(&client.device)
    .bind(at)
    .execute(&mut **tx)
    .await?
    .rows_affected();
    if added == 1 && !joined.is_dependent {
        sqlx::query(
            "UPDATE room_sessions SET participants = participants + 1, present = present + 1, peak_participants = \
             CASE WHEN present + 1 > peak_participants THEN present + 1 ELSE peak_participants END WHERE sid = $1",
        )
        .bind(room_sid)
        .execute(&mut **tx)
        .await?;
    }
    if added == 1 {
        let begun = Share {
            sessions: 1,
            ..Share::default()
        };
        let whose = (joined.api_key.as_str(), joined.room.as_str());
        usage::add(tx, Day::of(at), whose, &begun).await?;
    }
    Ok(())
}

async fn leave(tx: &mut Tx<'_>, room_sid: &str, left: &Left, at: i64) -> Result<(), StoreError> {
    let Some(session) = progress::take(tx, &left.sid, at, &left.account).await? else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE participant_sessions SET left_at = $2, disconnect_reason = $3, recovered = $4 WHERE sid = $1",
    )
    .bind(&left.sid)
    .bind(at)
    .bind(&left.reason)
    .bind(i64::from(left.recovered))
    .execute(&mut **tx)
    .await?;
    if !session.is_dependent {
        sqlx::query(
            "UPDATE room_sessions SET present = present - 1 WHERE sid = $1 AND present > 0",
        )
        .bind(room_sid)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

async fn publish(
    tx: &mut Tx<'_>,
    room_sid: &str,
    published: &Published,
    at: i64,
) -> Result<(), StoreError> {
    let added = sqlx::query(
        "INSERT INTO track_sessions (sid, room_sid, participant_sid, kind, source, mime_type, name, published_at, \
         unpublished_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) ON CONFLICT (room_sid, sid) DO NOTHING",
    )
    .bind(&published.track)
    .bind(room_sid)
    .bind(&published.participant)
    .bind(&published.kind)
    .bind(&published.source)
    .bind(&published.mime_type)
    .bind(&published.name)
    .bind(at)
    .execute(&mut **tx)
    .await?
    .rows_affected();
    if added == 1 {
        for (statement, sid) in [
            (
                "UPDATE participant_sessions SET tracks = tracks + 1 WHERE sid = $1",
                published.participant.as_str(),
            ),
            (
                "UPDATE room_sessions SET tracks = tracks + 1 WHERE sid = $1",
                room_sid,
            ),
        ] {
            sqlx::query(statement).bind(sid).execute(&mut **tx).await?;
        }
    }
    Ok(())
}

async fn unpublish(
    tx: &mut Tx<'_>,
    room_sid: &str,
    track: &str,
    at: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE track_sessions SET unpublished_at = $3 WHERE room_sid = $1 AND sid = $2 AND unpublished_at = 0",
    )
    .bind(room_sid)
    .bind(track)
    .bind(at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
