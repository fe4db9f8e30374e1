//! How a participant gets from one room's task to another's.

use std::sync::Arc;

use sfu_model::Command;
use signaling_protocol::proto;
use signaling_protocol::proto::signal_response::Message;
use signaling_session::{RoomReply, Traveller};
use tokio::sync::oneshot;

use crate::desk::Desk;
use crate::parts::Shared;
use crate::request_failed::RequestFailed;
use crate::responses::{ResponseSender, SharedResponse};

/// Tells whoever had somebody moved what became of it.
pub(crate) type MoveReply = oneshot::Sender<Result<RoomReply, RequestFailed>>;

/// What a room has of a connection.
#[derive(Debug)]
pub(crate) struct Seat<L> {
    /// What the client is told goes here.
    pub(crate) responses: ResponseSender,
    /// Where its requests come from.
    pub(crate) desk: Desk<L>,
}

/// A participant on its way from one room's task to another's, with its connection.
///
/// Invariant: whatever becomes of it, no session is left over that belongs to no room. One that does not arrive is told to
/// come back, and its peers are gone.
#[derive(Debug)]
pub(crate) struct Passage<L> {
    traveller: Option<Traveller>,
    seat: Seat<L>,
    shared: Arc<Shared>,
    reply: Option<MoveReply>,
}

impl<L> Clone for Seat<L> {
    fn clone(&self) -> Self {
        Self {
            responses: self.responses.clone(),
            desk: self.desk.clone(),
        }
    }
}

impl<L> Passage<L> {
    pub(crate) fn new(
        traveller: Traveller,
        seat: Seat<L>,
        shared: Arc<Shared>,
        reply: MoveReply,
    ) -> Self {
        Self {
            traveller: Some(traveller),
            seat,
            shared,
            reply: Some(reply),
        }
    }

    /// Returns who it is that arrives, its connection, and who waits for word of it.
    pub(crate) fn arrive(mut self) -> Option<(Traveller, Seat<L>, Option<MoveReply>)> {
        let traveller = self.traveller.take()?;
        Some((traveller, self.seat.clone(), self.reply.take()))
    }
}

impl<L> Drop for Passage<L> {
    /// Ends a session that has not arrived. Whoever waits for word finds that the room is over.
    fn drop(&mut self) {
        let Some(traveller) = self.traveller.take() else {
            return;
        };
        tracing::warn!("A participant that is moved has found no room, and is told to come back");
        let leave = proto::LeaveRequest {
            can_reconnect: true,
            reason: proto::DisconnectReason::StateMismatch.into(),
            action: proto::leave_request::Action::Reconnect.into(),
            regions: None,
        };
        let responses = &self.seat.responses;
        responses.send(SharedResponse::of(Message::Leave(leave)));
        responses.close();
        let remove = traveller.peers().map(|peer| Command::RemovePeer { peer });
        let remove: Vec<_> = remove.collect();
        let mut lane = self.shared.parts.media.lane();
        tokio::spawn(async move { lane.send(remove).await });
    }
}
