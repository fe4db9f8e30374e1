//! What a room asks of the world around it.

use auth::Claims;
use sfu_model::Command;

use crate::{Credential, QualityReport, RoomNotice, RpcId, RpcOutcome, proto};

/// A signalling connection (a WebSocket), by the number that its shell gave it. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What a room wants done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message to one client.
    Signal {
        /// Its connection.
        connection: ConnectionId,
        /// The message.
        message: Box<proto::SignalResponse>,
    },
    /// Send the same message to several clients: encode it once.
    SignalAll {
        /// Their connections.
        connections: Vec<ConnectionId>,
        /// The message.
        message: Box<proto::SignalResponse>,
    },
    /// Sign `claims` and send the token to a client as a `refresh_token` message.
    RefreshToken {
        /// Its connection.
        connection: ConnectionId,
        /// What the token says.
        claims: Box<Claims>,
        /// What it replaces; it must not end sooner.
        replaced: Box<Credential>,
    },
    /// Sign `claims` and tell a client that its session goes on in this room, with the token in `moved`.
    RoomMoved {
        /// Its connection.
        connection: ConnectionId,
        /// What it is told; the token is empty.
        moved: Box<proto::RoomMovedResponse>,
        /// What the token says.
        claims: Box<Claims>,
        /// What it replaces; it must not end sooner.
        replaced: Box<Credential>,
    },
    /// Close a connection, after everything that was sent before has left.
    CloseSignal {
        /// The connection.
        connection: ConnectionId,
    },
    /// Ask the shard that the command names.
    Media(Command),
    /// Tell whoever keeps records or sends webhooks.
    Notice(RoomNotice),
    /// Answer a `PerformRpc` call that [`crate::RoomReply::RpcStarted`] left open.
    RpcDone {
        /// The call.
        rpc: RpcId,
        /// What the participant answered, or why there is no answer.
        outcome: RpcOutcome,
    },
    /// Count what became of all tracks' packets lately, for whoever watches the node.
    Qualities(Box<QualityReport>),
    /// The room is over: drop it. Nothing follows.
    Closed,
}
