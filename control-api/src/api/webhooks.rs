use axum::extract::State;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::DeadEvent;
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::new_ban::text;
use super::page;
use super::request::{Asked, Parameters};
use super::state::Api;
use crate::webhooks::Receiver;

/// A receiver of webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiverView {
    url: String,
    /// Events that it has still to take.
    waiting: i64,
    /// Events that were given up.
    dead: i64,
    /// Events that it has taken since the node started.
    taken: u64,
    /// Requests that failed since the node started.
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_at_ms: Option<i64>,
    /// Since when every request has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
}

impl From<Receiver> for ReceiverView {
    fn from(receiver: Receiver) -> Self {
        let health = receiver.health;
        Self {
            url: receiver.url,
            waiting: receiver.waiting,
            dead: receiver.dead,
            taken: health.taken,
            failed: health.failed,
            taken_at_ms: health.taken_at.map(|at| at.millis()),
            failing_since_ms: health.failing_since.map(|at| at.millis()),
            last_failure: health.last_failure,
        }
    }
}

/// All receivers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receivers {
    receivers: Vec<ReceiverView>,
}

/// An event that was given up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadView {
    url: String,
    sequence: i64,
    id: String,
    event: String,
    given_up_at_ms: i64,
    reason: String,
    /// What was to be sent.
    body: Value,
}

impl From<DeadEvent> for DeadView {
    fn from(dead: DeadEvent) -> Self {
        Self {
            url: dead.target,
            sequence: dead.sequence,
            id: dead.id,
            event: dead.kind,
            given_up_at_ms: dead.given_up_at.millis(),
            reason: dead.reason,
            body: serde_json::from_str(&dead.body).unwrap_or_default(),
        }
    }
}

/// A page of what was given up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadPage {
    events: Vec<DeadView>,
    /// What to write as `before` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// Which events are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// Only those for this receiver.
    #[serde(default)]
    url: String,
    /// Only those with a lower sequence.
    before: Option<i64>,
    /// Rows of a page, 1 to 1000. Default 100.
    limit: Option<u32>,
}

/// What is told again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// The receiver.
    url: String,
    /// The event; all that were given up if nothing is said.
    sequence: Option<i64>,
}

/// What has become of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// Events that are told again.
    replayed: u64,
}

/// Lists receivers, and how they fare.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    responses((status = 200, body = Receivers), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn list(State(api): State<Api>, _: Admin) -> Result<Json<Receivers>, ApiError> {
    let receivers = api.webhooks.receivers().await?;
    let receivers = receivers.into_iter().map(ReceiverView::from).collect();
    Ok(Json(Receivers { receivers }))
}

/// Lists events that were given up, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/dead",
    params(Listed),
    responses((status = 200, body = DeadPage), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn dead(
    State(api): State<Api>,
    _: Admin,
    Parameters(asked): Parameters<Listed>,
) -> Result<Json<DeadPage>, ApiError> {
    let url = text("url", &asked.url)?;
    let limit = page::limit(asked.limit)?;
    let dead = api
        .webhooks
        .dead(&url, asked.before.unwrap_or(i64::MAX), limit)
        .await?;
    let is_full = u32::try_from(dead.len()).is_ok_and(|rows| rows == limit);
    let next = dead.last().filter(|_| is_full).map(|last| last.sequence);
    let events = dead.into_iter().map(DeadView::from).collect();
    Ok(Json(DeadPage { events, next }))
}

/// Has events told again that were given up.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/replay",
    request_body = Replay,
    responses((status = 200, body = Replayed), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn replay(
    State(api): State<Api>,
    _: Admin,
    Asked(asked): Asked<Replay>,
) -> Result<Json<Replayed>, ApiError> {
    let url = text("url", &asked.url)?;
    if asked.sequence.is_some_and(|sequence| sequence < 1) {
        return Err(ApiError::invalid(
            "sequence",
            "write the sequence of an event",
        ));
    }
    let replayed = api.webhooks.replay(&url, asked.sequence).await?;
    Ok(Json(Replayed { replayed }))
}
