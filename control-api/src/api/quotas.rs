use std::collections::BTreeSet;

use auth::ApiKey;
use axum::extract::State;
use axum::response::Json;
use serde::Serialize;
use signaling::Exceeded;
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::state::Api;

/// How much an API key may be used, and is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuotaView {
    api_key: String,
    /// At once on this node; agents and recorders aside.
    participants: usize,
    /// Absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    participants_limit: Option<usize>,
    /// Of participants in this month (UTC), up to a minute ago.
    minutes_this_month: f64,
    /// Absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes_a_month_limit: Option<u64>,
    /// What becomes of who joins beyond that: `refuse` or `tell`; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    exceeded: Option<&'static str>,
}

/// The quotas of all keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuotaList {
    quotas: Vec<QuotaView>,
}

/// Lists how much each API key may be used, and is: of the configured keys, and of those that were used this month.
#[utoipa::path(
    get,
    path = "/api/v1/quotas",
    responses((status = 200, body = QuotaList), (status = 401, body = ApiError))
)]
pub(crate) async fn list(State(api): State<Api>, _: Admin) -> Json<QuotaList> {
    let (taken, minutes) = (api.rooms.seats().taken(), api.quotas.minutes());
    let configured = api.keys.current();
    let keys: BTreeSet<ApiKey> = configured
        .iter()
        .map(|secret| &secret.key)
        .chain(taken.keys())
        .chain(minutes.keys())
        .cloned()
        .collect();
    let view = |key: ApiKey| {
        let (seats, limit) = (api.rooms.seats().limit(&key), api.quotas.limit(&key));
        let exceeded = seats
            .map(|it| it.exceeded)
            .or_else(|| limit.map(|it| it.exceeded));
        QuotaView {
            participants: taken.get(&key).copied().unwrap_or_default(),
            participants_limit: seats.map(|it| it.most),
            minutes_this_month: minutes.get(&key).copied().unwrap_or_default(),
            minutes_a_month_limit: limit.map(|it| it.most),
            exceeded: exceeded.map(|exceeded| match exceeded {
                Exceeded::Refuse => "refuse",
                Exceeded::Tell => "tell",
            }),
            api_key: key.as_str().to_owned(),
        }
    };
    Json(QuotaList {
        quotas: keys.into_iter().map(view).collect(),
    })
}
