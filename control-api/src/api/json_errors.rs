//! Errors of the REST API that others decide (a bad token, a method that a path does not have, a fault of ours) have its
//! shape, too.

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// Where the API is.
const API: &str = "/api/v1";

/// Most bytes of what others say of an error; nobody says more.
const MAX_WORDS: usize = 1024;

/// Wraps all routes of a node, so that each error below `/api/v1` is JSON of one shape.
pub fn with_json_errors(routes: Router) -> Router {
    routes.layer(from_fn(answer))
}

async fn answer(request: Request, next: Next) -> Response {
    let rest = request.uri().path().strip_prefix(API);
    let is_api = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let response = next.run(request).await;
    match is_api && is_foreign(response.status(), response.headers()) {
        true => in_json(response).await,
        false => response,
    }
}

fn is_foreign(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_error = status.is_client_error() || status.is_server_error();
    let json = HeaderValue::from_static("application/json");
    is_error && headers.get(header::CONTENT_TYPE) != Some(&json)
}

/// Puts what was said into JSON. What else the answer has, such as what CORS allows and which methods there are, stays.
async fn in_json(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let said = to_bytes(body, MAX_WORDS).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let said = match said.trim() {
        "" => parts.status.canonical_reason().unwrap_or("refused"),
        said => said,
    };
    let mut response = ApiError::of_status(parts.status, said).into_response();
    for (name, value) in &parts.headers {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}
