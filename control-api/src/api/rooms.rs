use axum::extract::{Path, State};
use axum::response::Json;
use serde::Serialize;
use sfu_model::RoomName;
use signaling::{RequestFailed, random};
use signaling_protocol::sid;
use signaling_session::{Change, Done, Outcome, RoomError, RoomReply, RoomRequest, Selection};
use store::Audit;
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::new_ban::text;
use super::request::Asked;
use super::room_change::{MuteMany, RemoveMany, UpdateMany};
use super::state::Api;
use crate::bans::MAX_NAME;
use crate::clock;
use crate::field;

/// What has become of each participant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changed {
    /// In the order of the request, else of joining.
    results: Vec<OutcomeView>,
    /// Of how many it is as was asked.
    changed: usize,
    /// Whether the audit has it: not while the database does not answer.
    audited: bool,
}

/// What has become of one participant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutcomeView {
    identity: String,
    /// The tracks that were muted, or unmuted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tracks: Vec<TrackView>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OutcomeError>,
}

/// A track.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrackView {
    sid: String,
    name: String,
    source: String,
    muted: bool,
}

/// Why nothing was done to a participant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutcomeError {
    /// `not_found` or `invalid_argument`.
    code: String,
    message: String,
}

/// A call about many participants, as the audit names it.
struct Call {
    room: RoomName,
    action: &'static str,
    /// What the caller says of why.
    reason: String,
}

/// Mutes tracks of many participants, whom nothing keeps from unmuting themselves. Unmutes them where `room.enable_remote_unmute` allows that.
#[utoipa::path(
    post,
    path = "/api/v1/rooms/{room}/mute",
    request_body = MuteMany,
    params(("room" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "A request with the same key does nothing again, and is answered alike")),
    responses((status = 200, body = Changed), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn mute(
    State(api): State<Api>,
    admin: Admin,
    Path(room): Path<String>,
    Asked(asked): Asked<MuteMany>,
) -> Result<Json<Changed>, ApiError> {
    let action = match asked.muted {
        true => "participant.mute",
        false => "participant.unmute",
    };
    let call = Call::new(room, action, &asked.reason)?;
    let (selection, change) = (asked.whom()?, asked.change());
    call.carry_out(&api, admin, selection, change).await
}

/// Removes many participants. They may come back; a ban keeps them out.
#[utoipa::path(
    post,
    path = "/api/v1/rooms/{room}/remove",
    request_body = RemoveMany,
    params(("room" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "A request with the same key does nothing again, and is answered alike")),
    responses((status = 200, body = Changed), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn remove(
    State(api): State<Api>,
    admin: Admin,
    Path(room): Path<String>,
    Asked(asked): Asked<RemoveMany>,
) -> Result<Json<Changed>, ApiError> {
    let call = Call::new(room, "participant.remove", &asked.reason)?;
    let (selection, change) = (asked.whom()?, asked.change());
    call.carry_out(&api, admin, selection, change).await
}

/// Changes permission, metadata and attributes of many participants: what is not written stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/rooms/{room}/update",
    request_body = UpdateMany,
    params(("room" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "A request with the same key does nothing again, and is answered alike")),
    responses((status = 200, body = Changed), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn update(
    State(api): State<Api>,
    admin: Admin,
    Path(room): Path<String>,
    Asked(asked): Asked<UpdateMany>,
) -> Result<Json<Changed>, ApiError> {
    let call = Call::new(room, "participant.update", &asked.reason)?;
    let (selection, change) = (asked.whom()?, asked.change()?);
    call.carry_out(&api, admin, selection, change).await
}

impl Call {
    fn new(room: String, action: &'static str, reason: &str) -> Result<Self, ApiError> {
        field::name("room", &room, MAX_NAME)?;
        Ok(Self {
            room: room.as_str().into(),
            action,
            reason: text("reason", reason)?,
        })
    }

    /// Has the room do it, and writes down who did what to whom.
    async fn carry_out(
        self,
        api: &Api,
        admin: Admin,
        selection: Selection,
        change: Change,
    ) -> Result<Json<Changed>, ApiError> {
        let what = described(&change);
        let request = RoomRequest::ChangeMany { selection, change };
        let outcomes = match api.rooms.request(&self.room, request).await {
            Ok(RoomReply::Outcomes(outcomes)) => outcomes,
            Ok(_) => return Err(ApiError::unavailable("the room does not answer; try again")),
            Err(failed) => return Err(refused(&failed)),
        };
        tracing::info!(
            room = %self.room, author = admin.author, action = self.action, participants = outcomes.len(),
            "Participants are changed by the API"
        );
        let lines = self.audit(&admin, &what, &outcomes);
        let ((), audited) = tokio::join!(api.webhooks.settle(), write_down(api, &lines));
        let results: Vec<_> = outcomes.into_iter().map(OutcomeView::from).collect();
        Ok(Json(Changed {
            changed: results.iter().filter(|it| it.error.is_none()).count(),
            results,
            audited,
        }))
    }

    /// Writes a line for each participant to whom something was done.
    fn audit(&self, admin: &Admin, what: &str, outcomes: &[Outcome]) -> Vec<Audit> {
        let at = clock::now();
        let done = outcomes.iter().filter_map(|outcome| {
            let detail = match outcome.result.as_ref().ok()? {
                Done::Muted(tracks) if tracks.is_empty() => return None,
                Done::Muted(tracks) => {
                    let sids = tracks.iter().map(|track| track.sid.as_str());
                    sids.collect::<Vec<_>>().join(" ")
                }
                Done::Removed | Done::Updated(_) => what.to_owned(),
            };
            Some((outcome.identity.to_string(), detail))
        });
        let line = |(subject, detail): (String, String)| Audit {
            id: sid("AU_", random()),
            at,
            author: admin.author.clone(),
            action: self.action.to_owned(),
            room: self.room.to_string(),
            subject,
            detail: match (detail.is_empty(), self.reason.is_empty()) {
                (_, true) => detail,
                (true, false) => self.reason.clone(),
                (false, false) => format!("{detail}: {}", self.reason),
            },
        };
        done.map(line).collect()
    }
}

/// Says what is changed of participants, but not what apps write there.
fn described(change: &Change) -> String {
    let Change::Update(change) = change else {
        return String::new();
    };
    let permission = &change.permission;
    let flag = |name: &str, value: Option<bool>| value.map(|value| format!("{name}={value}"));
    let sources = permission.can_publish_sources.as_ref();
    let named = [
        flag("can_subscribe", permission.can_subscribe),
        flag("can_publish", permission.can_publish),
        flag("can_publish_data", permission.can_publish_data),
        flag("can_update_metadata", permission.can_update_metadata),
        flag("hidden", permission.hidden),
        sources.map(|sources| format!("can_publish_sources={sources:?}")),
        (!change.metadata.is_empty()).then(|| "metadata".to_owned()),
        (!change.attributes.is_empty()).then(|| "attributes".to_owned()),
    ];
    named.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

async fn write_down(api: &Api, lines: &[Audit]) -> bool {
    match api.bans.store().add_audit(lines).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, lines = lines.len(), "The audit lacks what was done by the API");
            false
        }
    }
}

fn refused(failed: &RequestFailed) -> ApiError {
    match failed {
        RequestFailed::NoRoom => ApiError::not_found("the room"),
        RequestFailed::Refused(RoomError::RemoteUnmuteDisabled) => ApiError::invalid(
            "muted",
            "participants unmute themselves here; the operator may set room.enable_remote_unmute",
        ),
        RequestFailed::RoomBusy
        | RequestFailed::Draining
        | RequestFailed::Refused(_)
        | RequestFailed::NotTaken(_)
        | RequestFailed::Rpc(_) => ApiError::unavailable("the room does not answer; try again"),
    }
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        let (tracks, error) = match outcome.result {
            Ok(Done::Muted(tracks)) => (tracks, None),
            Ok(Done::Removed | Done::Updated(_)) => (Vec::new(), None),
            Err(error) => (Vec::new(), Some(OutcomeError::of(&error))),
        };
        Self {
            identity: outcome.identity.to_string(),
            tracks: tracks.into_iter().map(TrackView::from).collect(),
            error,
        }
    }
}

impl From<signaling_protocol::proto::TrackInfo> for TrackView {
    fn from(track: signaling_protocol::proto::TrackInfo) -> Self {
        Self {
            source: track.source().as_str_name().to_ascii_lowercase(),
            sid: track.sid,
            name: track.name,
            muted: track.muted,
        }
    }
}

impl OutcomeError {
    fn of(error: &RoomError) -> Self {
        let code = match *error == RoomError::ParticipantNotFound {
            true => "not_found",
            false => "invalid_argument",
        };
        Self {
            code: code.to_owned(),
            message: error.to_string(),
        }
    }
}
