use std::time::Duration;

use axum::extract::State;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use signaling::random;
use signaling_protocol::sid;
use store::Audit;
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::request::Asked;
use super::state::Api;
use crate::clock;
use crate::drain::Drained;

/// How long participants may stay if nothing is said.
const USUAL: u64 = 600;

/// How long they may stay at most: a week.
const LONGEST: u64 = 7 * 86_400;

/// How a node is drained.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDrain {
    /// How long participants may stay, 0 to 604800. Default 600.
    deadline_seconds: Option<u64>,
}

/// How far a drain is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DrainView {
    /// Whether the node is drained: it opens no rooms.
    draining: bool,
    /// When it ends at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at_ms: Option<i64>,
    /// Rooms that are open.
    rooms: usize,
    /// Participants in them, those left out that are there for the sake of others.
    participants: u64,
}

impl From<Drained> for DrainView {
    fn from(drained: Drained) -> Self {
        Self {
            draining: drained.ends_at.is_some(),
            ends_at_ms: drained.ends_at.map(|at| at.millis()),
            rooms: drained.rooms,
            participants: drained.participants,
        }
    }
}

/// Drains the node: it opens no rooms, and ends when everybody has left, or at the deadline.
#[utoipa::path(
    post,
    path = "/api/v1/drain",
    request_body = NewDrain,
    responses((status = 200, body = DrainView), (status = 400, body = ApiError), (status = 401, body = ApiError))
)]
pub(crate) async fn begin(
    State(api): State<Api>,
    admin: Admin,
    Asked(asked): Asked<NewDrain>,
) -> Result<Json<DrainView>, ApiError> {
    let seconds = asked.deadline_seconds.unwrap_or(USUAL);
    if seconds > LONGEST {
        let message = format!("write a number from 0 to {LONGEST}");
        return Err(ApiError::invalid("deadline_seconds", message));
    }
    note(&api, admin, "drain.begin", format!("within {seconds} s")).await;
    let drained = api.drain.begin(Duration::from_secs(seconds));
    Ok(Json(drained.into()))
}

/// Says how far the drain is.
#[utoipa::path(
    get,
    path = "/api/v1/drain",
    responses((status = 200, body = DrainView), (status = 401, body = ApiError))
)]
pub(crate) async fn find(State(api): State<Api>, _: Admin) -> Json<DrainView> {
    Json(api.drain.report().into())
}

/// Takes the drain back: the node opens rooms again.
#[utoipa::path(
    delete,
    path = "/api/v1/drain",
    responses((status = 200, body = DrainView), (status = 401, body = ApiError))
)]
pub(crate) async fn undo(State(api): State<Api>, admin: Admin) -> Json<DrainView> {
    if api.drain.undo().is_some() {
        note(&api, admin, "drain.undo", String::new()).await;
    }
    Json(api.drain.report().into())
}

/// Writes it into the log and the audit. A node whose database does not answer is drained nevertheless: that may be why.
async fn note(api: &Api, admin: Admin, action: &str, detail: String) {
    tracing::info!(author = admin.author, detail, "{action}");
    let audit = Audit {
        id: sid("AU_", random()),
        at: clock::now(),
        author: admin.author,
        action: action.to_owned(),
        room: String::new(),
        subject: api.rooms.node().to_string(),
        detail,
    };
    if let Err(error) = api.bans.store().add_audit(&[audit]).await {
        tracing::error!(%error, action, "The audit does not have it: the database does not answer");
    }
}
