use std::fmt;

use ipnet::IpNet;
use sfu_model::{ApiKey, ParticipantIdentity, RoomName, UnixTime};

/// Somebody may not be in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Its id, `BN_` and more.
    pub id: String,
    /// Whom it concerns.
    pub target: BanTarget,
    /// Why; whoever is refused reads it.
    pub reason: String,
    /// Who decided so.
    pub author: String,
    /// When.
    pub created_at: UnixTime,
    /// Until when it holds; for ever if there is none.
    pub expires_at: Option<UnixTime>,
    /// That it holds no longer, because somebody decided so.
    pub lifted: Option<Lifted>,
}

impl Ban {
    /// Reports whether it holds at a time.
    pub fn holds(&self, now: UnixTime) -> bool {
        self.lifted.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Who lifted a ban, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// When.
    pub at: UnixTime,
    /// Who.
    pub by: String,
}

/// Whom a ban concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BanTarget {
    /// An identity, in one room or in all.
    Identity {
        /// The identity.
        identity: ParticipantIdentity,
        /// The room.
        room: Option<RoomName>,
    },
    /// The tokens of an identity that were issued before a time, for one room or for all.
    Tokens {
        /// The identity.
        identity: ParticipantIdentity,
        /// The room.
        room: Option<RoomName>,
        /// The time.
        issued_before: UnixTime,
    },
    /// Whoever comes from an address or a network.
    Address(IpNet),
    /// The token of a `jti`, and those that have replaced it.
    Token(String),
    /// All tokens of an API key.
    Key(ApiKey),
}

/// A target as columns.
pub(crate) struct Columns<'a> {
    pub(crate) kind: &'static str,
    pub(crate) subject: String,
    pub(crate) room: &'a str,
    pub(crate) issued_before: i64,
}

impl BanTarget {
    /// Returns the only room in which it concerns somebody, if there is one.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Identity { room, .. } | Self::Tokens { room, .. } => room.as_ref(),
            Self::Address(_) | Self::Token(_) | Self::Key(_) => None,
        }
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        let columns = |kind, subject: &str| Columns {
            kind,
            subject: subject.to_owned(),
            room: self.room().map_or("", RoomName::as_str),
            issued_before: 0,
        };
        match self {
            Self::Identity { identity, .. } => columns("identity", identity.as_str()),
            Self::Tokens {
                identity,
                issued_before,
                ..
            } => Columns {
                issued_before: issued_before.millis(),
                ..columns("tokens", identity.as_str())
            },
            Self::Address(network) => columns("address", &network.to_string()),
            Self::Token(id) => columns("token", id),
            Self::Key(key) => columns("key", key.as_str()),
        }
    }

    /// Reads a target from its columns; the error says what is wrong.
    pub(crate) fn of_columns(
        kind: &str,
        subject: String,
        room: String,
        issued_before: UnixTime,
    ) -> Result<Self, String> {
        let room = (!room.is_empty()).then(|| RoomName::from(room));
        match kind {
            "identity" => Ok(Self::Identity {
                identity: subject.into(),
                room,
            }),
            "tokens" => Ok(Self::Tokens {
                identity: subject.into(),
                room,
                issued_before,
            }),
            "address" => match subject.parse() {
                Ok(network) => Ok(Self::Address(network)),
                Err(_) => Err(format!("{subject:?} is no network")),
            },
            "token" => Ok(Self::Token(subject)),
            "key" => Ok(Self::Key(subject.into())),
            _ => Err(format!("{kind:?} is no kind of ban")),
        }
    }
}

impl fmt::Display for BanTarget {
    /// Writes it for the log and the audit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity { identity, .. } => write!(f, "identity {identity}"),
            Self::Tokens { identity, .. } => write!(f, "tokens of {identity}"),
            Self::Address(network) => write!(f, "address {network}"),
            Self::Token(id) => write!(f, "token {id}"),
            Self::Key(key) => write!(f, "API key {key}"),
        }?;
        match self.room() {
            Some(room) => write!(f, " in {room}"),
            None => Ok(()),
        }
    }
}
