//! The tables of participants' sessions and of what they published.

use sfu_model::UnixTime;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::page::{self, After};
use crate::record::{Account, ClientProgram};
use crate::{Store, StoreError};

/// A participant from its joining to its leaving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantSession {
    /// The participant's sid, which no other session has.
    pub sid: String,
    /// The session of its room.
    pub room_sid: String,
    /// The room's name.
    pub room: String,
    /// Its identity.
    pub identity: String,
    /// What it was called when it joined.
    pub name: String,
    /// A `ParticipantInfo.Kind` of LiveKit.
    pub kind: String,
    /// Whether it was there for the sake of others, as agents and recorders are.
    pub is_dependent: bool,
    /// The key of the first of its tokens.
    pub api_key: String,
    /// Where it came from; empty if that is not known.
    pub address: String,
    /// Its program.
    pub client: ClientProgram,
    /// When its media was connected.
    pub joined_at: UnixTime,
    /// When it left; nothing while it is there.
    pub left_at: Option<UnixTime>,
    /// Why it left: a `DisconnectReason` of LiveKit.
    pub disconnect_reason: String,
    /// Whether its end was not told, and is the last time at which it was known to be there.
    pub recovered: bool,
    /// How many tracks it published.
    pub tracks: i64,
    /// What it came to.
    pub account: Account,
}

/// A track from its publication to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackSession {
    /// Its sid.
    pub sid: String,
    /// Its publisher's.
    pub participant_sid: String,
    /// A `TrackType` of LiveKit.
    pub kind: String,
    /// A `TrackSource` of LiveKit.
    pub source: String,
    /// How it was encoded.
    pub mime_type: String,
    /// What it was called.
    pub name: String,
    /// When its media came.
    pub published_at: UnixTime,
    /// When it ended; nothing while it is there.
    pub unpublished_at: Option<UnixTime>,
}

/// Which participants' sessions are listed.
#[derive(Clone, Debug, Default)]
pub struct ParticipantFilter {
    /// Only those in this room session.
    pub room_sid: String,
    /// Only those in rooms of this name.
    pub room: String,
    /// Only those of this identity.
    pub identity: String,
    /// Only those of this key.
    pub api_key: String,
    /// Only those that are open.
    pub open: bool,
    /// Only those that were open at this time or later.
    pub from: Option<UnixTime>,
    /// Only those that began before this time.
    pub to: Option<UnixTime>,
    /// Only what comes after this.
    pub after: Option<After>,
    /// How many at most.
    pub limit: u32,
}

/// Writes a query of participants' sessions, with the condition by which they are found first.
macro_rules! list {
    ($first:literal) => {
        concat!(
            "SELECT sid, room_sid, room, identity, name, kind, dependent, api_key, address, sdk, sdk_version, os, os_version, \
             browser, browser_version, device, joined_at, left_at, lasted_ms, disconnect_reason, recovered, received, sent, \
             tracks, excellent, good, poor, lost FROM participant_sessions WHERE ",
            $first,
            " AND ($1 = '' OR room_sid = $1) AND ($2 = '' OR room = $2) AND ($3 = '' OR identity = $3) \
             AND ($4 = '' OR api_key = $4) AND ($5 = 0 OR left_at = 0) AND (left_at = 0 OR left_at >= $6) \
             AND ($7 = 0 OR joined_at < $7) AND (joined_at < $8 OR (joined_at = $8 AND sid > $9)) \
             ORDER BY joined_at DESC, sid LIMIT $10"
        )
    };
}

impl Store {
    /// Lists participants' sessions, the latest first.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn participant_sessions(
        &self,
        filter: &ParticipantFilter,
    ) -> Result<Vec<ParticipantSession>, StoreError> {
        let (at, sid) = After::bounds(filter.after.as_ref());
        // An index helps only where its column must be equal to something.
        let query = match filter {
            _ if !filter.room_sid.is_empty() => list!("room_sid = $1"),
            _ if !filter.identity.is_empty() => list!("identity = $3"),
            _ if !filter.room.is_empty() => list!("room = $2"),
            _ if filter.open => list!("left_at = 0"),
            _ => list!("joined_at <= $8"),
        };
        let rows = sqlx::query(query)
            .bind(&filter.room_sid)
            .bind(&filter.room)
            .bind(&filter.identity)
            .bind(&filter.api_key)
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

    /// Lists what was published in a room session, the first first.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn track_sessions(
        &self,
        room_sid: &str,
        limit: u32,
    ) -> Result<Vec<TrackSession>, StoreError> {
        let rows = sqlx::query(
            "SELECT sid, participant_sid, kind, source, mime_type, name, published_at, unpublished_at FROM track_sessions \
             WHERE room_sid = $1 ORDER BY published_at, sid LIMIT $2",
        )
        .bind(room_sid)
        .bind(page::rows(limit))
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &AnyRow| {
            Ok(TrackSession {
                sid: row.try_get("sid")?,
                participant_sid: row.try_get("participant_sid")?,
                kind: row.try_get("kind")?,
                source: row.try_get("source")?,
                mime_type: row.try_get("mime_type")?,
                name: row.try_get("name")?,
                published_at: page::time(row.try_get("published_at")?).unwrap_or_default(),
                unpublished_at: page::time(row.try_get("unpublished_at")?),
            })
        };
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<ParticipantSession, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let number = |column: &str| row.try_get::<i64, _>(column);
    Ok(ParticipantSession {
        sid: text("sid")?,
        room_sid: text("room_sid")?,
        room: text("room")?,
        identity: text("identity")?,
        name: text("name")?,
        kind: text("kind")?,
        is_dependent: number("dependent")? != 0,
        api_key: text("api_key")?,
        address: text("address")?,
        client: ClientProgram {
            sdk: text("sdk")?,
            sdk_version: text("sdk_version")?,
            os: text("os")?,
            os_version: text("os_version")?,
            browser: text("browser")?,
            browser_version: text("browser_version")?,
            device: text("device")?,
        },
        joined_at: page::time(number("joined_at")?).unwrap_or_default(),
        left_at: page::time(number("left_at")?),
        disconnect_reason: text("disconnect_reason")?,
        recovered: number("recovered")? != 0,
        tracks: number("tracks")?,
        account: Account {
            lasted_ms: number("lasted_ms")?,
            received: number("received")?,
            sent: number("sent")?,
            excellent: number("excellent")?,
            good: number("good")?,
            poor: number("poor")?,
            lost: number("lost")?,
        },
    })
}
