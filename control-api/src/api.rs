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
mod openapi;
mod page;
mod request;
mod state;
mod tokens;
mod webhooks;

use axum::Router;
use axum::routing::{any, get, post};
pub use error::ApiError;
pub use json_errors::with_json_errors;
pub(crate) use request::Asked;
pub use state::Api;

/// Returns the REST API.
pub fn api_routes(api: Api) -> Router {
    Router::new()
        .route("/api/v1/bans", get(bans::list).post(bans::add))
        .route("/api/v1/bans/{id}", get(bans::find).delete(bans::lift))
        .route("/api/v1/audit", get(audit::list))
        .route("/api/v1/webhooks", get(webhooks::list))
        .route("/api/v1/webhooks/dead", get(webhooks::dead))
        .route("/api/v1/webhooks/replay", post(webhooks::replay))
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
