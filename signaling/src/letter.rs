//! What a room's task can be sent.

use sfu_model::{Event, ParticipantIdentity, RoomName, ShardIndex};
use signaling_protocol::{DisconnectCause, proto};
use signaling_session::{
    ConnectionId, Credential, Join, Projection, RoomError, RoomReply, RoomRequest, ShardLife,
    Visitor,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::mailbox::Mailbox;
use crate::passage::{MoveReply, Passage, Seat};
use crate::refusal::Refusal;
use crate::request_failed::RequestFailed;

/// The mailbox of a room's task.
pub(crate) type RoomMailbox = Mailbox<Letter>;

#[derive(Debug)]
pub(crate) enum Letter {
    /// A client that was admitted wants in, on this connection.
    Join {
        join: Box<Join>,
        seat: Seat<Self>,
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
    /// Somebody goes, or is shown, from one room to another.
    Travel(Travel),
    /// A shard has reported this to the room where somebody was before.
    LateEvent(Event),
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

/// What two rooms, or the API and two rooms, have to do with each other.
#[derive(Debug)]
pub(crate) enum Travel {
    /// Somebody may be about to be moved, or forwarded: who is it?
    Describe {
        identity: ParticipantIdentity,
        purpose: Purpose,
        reply: oneshot::Sender<Result<Visitor, RoomError>>,
    },
    /// Somebody of another room is about to be moved here: may it come?
    Expect {
        visitor: Visitor,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// Somebody is moved to another room.
    Release {
        identity: ParticipantIdentity,
        to: RoomMailbox,
        reply: MoveReply,
    },
    /// Somebody of another room comes.
    Arrive(Box<Passage<Letter>>),
    /// Somebody is to be shown in another room, too.
    Forward {
        identity: ParticipantIdentity,
        destination: RoomName,
        to: RoomMailbox,
        reply: MoveReply,
    },
    /// Somebody of another room is shown here: so it is by now. Whoever asks for the first time waits for a reply.
    Project {
        projection: Box<Projection>,
        from: RoomMailbox,
        reply: Option<MoveReply>,
    },
    /// Somebody of another room is shown here no more.
    EndProjection { identity: ParticipantIdentity },
    /// The other room shows somebody of this one no more.
    ForwardEnded {
        identity: ParticipantIdentity,
        destination: RoomName,
    },
}

/// What is to become of a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It goes to another room.
    Move,
    /// It is shown in another room, too.
    Forward,
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
impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fault")
    }
}
