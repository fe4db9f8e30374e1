use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use signaling_protocol::ConnectError;
use signaling_session::JoinRefused;

use crate::admission::NotAdmitted;
use crate::quotas::TooOften;

/// Why a request to connect is refused: an HTTP status with a plain text that clients compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No token, or one that does not let its holder join.
    PermissionDenied,
    /// The token names nobody.
    NoIdentity,
    /// The identity is longer than this.
    IdentityTooLong(usize),
    /// The room's name is longer than this.
    RoomNameTooLong(usize),
    /// Neither token nor request names a room.
    NoRoomName,
    /// The parameters cannot be read.
    BadRequest(ConnectError),
    /// The room does not exist and may not be created by joining.
    NoRoom,
    /// The node carries as much as the operator allows.
    NodeFull,
    /// The node is about to end, and opens no rooms.
    Draining,
    /// The room does not take the participant.
    Join(JoinRefused),
    /// Rooms end as fast as they are joined, or the room does not answer.
    Busy,
    /// So many join with the same key or from the same address that waiting is no answer.
    TooOften,
    /// The token is valid, but its holder may not be there.
    NotAdmitted(NotAdmitted),
}

impl fmt::Display for Refusal {
    /// Writes LiveKit's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PermissionDenied => f.write_str("permissions denied"),
            Self::NoIdentity => f.write_str("identity cannot be empty"),
            Self::IdentityTooLong(max) => write!(
                f,
                "participant identity length exceeds limits: max length {max}"
            ),
            Self::RoomNameTooLong(max) => {
                write!(f, "room name length exceeds limits: max length {max}")
            }
            Self::NoRoomName => f.write_str("no room name"),
            Self::BadRequest(error) => error.fmt(f),
            // JS tells this 404 from a server without `/rtc/v1` by these very words.
            Self::NoRoom => f.write_str("requested room does not exist"),
            Self::NodeFull => f.write_str("node has exceeded its configured limit"),
            Self::Draining => f.write_str("node is draining"),
            Self::Join(refused) => refused.fmt(f),
            Self::TooOften => f.write_str("too many joins at once, try again"),
            Self::NotAdmitted(
                NotAdmitted::Forbidden { reason } | NotAdmitted::QuotaExceeded { reason },
            ) => f.write_str(reason),
            Self::Busy | Self::NotAdmitted(NotAdmitted::NoAnswer) => {
                f.write_str("operation cannot be completed")
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::PermissionDenied => StatusCode::UNAUTHORIZED,
            Self::NoIdentity
            | Self::IdentityTooLong(_)
            | Self::RoomNameTooLong(_)
            | Self::NoRoomName
            | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NoRoom => StatusCode::NOT_FOUND,
            // Clients try again after a 5xx, and never after a 4xx.
            Self::NodeFull
            | Self::Draining
            | Self::TooOften
            | Self::NotAdmitted(NotAdmitted::NoAnswer) => StatusCode::SERVICE_UNAVAILABLE,
            // Of 4xx browsers read the text of 401, 403 and 404 alone.
            Self::NotAdmitted(
                NotAdmitted::Forbidden { .. } | NotAdmitted::QuotaExceeded { .. },
            )
            | Self::Join(
                JoinRefused::IdentityTaken | JoinRefused::QuotaExceeded | JoinRefused::TimeIsUp,
            ) => StatusCode::FORBIDDEN,
            Self::Join(
                JoinRefused::NameTooLong
                | JoinRefused::MetadataTooLarge
                | JoinRefused::AttributesTooLarge,
            ) => StatusCode::BAD_REQUEST,
            Self::Join(_) | Self::Busy => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, self.to_string()).into_response()
    }
}

impl From<NotAdmitted> for Refusal {
    fn from(not_admitted: NotAdmitted) -> Self {
        Self::NotAdmitted(not_admitted)
    }
}

impl From<TooOften> for Refusal {
    fn from(_: TooOften) -> Self {
        Self::TooOften
    }
}
