use std::time::Duration;

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use crate::bans::BanFailed;
use crate::field::FieldError;

/// Why a call of the REST API is refused. All have this shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApiError {
    #[serde(skip)]
    status: StatusCode,
    /// What a program can act upon: `unauthenticated`, `permission_denied`, `invalid_argument`, `not_found`,
    /// `method_not_allowed`, `too_many`, `unavailable`, `internal`.
    code: &'static str,
    /// What a person reads.
    message: String,
    #[serde(skip)]
    retry_after: Option<u64>,
    /// Which field of the request is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
            field: None,
        }
    }

    /// Refuses who shows no token that allows it.
    pub(crate) fn unauthenticated() -> Self {
        let message = "a token with the claim \"sluice\": {\"admin\": true} is needed";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    /// Says which field is wrong, and how.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_argument", message)
        }
    }

    /// Says that the body is none that can be read.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_argument", message)
    }

    /// Says that the body is longer than allowed.
    pub(crate) fn too_large() -> Self {
        let message = "the body is too large";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_argument", message)
    }

    /// Says that the body did not come.
    pub(crate) fn late() -> Self {
        let message = "the body did not come in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_argument", message)
    }

    /// Refuses who shows no session of the app's.
    pub(crate) fn no_session() -> Self {
        let message = "no session of the app, or one that is over";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    /// Refuses what somebody may not have, and says why.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_denied", message)
    }

    /// Says that somebody asks too often, and when to come again.
    pub(crate) fn too_often(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait.as_secs() + 1),
            ..Self::too_many("too many tokens are asked for, try again later")
        }
    }

    /// Says that there is nothing of this id.
    pub(crate) fn not_found(what: &str) -> Self {
        let message = format!("{what} does not exist");
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Says what a status means that was not decided here, in the words that came with it.
    pub(crate) fn of_status(status: StatusCode, message: impl Into<String>) -> Self {
        let code = match status {
            StatusCode::UNAUTHORIZED => "unauthenticated",
            StatusCode::FORBIDDEN => "permission_denied",
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::TOO_MANY_REQUESTS => "too_many",
            status if status.is_client_error() => "invalid_argument",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "internal",
        };
        Self::new(status, code, message)
    }

    /// Says that too much is asked.
    pub(crate) fn too_many(message: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
    }

    /// Says that it may work later.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after;
        let mut response = (self.status, Json(self)).into_response();
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::invalid(error.field, error.message)
    }
}

impl From<StoreError> for ApiError {
    /// Says what the log says in full: the database's own words may name its user and address.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "The database does not do what a call of the API needs");
        Self::unavailable("the database does not answer; try again")
    }
}

impl From<BanFailed> for ApiError {
    fn from(failed: BanFailed) -> Self {
        if !matches!(failed, BanFailed::NotStored(_)) {
            tracing::error!(error = %failed, "A call about bans has failed");
        }
        Self::unavailable(failed.told())
    }
}

/// Answers what leads nowhere.
pub(crate) async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::not_found(&format!("the path {}", uri.path()))
}
