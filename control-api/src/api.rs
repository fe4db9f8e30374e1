//! Our own REST API, below `/api/v1`: JSON in, JSON out, errors of one shape, described by `/api/v1/openapi.json`.
//!
//! Every call but that description wants a token whose `sluice` claim says `admin` (`sluice token --api`).

mod admin;
mod audit;
mod bans;
mod drain;
mod error;
mod json_errors;
mod new_ban;
mod once;
mod openapi;
mod page;
mod quotas;
mod request;
mod room_change;
mod rooms;
mod sessions;
mod state;
mod table;
mod tokens;
mod usage;
mod webhooks;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get, post};
pub use error::ApiError;
pub use json_errors::with_json_errors;
pub use once::Answers;
pub(crate) use request::Asked;
pub use state::Api;

/// Returns the REST API.
pub fn api_routes(api: Api) -> Router {
    let once = middleware::from_fn_with_state(api.answers.clone(), once::once);
    let repeatable = Router::new()
        .route("/api/v1/rooms/{room}/mute", post(rooms::mute))
        .route("/api/v1/rooms/{room}/remove", post(rooms::remove))
        .route("/api/v1/rooms/{room}/update", post(rooms::update))
        .route("/api/v1/webhooks/replay", post(webhooks::replay))
        .route_layer(once);
    Router::new()
        .merge(repeatable)
        .route("/api/v1/bans", get(bans::list).post(bans::add))
        .route("/api/v1/bans/{id}", get(bans::find).delete(bans::lift))
        .route("/api/v1/audit", get(audit::list))
        .route("/api/v1/webhooks", get(webhooks::list))
        .route("/api/v1/webhooks/dead", get(webhooks::dead))
        .route("/api/v1/sessions", get(sessions::list_rooms))
        .route("/api/v1/sessions/{sid}", get(sessions::find_room))
        .route("/api/v1/participants", get(sessions::list_participants))
        .route("/api/v1/usage", get(usage::list))
        .route("/api/v1/quotas", get(quotas::list))
        .route("/api/v1/tokens", post(tokens::issue))
        .route(
            "/api/v1/drain",
            get(drain::find).post(drain::begin).delete(drain::undo),
        )
        .route("/api/v1/openapi.json", get(openapi::describe))
        .route("/api/v1/{*path}", any(error::no_such_path))
        .with_state(api)
}

#[cfg(test)]
mod tests;
