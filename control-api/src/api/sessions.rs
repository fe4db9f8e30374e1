use axum::extract::{Path, State};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use sfu_model::UnixTime;
use store::{After, ParticipantFilter, ParticipantSession, RoomFilter, RoomSession, TrackSession};
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::new_ban::text;
use super::page;
use super::request::Parameters;
use super::state::Api;
use super::table::{self, Format, Paged, Row, Rows};
use crate::clock;
use crate::sessions::live;

/// Tracks that are told of one room session.
const MAX_TRACKS: u32 = 1000;

/// Rows of a page of CSV.
const CSV_PAGE: u32 = 1000;

/// How long a window lasts in which a connection is judged.
const WINDOW_SECONDS: i64 = 5;

/// A room from its opening to its end. While it is open, what is told of it is a second old at most.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomSessionView {
    /// The room's sid, which no other session has.
    sid: String,
    /// The room's name.
    room: String,
    started_at_ms: i64,
    /// Absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at_ms: Option<i64>,
    duration_ms: i64,
    /// A `RoomEndReason` of LiveKit; empty while it is open.
    end_reason: String,
    /// Whether the node ended without telling: the end is the last time at which the room was known to be open.
    recovered: bool,
    /// Sessions of participants; agents and recorders aside, here and below.
    participants: i64,
    /// Who is there now.
    present: i64,
    peak_participants: i64,
    /// How many of those were there at once at most who published nothing in their whole session; in lists 0 while it is open.
    peak_viewers: i64,
    participant_minutes: f64,
    bytes_received: i64,
    bytes_sent: i64,
    /// Tracks that were published.
    tracks: i64,
}

impl Row for RoomSessionView {
    const COLUMNS: &'static [&'static str] = &[
        "sid",
        "room",
        "started_at_ms",
        "ended_at_ms",
        "duration_ms",
        "end_reason",
        "recovered",
        "participants",
        "present",
        "peak_participants",
        "peak_viewers",
        "participant_minutes",
        "bytes_received",
        "bytes_sent",
        "tracks",
    ];
}

impl From<RoomSession> for RoomSessionView {
    fn from(session: RoomSession) -> Self {
        Self {
            sid: session.sid,
            room: session.room,
            started_at_ms: session.started_at.millis(),
            ended_at_ms: session.ended_at.map(UnixTime::millis),
            duration_ms: session.lasted_ms,
            end_reason: session.end_reason,
            recovered: session.recovered,
            participants: session.participants,
            present: session.present,
            peak_participants: session.peak_participants,
            peak_viewers: session.peak_viewers,
            participant_minutes: minutes(session.participant_ms),
            bytes_received: session.received,
            bytes_sent: session.sent,
            tracks: session.tracks,
        }
    }
}

/// A participant from its joining to its leaving. While it is there, what is told of it is a second old at most.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParticipantSessionView {
    /// The participant's sid, which no other session has.
    sid: String,
    /// The session of its room.
    room_sid: String,
    room: String,
    identity: String,
    /// What it was called when it joined.
    name: String,
    /// A `ParticipantInfo.Kind` of LiveKit.
    kind: String,
    /// The key of the first of its tokens.
    api_key: String,
    address: String,
    sdk: String,
    sdk_version: String,
    os: String,
    os_version: String,
    browser: String,
    browser_version: String,
    device: String,
    joined_at_ms: i64,
    /// Absent while it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_at_ms: Option<i64>,
    duration_ms: i64,
    /// A `DisconnectReason` of LiveKit; empty while it is there.
    disconnect_reason: String,
    /// Whether the node ended without telling: the end is the last time at which it was known to be there.
    recovered: bool,
    /// Tracks that it published.
    tracks: i64,
    bytes_received: i64,
    bytes_sent: i64,
    /// For how long it was connected how well.
    seconds_excellent: i64,
    seconds_good: i64,
    seconds_poor: i64,
    seconds_lost: i64,
}

impl Row for ParticipantSessionView {
    const COLUMNS: &'static [&'static str] = &[
        "sid",
        "room_sid",
        "room",
        "identity",
        "name",
        "kind",
        "api_key",
        "address",
        "sdk",
        "sdk_version",
        "os",
        "os_version",
        "browser",
        "browser_version",
        "device",
        "joined_at_ms",
        "left_at_ms",
        "duration_ms",
        "disconnect_reason",
        "recovered",
        "tracks",
        "bytes_received",
        "bytes_sent",
        "seconds_excellent",
        "seconds_good",
        "seconds_poor",
        "seconds_lost",
    ];
}

impl From<ParticipantSession> for ParticipantSessionView {
    fn from(session: ParticipantSession) -> Self {
        let (client, account) = (session.client, session.account);
        Self {
            sid: session.sid,
            room_sid: session.room_sid,
            room: session.room,
            identity: session.identity,
            name: session.name,
            kind: session.kind,
            api_key: session.api_key,
            address: session.address,
            sdk: client.sdk,
            sdk_version: client.sdk_version,
            os: client.os,
            os_version: client.os_version,
            browser: client.browser,
            browser_version: client.browser_version,
            device: client.device,
            joined_at_ms: session.joined_at.millis(),
            left_at_ms: session.left_at.map(UnixTime::millis),
            duration_ms: account.lasted_ms,
            disconnect_reason: session.disconnect_reason,
            recovered: session.recovered,
            tracks: session.tracks,
            bytes_received: account.received,
            bytes_sent: account.sent,
            seconds_excellent: account.excellent * WINDOW_SECONDS,
            seconds_good: account.good * WINDOW_SECONDS,
            seconds_poor: account.poor * WINDOW_SECONDS,
            seconds_lost: account.lost * WINDOW_SECONDS,
        }
    }
}

/// A track from its publication to its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrackSessionView {
    sid: String,
    /// Its publisher's sid.
    participant_sid: String,
    /// A `TrackType` of LiveKit.
    kind: String,
    /// A `TrackSource` of LiveKit.
    source: String,
    mime_type: String,
    name: String,
    published_at_ms: i64,
    /// Absent while it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    unpublished_at_ms: Option<i64>,
}

impl From<TrackSession> for TrackSessionView {
    fn from(track: TrackSession) -> Self {
        Self {
            sid: track.sid,
            participant_sid: track.participant_sid,
            kind: track.kind,
            source: track.source,
            mime_type: track.mime_type,
            name: track.name,
            published_at_ms: track.published_at.millis(),
            unpublished_at_ms: track.unpublished_at.map(UnixTime::millis),
        }
    }
}

/// A page of room sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomSessionPage {
    sessions: Vec<RoomSessionView>,
    /// What to write as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A room session with what was published in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomSessionDetail {
    session: RoomSessionView,
    /// The first 1000.
    tracks: Vec<TrackSessionView>,
}

/// A page of participants' sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParticipantSessionPage {
    participants: Vec<ParticipantSessionView>,
    /// What to write as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which room sessions are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoomsListed {
    /// Only those of rooms of this name.
    #[serde(default)]
    room: String,
    /// `true`: only those that are open.
    #[serde(default)]
    open: bool,
    /// Only those that were open at this time or later, in milliseconds since 1970.
    from_ms: Option<u64>,
    /// Only those that were opened before this time.
    to_ms: Option<u64>,
    /// `json`, or `csv` for all pages as one table.
    #[serde(default)]
    format: Format,
    /// Rows of a page, 1 to 1000. Default 100.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Which participants' sessions are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParticipantsListed {
    /// Only those in the room session of this sid.
    #[serde(default)]
    session: String,
    /// Only those in rooms of this name.
    #[serde(default)]
    room: String,
    /// Only those of this identity.
    #[serde(default)]
    identity: String,
    /// Only those whose first token was signed by this key.
    #[serde(default)]
    api_key: String,
    /// `true`: only those that are there.
    #[serde(default)]
    open: bool,
    /// Only those that were there at this time or later, in milliseconds since 1970.
    from_ms: Option<u64>,
    /// Only those that joined before this time.
    to_ms: Option<u64>,
    /// `json`, or `csv` for all pages as one table.
    #[serde(default)]
    format: Format,
    /// Rows of a page, 1 to 1000. Default 100.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists room sessions, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    params(RoomsListed),
    responses((status = 200, body = RoomSessionPage), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn list_rooms(
    State(api): State<Api>,
    _: Admin,
    Parameters(asked): Parameters<RoomsListed>,
) -> Result<Response, ApiError> {
    let filter = RoomFilter {
        room: text("room", &asked.room)?,
        open: asked.open,
        from: page::time("from_ms", asked.from_ms)?,
        to: page::time("to_ms", asked.to_ms)?,
        after: page::after(asked.after.as_deref())?,
        limit: page::limit(asked.limit)?,
    };
    let mut pages = RoomPages { api, filter };
    if asked.format == Format::Csv {
        pages.filter.limit = CSV_PAGE;
        return table::csv(pages).await;
    }
    let Rows { rows, next } = pages.read(None).await?;
    let next = next.map(|after| page::name(&after));
    let answer = RoomSessionPage {
        sessions: rows,
        next,
    };
    Ok(Json(answer).into_response())
}

/// Finds a room session, with what was published in it.
#[utoipa::path(
    get,
    path = "/api/v1/sessions/{sid}",
    params(("sid" = String, Path)),
    responses((status = 200, body = RoomSessionDetail), (status = 401, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn find_room(
    State(api): State<Api>,
    _: Admin,
    Path(sid): Path<String>,
) -> Result<Json<RoomSessionDetail>, ApiError> {
    let store = api.bans.store();
    let session = store.room_session(&text("sid", &sid)?).await?;
    let mut session = [session.ok_or_else(|| ApiError::not_found("the session"))?];
    live::bring_rooms_up(&api.rooms, store, &mut session).await?;
    let [mut session] = session;
    if session.ended_at.is_none() {
        session.peak_viewers = store.peak_viewers(&session.sid, clock::now()).await?;
    }
    let tracks = store.track_sessions(&session.sid, MAX_TRACKS).await?;
    Ok(Json(RoomSessionDetail {
        session: session.into(),
        tracks: tracks.into_iter().map(TrackSessionView::from).collect(),
    }))
}

/// Lists participants' sessions, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/participants",
    params(ParticipantsListed),
    responses((status = 200, body = ParticipantSessionPage), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn list_participants(
    State(api): State<Api>,
    _: Admin,
    Parameters(asked): Parameters<ParticipantsListed>,
) -> Result<Response, ApiError> {
    let filter = ParticipantFilter {
        room_sid: text("session", &asked.session)?,
        room: text("room", &asked.room)?,
        identity: text("identity", &asked.identity)?,
        api_key: text("api_key", &asked.api_key)?,
        open: asked.open,
        from: page::time("from_ms", asked.from_ms)?,
        to: page::time("to_ms", asked.to_ms)?,
        after: page::after(asked.after.as_deref())?,
        limit: page::limit(asked.limit)?,
    };
    let mut pages = ParticipantPages { api, filter };
    if asked.format == Format::Csv {
        pages.filter.limit = CSV_PAGE;
        return table::csv(pages).await;
    }
    let Rows { rows, next } = pages.read(None).await?;
    let next = next.map(|after| page::name(&after));
    let answer = ParticipantSessionPage {
        participants: rows,
        next,
    };
    Ok(Json(answer).into_response())
}

struct RoomPages {
    api: Api,
    filter: RoomFilter,
}

impl Paged<RoomSessionView, After> for RoomPages {
    async fn read(
        &mut self,
        begins: Option<After>,
    ) -> Result<Rows<RoomSessionView, After>, ApiError> {
        self.filter.after = begins.or_else(|| self.filter.after.take());
        let store = self.api.bans.store();
        let mut sessions = store.room_sessions(&self.filter).await?;
        live::bring_rooms_up(&self.api.rooms, store, &mut sessions).await?;
        let last = sessions.last().map(|it| (it.started_at, it.sid.as_str()));
        let next = page::following(sessions.len(), self.filter.limit, last);
        let rows = sessions.into_iter().map(RoomSessionView::from).collect();
        Ok(Rows { rows, next })
    }
}

struct ParticipantPages {
    api: Api,
    filter: ParticipantFilter,
}

impl Paged<ParticipantSessionView, After> for ParticipantPages {
    async fn read(
        &mut self,
        begins: Option<After>,
    ) -> Result<Rows<ParticipantSessionView, After>, ApiError> {
        self.filter.after = begins.or_else(|| self.filter.after.take());
        let store = self.api.bans.store();
        let mut sessions = store.participant_sessions(&self.filter).await?;
        live::bring_participants_up(&self.api.rooms, &mut sessions).await;
        let last = sessions.last().map(|it| (it.joined_at, it.sid.as_str()));
        let next = page::following(sessions.len(), self.filter.limit, last);
        let rows = sessions.into_iter().map(ParticipantSessionView::from);
        Ok(Rows {
            rows: rows.collect(),
            next,
        })
    }
}

/// Returns milliseconds as minutes.
pub(crate) fn minutes(millis: i64) -> f64 {
    millis as f64 / 60_000.0
}
