//! What happens in rooms and outlives them.

use std::time::Duration;

use sfu_model::{ParticipantSid, RoomSid};
use signaling_protocol::DisconnectCause;

use crate::{SessionAccount, SessionOrigin, proto};

/// Something that happened in a room and that outlives it: the occasions of LiveKit's webhooks.
#[derive(Clone, Debug)]
pub enum RoomNotice {
    /// The room exists (`room_started`).
    RoomStarted {
        /// The room.
        room: Box<proto::Room>,
    },
    /// The room is over (`room_finished`).
    RoomFinished {
        /// The room as it was at the end.
        room: Box<proto::Room>,
        /// Why it is over.
        cause: DisconnectCause,
        /// How long it was open, whatever the clock on the wall says.
        lasted: Duration,
    },
    /// The room is over by a fault of ours, and told of nothing that ended with it.
    RoomLost {
        /// The room.
        sid: RoomSid,
    },
    /// A participant's media is connected (`participant_joined`).
    ParticipantJoined {
        /// The room.
        room: Box<proto::Room>,
        /// The participant.
        participant: Box<proto::ParticipantInfo>,
        /// Who began its session.
        origin: Box<SessionOrigin>,
    },
    /// A participant that was connected has gone (`participant_left`).
    ParticipantLeft {
        /// The room.
        room: Box<proto::Room>,
        /// The participant, with the reason.
        participant: Box<proto::ParticipantInfo>,
        /// What its session came to.
        account: SessionAccount,
    },
    /// A participant has gone before its media was connected (`participant_connection_aborted`).
    ParticipantAborted {
        /// The room.
        room: Box<proto::Room>,
        /// The participant, with the reason.
        participant: Box<proto::ParticipantInfo>,
    },
    /// A track's media has come (`track_published`).
    TrackPublished {
        /// The room.
        room: Box<proto::Room>,
        /// Its publisher.
        participant: Box<proto::ParticipantInfo>,
        /// The track.
        track: Box<proto::TrackInfo>,
    },
    /// A track that was published is over (`track_unpublished`).
    TrackUnpublished {
        /// The room.
        room: Box<proto::Room>,
        /// Its publisher.
        participant: Box<proto::ParticipantInfo>,
        /// The track.
        track: Box<proto::TrackInfo>,
    },
    /// What the sessions of those have come to so far who are connected: no event of its own.
    Accounts {
        /// The room.
        sid: RoomSid,
        /// How long it has been open.
        lasted: Duration,
        /// Each session.
        accounts: Vec<(ParticipantSid, SessionAccount)>,
    },
}
