use std::fmt;

use crate::{Claims, ConnectionId, proto};

/// A client that asks to join, or to take up its session again.
#[derive(Clone, Debug)]
pub struct Join {
    /// Its signalling connection. Outputs may name it from here on.
    pub connection: ConnectionId,
    /// What its verified token says; the grant to join this room was checked.
    pub claims: Claims,
    /// How many transports the client will use: two when it came to `/rtc` without a
    /// `join_request`, else one.
    pub transports: Transports,
    /// What it asks: the `join_request`, or the query parameters written as one. `reconnect` asks
    /// to resume.
    pub request: Box<proto::JoinRequest>,
}

/// How a client connects its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transports {
    /// One transport for both directions; the client offers.
    One,
    /// A publisher transport that the client offers, and a subscriber transport that we offer.
    Two,
}

/// Why a client is not let in: the connection is to be refused with this, before it is upgraded.
///
/// A resume is never refused here: what the client must do is sent as its first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinRefused {
    /// The room is full.
    MaxParticipants,
    /// The room is over.
    RoomClosed,
}

impl fmt::Display for JoinRefused {
    /// Writes LiveKit's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxParticipants => "room has exceeded its max participants",
            Self::RoomClosed => "room has already closed",
        })
    }
}

impl std::error::Error for JoinRefused {}
