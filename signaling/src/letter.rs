//! What a room's task can be sent.

use std::fmt;

use sfu_model::ShardIndex;
use signaling_protocol::{DisconnectCause, proto};
use signaling_session::{
    ConnectionId, Join, JoinRefused, RoomError, RoomReply, RoomRequest, ShardLife,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::responses::ResponseSender;

#[derive(Debug)]
pub(crate) enum Letter {
    /// A client that was admitted wants in; what it is told goes to `sender`.
    Join {
        join: Box<Join>,
        sender: ResponseSender,
        reply: oneshot::Sender<Result<(), JoinRefused>>,
    },
    /// A client's message.
    Signal {
        connection: ConnectionId,
        request: Box<proto::SignalRequest>,
        /// Its place in the mailbox, which the connection has few of.
        permit: OwnedSemaphorePermit,
    },
    /// A client has done what it is disconnected for.
    Offence {
        connection: ConnectionId,
        cause: DisconnectCause,
    },
    /// A client's connection is gone.
    SignalClosed { connection: ConnectionId },
    /// A call of the API.
    Request {
        request: RoomRequest,
        reply: oneshot::Sender<Result<RoomReply, RequestFailed>>,
    },
    /// `PerformRpc`: the server calls a participant.
    Rpc {
        request: Box<proto::PerformRpcRequest>,
        reply: oneshot::Sender<Result<String, RequestFailed>>,
    },
    /// A media thread fares differently than before.
    Shard { shard: ShardIndex, life: ShardLife },
    /// The node stops.
    Shutdown,
    /// The room's task does something that it never should.
    #[cfg(test)]
    Fault(Fault),
}

/// Something that a room's task does in a test.
#[cfg(test)]
pub(crate) struct Fault(pub(crate) Box<dyn FnOnce() + Send>);

#[cfg(test)]
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fault")
    }
}

/// Why a call about a room has no reply.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestFailed {
    /// There is no such room, or it ended meanwhile.
    NoRoom,
    /// The room does not answer: it is far behind, or stands still.
    RoomBusy,
    /// The room refused.
    Refused(RoomError),
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
            Self::Refused(error) => error.fmt(f),
            Self::Rpc(error) => f.write_str(&error.message),
        }
    }
}

impl std::error::Error for RequestFailed {}
