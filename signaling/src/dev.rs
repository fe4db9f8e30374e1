//! The call page of `--dev`: static files, and tokens for whoever asks.

use std::time::Duration;

use auth::{Claims, VideoGrant};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};

use crate::rooms::Rooms;

/// How long a token of the call page is valid.
const TOKEN_LIFE: Duration = Duration::from_secs(6 * 3600);

/// Longest name and room that the call page may ask for, in bytes.
const MAX_NAME: usize = 128;

/// The page needs nothing from elsewhere, and no other page may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
     media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "call-page/"]
struct CallPage;

/// Returns the call page at `/call` and its tokens at `/call/token`. For `--dev` only: it gives
/// anybody a token for any room.
pub fn dev_routes(rooms: Rooms) -> Router {
    Router::new()
        .route("/call", get(|| async { file("index.html") }))
        .route("/call/", get(|| async { Redirect::permanent("/call") }))
        .route("/call/token", get(token))
        .route(
            "/call/{*path}",
            get(|Path(path): Path<String>| async move { file(&path) }),
        )
        .with_state(rooms)
}

fn file(path: &str) -> Response {
    let Some(file) = CallPage::get(path) else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let content_type = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    (headers, file.data).into_response()
}

#[derive(Deserialize)]
struct TokenQuery {
    #[serde(default)]
    room: String,
    #[serde(default)]
    name: String,
}

#[derive(Serialize)]
struct TokenReply {
    token: String,
    room: String,
    identity: String,
}

/// Gives each tab an identity of its own, so that two tabs of one person are two participants.
async fn token(State(rooms): State<Rooms>, Query(query): Query<TokenQuery>) -> Response {
    if query.room.is_empty() || query.room.len() > MAX_NAME || query.name.len() > MAX_NAME {
        let text = format!("room and name have 1 to {MAX_NAME} bytes\n");
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let identity = format!("caller-{:x}", rooms.next_connection().0);
    let mut grant = VideoGrant::to_join(&query.room);
    grant.can_update_own_metadata = Some(true);
    let mut claims = Claims::of(identity.as_str().into());
    claims.name = query.name;
    claims.video = Some(grant);
    let token = rooms.sign(&claims, TOKEN_LIFE);
    Json(TokenReply {
        token,
        room: query.room,
        identity,
    })
    .into_response()
}
