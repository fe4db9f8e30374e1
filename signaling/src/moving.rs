//! Moves participants from one room to another, and has them shown there.

use std::fmt;

use sfu_model::{ParticipantIdentity, RoomName};
use signaling_protocol::proto;
use signaling_session::{JoinRefused, RoomReply, Visitor};
use tokio::sync::oneshot;

use crate::admission::{self, Entry, Occasion};
use crate::letter::{Letter, Purpose, RoomMailbox, Travel};
use crate::refusal::Refusal;
use crate::request_failed::RequestFailed;
use crate::rooms::{ATTEMPTS, Rooms, in_time};

/// Why a participant was not moved.
#[derive(Clone, Debug, PartialEq)]
pub enum MoveFailed {
    /// The room where it is refuses, or does not answer.
    Source(RequestFailed),
    /// It may not go where it should, as it could not join there.
    Destination(Refusal),
}

impl fmt::Display for MoveFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(failed) => failed.fmt(f),
            Self::Destination(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for MoveFailed {}

impl Rooms {
    /// Moves a participant to another room, which is created where joining would create it. Its session goes on: its client
    /// is told, and stays connected. When this returns it is there, and no longer here.
    ///
    /// # Errors
    ///
    /// The participant is not here, cannot be moved, or may not be there.
    pub async fn move_participant(
        &self,
        source: &RoomName,
        identity: &ParticipantIdentity,
        destination: &RoomName,
    ) -> Result<(), MoveFailed> {
        let visitor = self.describe(source, identity, Purpose::Move).await;
        let visitor = visitor.map_err(MoveFailed::Source)?;
        let to = self.expect(destination, &visitor).await;
        let to = to.map_err(MoveFailed::Destination)?;
        let (reply, answer) = oneshot::channel();
        let letter = Letter::Travel(Travel::Release {
            identity: identity.clone(),
            to,
            reply,
        });
        let moved = self.ask(source, letter, answer).await;
        match moved.and_then(|moved| moved) {
            Ok(RoomReply::Done) => Ok(()),
            Ok(_) => Err(MoveFailed::Source(RequestFailed::RoomBusy)),
            Err(failed) => Err(MoveFailed::Source(failed)),
        }
    }

    /// Shows a participant in another room, too, which is created where joining would create it. When this returns others see it
    /// there.
    ///
    /// # Errors
    ///
    /// The participant is not here, or may not be there.
    pub async fn forward_participant(
        &self,
        source: &RoomName,
        identity: &ParticipantIdentity,
        destination: &RoomName,
    ) -> Result<(), MoveFailed> {
        let visitor = self.describe(source, identity, Purpose::Forward).await;
        let visitor = visitor.map_err(MoveFailed::Source)?;
        let to = self.expect(destination, &visitor).await;
        let to = to.map_err(MoveFailed::Destination)?;
        let (reply, answer) = oneshot::channel();
        let letter = Letter::Travel(Travel::Forward {
            identity: identity.clone(),
            destination: destination.clone(),
            to,
            reply,
        });
        let forwarded = self.ask(source, letter, answer).await;
        match forwarded.and_then(|forwarded| forwarded) {
            Ok(_) => Ok(()),
            Err(RequestFailed::NotTaken(refused)) => {
                Err(MoveFailed::Destination(Refusal::Join(refused)))
            }
            Err(failed) => Err(MoveFailed::Source(failed)),
        }
    }

    /// Asks a room whether somebody may come. One that does not exist, or ends just then, keeps nobody out.
    pub(crate) async fn check_visitor(
        &self,
        name: &RoomName,
        visitor: Visitor,
    ) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let letter = Letter::Travel(Travel::Expect { visitor, reply });
        match self.ask(name, letter, answer).await {
            Ok(Err(Refusal::Join(JoinRefused::RoomClosed))) | Err(RequestFailed::NoRoom) => Ok(()),
            Ok(answer) => answer,
            Err(_) => Err(Refusal::Busy),
        }
    }

    async fn describe(
        &self,
        room: &RoomName,
        identity: &ParticipantIdentity,
        purpose: Purpose,
    ) -> Result<Visitor, RequestFailed> {
        let (reply, answer) = oneshot::channel();
        let letter = Letter::Travel(Travel::Describe {
            identity: identity.clone(),
            purpose,
            reply,
        });
        Ok(self.ask(room, letter, answer).await??)
    }

    /// Finds or opens the room, and asks whether the visitor may come.
    async fn expect(&self, name: &RoomName, visitor: &Visitor) -> Result<RoomMailbox, Refusal> {
        let entry = Entry {
            occasion: Occasion::Move,
            room: name,
            identity: &visitor.identity,
            credential: &visitor.credential,
        };
        admission::ask(self.admission(), entry).await?;
        let request = proto::CreateRoomRequest {
            name: name.as_str().to_owned(),
            ..proto::CreateRoomRequest::default()
        };
        let options = self
            .settings()
            .auto_create
            .then(|| self.options_of(&request));
        for _ in 0..ATTEMPTS {
            let room = self.find_or_open(name, options.as_ref())?;
            let (reply, answer) = oneshot::channel();
            let visitor = visitor.clone();
            match in_time(room.send(Letter::Travel(Travel::Expect { visitor, reply }))).await {
                Ok(()) => {}
                Err(RequestFailed::NoRoom) => continue,
                Err(_) => return Err(Refusal::Busy),
            }
            match in_time(answer).await {
                Ok(Ok(())) => return Ok(room),
                Ok(Err(Refusal::Join(JoinRefused::RoomClosed))) | Err(RequestFailed::NoRoom) => {}
                Ok(Err(refused)) => return Err(refused),
                Err(_) => return Err(Refusal::Busy),
            }
        }
        Err(Refusal::Busy)
    }
}
