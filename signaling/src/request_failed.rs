use std::fmt;

use signaling_protocol::proto;
use signaling_session::{JoinRefused, RoomError};

/// Why a call about a room has no reply.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestFailed {
    /// There is no such room, or it ended meanwhile.
    NoRoom,
    /// The room does not answer: it is far behind, or stands still.
    RoomBusy,
    /// The node is drained, and opens no rooms.
    Draining,
    /// The room refused.
    Refused(RoomError),
    /// The other room does not take the participant.
    NotTaken(JoinRefused),
    /// The participant that was called answered with an error.
    Rpc(Box<proto::RpcError>),
}

impl From<RoomError> for RequestFailed {
    /// A room that is over is none.
    fn from(error: RoomError) -> Self {
        match error == RoomError::RoomClosed {
            true => Self::NoRoom,
            false => Self::Refused(error),
        }
    }
}

impl fmt::Display for RequestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("requested room does not exist"),
            Self::RoomBusy => f.write_str("the room does not answer"),
            Self::Draining => f.write_str("the node is about to end and opens no rooms"),
            Self::Refused(error) => error.fmt(f),
            Self::NotTaken(refused) => refused.fmt(f),
            Self::Rpc(error) => f.write_str(&error.message),
        }
    }
}

impl std::error::Error for RequestFailed {}
