use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;
use signaling::{MoveFailed, NotAdmitted, Refusal, RequestFailed, TooOften};
use signaling_session::{JoinRefused, RoomError};

/// A Twirp error code (Twirp protocol v7, "Error codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The request says something that cannot be.
    InvalidArgument,
    /// The body is no message.
    Malformed,
    /// The path, method or content type leads nowhere.
    BadRoute,
    /// No token, or one without the grant.
    Unauthenticated,
    /// What the request is about does not exist.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// Somebody may not be where the call would have it.
    PermissionDenied,
    /// Too many of something.
    ResourceExhausted,
    /// The node is not set up for this.
    FailedPrecondition,
    /// The other side gave up.
    Canceled,
    /// The other side did not answer in time.
    DeadlineExceeded,
    /// The call is known and not supported.
    Unimplemented,
    /// The other side is not there.
    Unavailable,
    /// The other side failed.
    Aborted,
    /// A fault that is nobody's but ours.
    Internal,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidArgument | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::BadRoute | Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
            Self::Canceled | Self::DeadlineExceeded => StatusCode::REQUEST_TIMEOUT,
            Self::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Aborted => StatusCode::CONFLICT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refused call, as Twirp's JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TwirpError {
    /// The code, which decides the HTTP status.
    pub code: Code,
    /// LiveKit's text.
    pub msg: String,
}

impl TwirpError {
    /// Makes an error.
    pub fn new(code: Code, msg: impl Into<String>) -> Self {
        Self {
            code,
            msg: msg.into(),
        }
    }

    /// Refuses a caller without the grant: LiveKit says `unauthenticated`, not
    /// `permission_denied`.
    pub fn permissions_denied() -> Self {
        Self::new(Code::Unauthenticated, "permissions denied")
    }

    /// Refuses a body that does not come.
    pub(crate) fn body_timeout() -> Self {
        Self::new(Code::DeadlineExceeded, "the body did not come in time")
    }
}

impl fmt::Display for TwirpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)
    }
}

impl std::error::Error for TwirpError {}

impl From<TooOften> for TwirpError {
    fn from(_: TooOften) -> Self {
        Self::new(
            Code::ResourceExhausted,
            "this API key calls too often, try again",
        )
    }
}

impl From<RequestFailed> for TwirpError {
    fn from(failed: RequestFailed) -> Self {
        let code = match &failed {
            RequestFailed::NoRoom => Code::NotFound,
            RequestFailed::RoomBusy | RequestFailed::Draining => Code::Unavailable,
            RequestFailed::Refused(error) => code_of(error),
            RequestFailed::NotTaken(refused) => code_of_refusal(&Refusal::Join(*refused)),
            RequestFailed::Rpc(error) => code_of_rpc(error.code),
        };
        Self::new(code, failed.to_string())
    }
}

impl From<MoveFailed> for TwirpError {
    fn from(failed: MoveFailed) -> Self {
        match failed {
            MoveFailed::Source(RequestFailed::NoRoom) => {
                Self::new(Code::NotFound, "participant does not exist")
            }
            MoveFailed::Source(failed) => failed.into(),
            MoveFailed::Destination(refusal) => {
                Self::new(code_of_refusal(&refusal), refusal.to_string())
            }
        }
    }
}

/// Says as what a participant is refused in the room where it should go.
fn code_of_refusal(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::PermissionDenied | Refusal::NotAdmitted(NotAdmitted::Forbidden { .. }) => {
            Code::PermissionDenied
        }
        Refusal::NoRoom => Code::NotFound,
        Refusal::Join(JoinRefused::IdentityTaken) => Code::AlreadyExists,
        Refusal::Join(JoinRefused::MaxParticipants | JoinRefused::QuotaExceeded)
        | Refusal::NotAdmitted(NotAdmitted::QuotaExceeded { .. })
        | Refusal::NodeFull
        | Refusal::TooOften => Code::ResourceExhausted,
        Refusal::Busy
        | Refusal::Draining
        | Refusal::NotAdmitted(NotAdmitted::NoAnswer)
        | Refusal::Join(_) => Code::Unavailable,
        Refusal::NoIdentity
        | Refusal::IdentityTooLong(_)
        | Refusal::RoomNameTooLong(_)
        | Refusal::NoRoomName
        | Refusal::BadRequest(_) => Code::InvalidArgument,
    }
}

fn code_of(error: &RoomError) -> Code {
    match error {
        RoomError::RoomClosed | RoomError::ParticipantNotFound | RoomError::TrackNotFound => {
            Code::NotFound
        }
        RoomError::MetadataTooLarge
        | RoomError::AttributesTooLarge
        | RoomError::NameTooLong
        | RoomError::InvalidNonce
        | RoomError::DataTooLarge
        | RoomError::NoDestination => Code::InvalidArgument,
        RoomError::RpcPayloadTooLarge => Code::Malformed,
        RoomError::RemoteUnmuteDisabled
        | RoomError::ClientCannotMove
        | RoomError::KindCannotMove(_)
        | RoomError::ForwardedAlready
        | RoomError::NotConnected => Code::FailedPrecondition,
        RoomError::TooManyRpcs | RoomError::TooMuchDataWaits | RoomError::TooManyForwards => {
            Code::ResourceExhausted
        }
        _ => Code::Internal,
    }
}

/// Maps LiveKit's RPC error codes (1400 to 1505).
fn code_of_rpc(code: u32) -> Code {
    match code {
        1400 => Code::Unimplemented,
        1401 => Code::NotFound,
        1402 | 1404 => Code::InvalidArgument,
        1403 | 1503 => Code::Unavailable,
        1501 | 1502 => Code::DeadlineExceeded,
        _ => Code::Aborted,
    }
}

impl IntoResponse for TwirpError {
    fn into_response(self) -> Response {
        (self.code.status(), Json(self)).into_response()
    }
}
