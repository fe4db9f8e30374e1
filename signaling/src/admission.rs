//! Who decides whether the holder of a valid token may be in a room: the door for bans and for a store.

use std::fmt;
use std::pin::Pin;

use sfu_model::{ParticipantIdentity, RoomName};
use signaling_session::Credential;
use tokio::time::timeout;

use crate::limits::ADMISSION_TIMEOUT;

/// Asked whenever somebody is about to be, or to stay, in a room.
pub trait Admission: fmt::Debug + Send + Sync {
    /// Decides. Only the participant waits for it, and not for ever: no answer is a refusal then.
    fn ask<'a>(&'a self, entry: Entry<'a>) -> Decision<'a>;

    /// Reports whether it can decide at all by now. Until then the node gets no clients.
    fn is_ready(&self) -> bool {
        true
    }
}

/// An answer that may take a while.
pub type Decision<'a> = Pin<Box<dyn Future<Output = Result<(), NotAdmitted>> + Send + 'a>>;

/// Who is about to be in which room.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Why it is asked.
    pub occasion: Occasion,
    /// The room.
    pub room: &'a RoomName,
    /// Who it is there.
    pub identity: &'a ParticipantIdentity,
    /// By what it comes in, or is in.
    pub credential: &'a Credential,
}

/// Why admission is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody joins.
    Join,
    /// Somebody is to go on in another room.
    Move,
    /// A session goes on with another connection.
    Resume,
    /// A token is to be replaced by one that lasts longer.
    Refresh,
    /// Somebody is to be given a token.
    Token,
    /// Somebody is there while others decide again who may be.
    Stay,
}

/// Why somebody may not be in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Somebody decided so.
    Forbidden {
        /// Why, for the one who is refused to read.
        reason: String,
    },
    /// So much has been used that nobody else is let in for a while.
    QuotaExceeded {
        /// Of what, for the one who is refused to read.
        reason: String,
    },
    /// Nobody decided in time.
    NoAnswer,
}

/// Admits everybody whose token is valid.
#[derive(Clone, Copy, Debug)]
pub struct AdmitAll;

impl Admission for AdmitAll {
    fn ask<'a>(&'a self, _: Entry<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Asks, and waits no longer than a client does.
pub(crate) async fn ask(admission: &dyn Admission, entry: Entry<'_>) -> Result<(), NotAdmitted> {
    let decided = timeout(ADMISSION_TIMEOUT, admission.ask(entry)).await;
    decided.unwrap_or(Err(NotAdmitted::NoAnswer))
}

#[cfg(test)]
mod tests;
