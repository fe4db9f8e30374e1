//! What every HTTP request passes through: panics caught, CORS, tidy paths, the caller's token.

mod accept;
mod authorization;
mod client_stream;
mod limits;
mod proxies;

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{Method, header};
use axum::middleware;
use axum::response::Response;
use tower::{Layer, Service, ServiceExt, util::MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use crate::KeyRing;

pub use accept::serve;
pub use authorization::Caller;
pub use limits::Limits;
pub use proxies::Proxies;

/// How long a browser may remember what CORS allows.
const CORS_MAX_AGE: Duration = Duration::from_secs(86_400);

/// Wraps `routes` in the layers that LiveKit's server has, in its order: recovery from panics, CORS
/// (on refusals too), and the check of the token, which leaves a [`Caller`] as an extension of the
/// request.
///
/// What is `open` has tokens and a CORS of its own.
pub fn with_layers(routes: Router, open: Router, keys: KeyRing) -> Router {
    routes
        .layer(middleware::from_fn_with_state(
            keys,
            authorization::check_token,
        ))
        .layer(cors())
        .merge(open)
        .layer(CatchPanicLayer::new())
}

/// Makes of routes what a server serves: paths that begin with two slashes lead where one leads.
pub fn with_tidy_paths(
    routes: Router,
) -> impl Service<
    Request,
    Response = Response,
    Error = Infallible,
    Future = impl Future<Output = Result<Response, Infallible>> + Send,
> + Clone
+ Send
+ 'static {
    MapRequestLayer::new(without_double_slash).layer(routes.into_service().boxed_clone())
}

/// Lets pages from everywhere in: what a request may do is in its token.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods([
            Method::OPTIONS,
            Method::HEAD,
            Method::GET,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
        ])
        // A star does not cover `Authorization` (Fetch, section 3.3.7), so what is asked is echoed.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(Any)
        .vary([header::ORIGIN, header::ACCESS_CONTROL_REQUEST_HEADERS])
        .max_age(CORS_MAX_AGE)
}

/// Takes one slash off a path that begins with two: SDKs build `http://host//twirp/…` from a URL
/// that ends in a slash.
fn without_double_slash(mut request: Request) -> Request {
    let target = request.uri().path_and_query().map(PathAndQuery::as_str);
    let Some(tidy) = target.and_then(|target| target.strip_prefix('/')) else {
        return request;
    };
    if !tidy.starts_with('/') {
        return request;
    }
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = tidy.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests;
