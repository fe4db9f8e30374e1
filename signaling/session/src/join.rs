//! How clients ask to come in.

use std::fmt;

use auth::Claims;
use signaling_protocol::ConnectParameters;

use crate::{ConnectionId, Credential, Seat};

/// A client that asks to join, or to take up its session again.
#[derive(Clone, Debug)]
pub struct Join {
    /// Its signalling connection. Outputs may name it from here on.
    pub connection: ConnectionId,
    /// What its verified token says. That it may join this very room was checked, and the lengths
    /// of its identity and of the room's name.
    pub claims: Claims,
    /// By what it comes in.
    pub credential: Credential,
    /// Its place among those of its API key.
    pub seat: Seat,
    /// What it asks for.
    pub parameters: Box<ConnectParameters>,
}

/// Why a client is not let in: the connection is to be refused with this, before it is upgraded.
///
/// A resume is never refused here: what the client must do is sent as its first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinRefused {
    /// The room is full.
    MaxParticipants,
    /// Its API key has as many participants as it may have at once.
    QuotaExceeded,
    /// A session of the identity goes on in the room, which keeps it.
    IdentityTaken,
    /// It has been here for as long as its token says.
    TimeIsUp,
    /// The room is over.
    RoomClosed,
    /// The metadata is too large.
    MetadataTooLarge,
    /// The attributes are too large.
    AttributesTooLarge,
    /// The display name is too long.
    NameTooLong,
}

impl fmt::Display for JoinRefused {
    /// Writes LiveKit's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxParticipants => "room has exceeded its max participants",
            Self::QuotaExceeded => "quota exceeded: too many participants at once",
            Self::IdentityTaken => {
                "a participant with this identity is in the room already, and the room keeps it"
            }
            Self::TimeIsUp => "the session has lasted for as long as its token allows",
            Self::RoomClosed => "room has already closed",
            Self::MetadataTooLarge => "metadata size exceeds limits",
            Self::AttributesTooLarge => "attribute size exceeds limits",
            Self::NameTooLong => "name length exceeds limits",
        })
    }
}

impl std::error::Error for JoinRefused {}
