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

/// Returns the call page at `/call` and its tokens at `/call/token`. It gives anybody a token for any
/// room: for a node whose only key everybody knows.
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::test_node::{TestNode, body_of, get_request};

    async fn get_page(path: &str) -> (StatusCode, HeaderMap, String) {
        let node = TestNode::start();
        let response = node.answer(get_request(path)).await;
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, body_of(response).await)
    }

    #[tokio::test]
    async fn the_page_comes_with_a_policy_that_keeps_others_out() {
        let (status, headers, body) = get_page("/call").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(
            headers[header::CONTENT_SECURITY_POLICY],
            CONTENT_SECURITY_POLICY
        );
        assert!(body.starts_with("<!doctype html>") || body.starts_with("<!DOCTYPE html>"));
    }

    #[tokio::test]
    async fn what_is_no_file_of_the_page_is_not_found() {
        for path in [
            "/call/nothing.js",
            "/call/../Cargo.toml",
            "/call/%2e%2e/Cargo.toml",
        ] {
            assert_eq!(get_page(path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn every_tab_gets_a_token_of_its_own_that_joins_the_room() {
        let node = TestNode::start();
        let mut identities = Vec::new();
        for _ in 0..2 {
            let request = get_request("/call/token?room=lobby&name=Ann%20B");
            let body = body_of(node.answer(request).await).await;
            let reply: serde_json::Value = serde_json::from_str(&body).unwrap();
            let token = reply["token"].as_str().unwrap();
            let verified = auth::verify(token, &node.keys, crate::clock::now().unix).unwrap();
            assert_eq!(verified.claims.room_to_join().unwrap().as_str(), "lobby");
            assert_eq!(verified.claims.name, "Ann B");
            identities.push(verified.claims.identity);
        }
        assert_ne!(identities[0], identities[1]);
    }

    #[tokio::test]
    async fn a_token_for_no_room_or_with_an_endless_name_is_refused() {
        let long = "x".repeat(MAX_NAME + 1);
        let paths = [
            "/call/token".to_owned(),
            "/call/token?room=".to_owned(),
            format!("/call/token?room={long}"),
            format!("/call/token?room=a&name={long}"),
        ];
        for path in paths {
            assert_eq!(get_page(&path).await.0, StatusCode::BAD_REQUEST, "{path}");
        }
    }
}
