//! What a room's task can be sent.

use std::fmt;

use sfu_model::{ParticipantIdentity, ShardIndex};
use signaling_protocol::{DisconnectCause, proto};
use signaling_session::{
    ConnectionId, Credential, Join, RoomError, RoomReply, RoomRequest, ShardLife,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::refusal::Refusal;
use crate::responses::ResponseSender;

#[derive(Debug)]
pub(crate) enum Letter {
    /// A client that was admitted wants in; what it is told goes to `sender`.
    Join {
        join: Box<Join>,
        sender: ResponseSender,
        reply: oneshot::Sender<Result<(), Refusal>>,
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
    /// Others decide now who may be in the room.
    Readmit {
        /// Only what concerns these.
        concerned: Concerned,
        /// How many have left for it.
        reply: oneshot::Sender<usize>,
    },
    /// A media thread fares differently than before.
    Shard { shard: ShardIndex, life: ShardLife },
    /// The node stops.
    Shutdown,
    /// The room's task does something that it never should.
    #[cfg(test)]
    Fault(Fault),
}

/// Whom a decision may concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concerned {
    /// Whoever came in by a token of this identity, or is called so.
    Identity(ParticipantIdentity),
    /// Anybody.
    Anybody,
}

impl Concerned {
    /// Reports whether it may concern somebody who is called so and came in by this.
    pub(crate) fn includes(&self, identity: &ParticipantIdentity, credential: &Credential) -> bool {
        match self {
            Self::Identity(concerned) => {
                identity == concerned || credential.token.subject == *concerned
            }
            Self::Anybody => true,
        }
    }
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
    /// The node is drained, and opens no rooms.
    Draining,
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
            Self::Draining => f.write_str("the node is about to end and opens no rooms"),
            Self::Refused(error) => error.fmt(f),
            Self::Rpc(error) => f.write_str(&error.message),
        }
    }
}

impl std::error::Error for RequestFailed {}
