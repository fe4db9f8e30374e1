//! What an open session has come to since that was written last.

use sfu_model::UnixTime;
use sqlx::{Any, Row, Transaction};

use super::days;
use super::usage::{self, Share};
use crate::record::Account;
use crate::{Store, StoreError};

/// What an open session has come to, and as of when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The participant's sid.
    pub sid: String,
    /// As of when.
    pub at: UnixTime,
    /// What it has come to.
    pub account: Account,
}

/// Whose session it is.
pub(super) struct Owner {
    pub(super) is_dependent: bool,
}

impl Store {
    /// Writes what open sessions have come to. Of those that are over, or not known, nothing.
    ///
    /// # Errors
    ///
    /// The database does not answer: nothing of it is written then.
    pub async fn note_running(&self, running: &[Running]) -> Result<(), StoreError> {
        if running.is_empty() {
            return Ok(());
        }
        let mut tx = self.pool.begin().await?;
        for session in running {
            take(&mut tx, &session.sid, session.at.millis(), &session.account).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Takes what an open session has come to, and adds what that is more than before to its room and its key. Returns whose it
/// is; nothing if it is over or not known.
pub(super) async fn take(
    tx: &mut Transaction<'_, Any>,
    sid: &str,
    at: i64,
    account: &Account,
) -> Result<Option<Owner>, StoreError> {
    let Some((session, known)) = write(tx, sid, account).await? else {
        return Ok(None);
    };
    let more = |by_now: i64, before: i64| by_now.saturating_sub(before).max(0);
    let lasted = more(account.lasted_ms, known.lasted_ms);
    let received = more(account.received, known.received);
    let sent = more(account.sent, known.sent);
    let (participant_ms, dependent_ms) = match session.is_dependent {
        true => (0, lasted),
        false => (lasted, 0),
    };
    sqlx::query(
        "UPDATE room_sessions SET participant_ms = participant_ms + $2, received = received + $3, sent = sent + $4 WHERE sid = $1",
    )
    .bind(&session.room_sid)
    .bind(participant_ms)
    .bind(received)
    .bind(sent)
    .execute(&mut **tx)
    .await?;
    let amounts = [participant_ms, dependent_ms, received, sent];
    for (day, [participant_ms, dependent_ms, received, sent]) in days::spread(at, lasted, amounts) {
        let share = Share {
            sessions: 0,
            participant_ms,
            dependent_ms,
            received,
            sent,
        };
        usage::add(tx, day, (&session.api_key, &session.room), &share).await?;
    }
    Ok(Some(Owner {
        is_dependent: session.is_dependent,
    }))
}

/// A session as it is in its row.
struct Session {
    room_sid: String,
    room: String,
    api_key: String,
    is_dependent: bool,
}

/// Writes what an open session has come to, never less than before. Returns what it was.
async fn write(
    tx: &mut Transaction<'_, Any>,
    sid: &str,
    account: &Account,
) -> Result<Option<(Session, Account)>, StoreError> {
    let row = sqlx::query(
        "SELECT room_sid, room, api_key, dependent, lasted_ms, received, sent FROM participant_sessions \
         WHERE sid = $1 AND left_at = 0",
    )
    .bind(sid)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let session = Session {
        room_sid: row.try_get("room_sid")?,
        room: row.try_get("room")?,
        api_key: row.try_get("api_key")?,
        is_dependent: row.try_get::<i64, _>("dependent")? != 0,
    };
    let known = Account {
        lasted_ms: row.try_get("lasted_ms")?,
        received: row.try_get("received")?,
        sent: row.try_get("sent")?,
        ..Account::default()
    };
    sqlx::query(
        "UPDATE participant_sessions SET lasted_ms = $2, received = $3, sent = $4, excellent = $5, good = $6, poor = $7, \
         lost = $8 WHERE sid = $1",
    )
    .bind(sid)
    .bind(account.lasted_ms.max(known.lasted_ms))
    .bind(account.received.max(known.received))
    .bind(account.sent.max(known.sent))
    .bind(account.excellent)
    .bind(account.good)
    .bind(account.poor)
    .bind(account.lost)
    .execute(&mut **tx)
    .await?;
    Ok(Some((session, known)))
}
