use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::request::Asked;
use super::state::Api;
use crate::clock;
use crate::tokens::{LONGEST, TokenFields, claims_of};

/// What a token says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewToken {
    /// Who the holder is.
    identity: String,
    /// The room that its holder may join.
    room: String,
    /// Shown to others.
    name: String,
    metadata: String,
    attributes: BTreeMap<String, String>,
    /// `standard`, `ingress`, `egress`, `sip`, `agent`, `connector` or `bridge`.
    kind: String,
    /// LiveKit's video grant; to join the room and do there what everybody does, if nothing is said.
    #[schema(value_type = Option<Object>)]
    grants: Option<auth::VideoGrant>,
    /// LiveKit's room configuration, for a room that this join creates.
    #[schema(value_type = Option<Object>)]
    room_config: Option<Value>,
    /// One of `room.room_configurations`.
    room_preset: String,
    /// For how many seconds its holder may be in a room, from when it first came there.
    max_session_seconds: Option<u64>,
    /// How long it is good. Default six hours.
    ttl_seconds: Option<u64>,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedToken {
    token: String,
    expires_at_ms: i64,
}

/// Life of a token of which nothing is said, as of LiveKit's SDKs.
const USUAL: Duration = Duration::from_secs(6 * 3600);

/// Makes a token.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    request_body = NewToken,
    responses((status = 201, body = IssuedToken), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 429, body = ApiError))
)]
pub(crate) async fn issue(
    State(api): State<Api>,
    admin: Admin,
    Asked(asked): Asked<NewToken>,
) -> Result<(StatusCode, Json<IssuedToken>), ApiError> {
    let ttl = asked.ttl_seconds.map_or(USUAL, Duration::from_secs);
    if ttl.is_zero() || ttl > LONGEST {
        let message = format!("write a number from 1 to {}", LONGEST.as_secs());
        return Err(ApiError::invalid("ttl_seconds", message));
    }
    let fields = TokenFields {
        identity: asked.identity,
        room: asked.room,
        name: asked.name,
        metadata: asked.metadata,
        attributes: asked.attributes,
        kind: asked.kind,
        grant: asked.grants,
        room_config: asked.room_config,
        room_preset: asked.room_preset,
        max_session_seconds: asked.max_session_seconds,
    };
    let claims = claims_of(fields, api.rooms.settings().limits)?;
    let waited = api.rooms.await_token(&admin.key).await;
    waited.map_err(|_| ApiError::too_many("this API key asks for too many tokens, try again"))?;
    let now = clock::now();
    tracing::info!(author = admin.author, identity = %claims.identity, "A token is made");
    let token = auth::sign(&claims, api.keys.current().first(), now, ttl);
    let expires_at = sfu_model::UnixTime(now.0 + ttl);
    Ok((
        StatusCode::CREATED,
        Json(IssuedToken {
            token,
            expires_at_ms: expires_at.millis(),
        }),
    ))
}
