//! What comes with a call: a JSON body, parameters of a query, an id in the path.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::new_ban::text;
use crate::body::{self, NoBody};

/// The header by which a repeated request is known to be the same.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Most bytes of a body.
const MAX_BODY: usize = 256 << 10;

/// The body of a call, as the type that the call takes.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, ApiError> {
        let body = read_body(request.into_body()).await?;
        let mut json = serde_json::Deserializer::from_slice(&body);
        let asked = serde_path_to_error::deserialize(&mut json).map_err(|error| refuse(&error))?;
        match json.end() {
            Ok(()) => Ok(Self(asked)),
            Err(_) => Err(ApiError::malformed(
                "something follows the JSON object of the body",
            )),
        }
    }
}

/// Reads a body that is no longer than any call needs.
pub(crate) async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    let body = body::read(body, MAX_BODY).await;
    body.map_err(|error| match error {
        NoBody::TooLarge => ApiError::too_large(),
        NoBody::Late => ApiError::late(),
    })
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let field = error.path().to_string();
    let message = error.inner().to_string();
    match error.inner().is_data() && field != "." {
        true => ApiError::invalid(field, message),
        false => ApiError::malformed(format!(
            "the body is no JSON object of this call: {message}"
        )),
    }
}

/// The parameters of a query.
#[derive(Debug)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(parameters) = query.map_err(|error| ApiError::malformed(error.body_text()))?;
        Ok(Self(parameters))
    }
}

/// The id at the end of a path.
#[derive(Debug)]
pub(crate) struct Id(pub(crate) String);

impl<S: Sync + Send> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        let Path(id) = id.map_err(|error| ApiError::invalid("id", error.body_text()))?;
        text("id", &id).map(Self)
    }
}
