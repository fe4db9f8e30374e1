//! The calls of LiveKit's RoomService.

use std::fmt;
use std::time::Duration;

use sfu_model::{ParticipantIdentity, ParticipantSid, TrackSid};

use crate::change::{Change, Selection};
use crate::{SessionAccount, proto};

/// A call of LiveKit's RoomService about one room. Authorization is the caller's business.
#[derive(Clone, Debug)]
pub enum RoomRequest {
    /// `CreateRoom` of a room that exists: fields that are given override.
    UpdateRoom(Box<proto::CreateRoomRequest>),
    /// `UpdateRoomMetadata`.
    UpdateRoomMetadata {
        /// Opaque text for the app.
        metadata: String,
    },
    /// `DeleteRoom`.
    DeleteRoom,
    /// `ListParticipants`.
    ListParticipants,
    /// What the sessions of those have come to so far who are connected.
    ListAccounts,
    /// `GetParticipant`.
    GetParticipant {
        /// Whom.
        identity: ParticipantIdentity,
    },
    /// `RemoveParticipant`.
    RemoveParticipant {
        /// Whom.
        identity: ParticipantIdentity,
        /// What it is told of why.
        reason: Option<String>,
    },
    /// `MutePublishedTrack`.
    MutePublishedTrack {
        /// The publisher.
        identity: ParticipantIdentity,
        /// The track.
        track: TrackSid,
        /// Whether it becomes muted.
        muted: bool,
    },
    /// `UpdateParticipant`.
    UpdateParticipant(Box<proto::UpdateParticipantRequest>),
    /// `UpdateSubscriptions`.
    UpdateSubscriptions(Box<proto::UpdateSubscriptionsRequest>),
    /// `SendData`.
    SendData(Box<proto::SendDataRequest>),
    /// Has the same happen to many participants. Ours.
    ChangeMany {
        /// To whom.
        selection: Selection,
        /// What.
        change: Change,
    },
    /// `PerformRpc`.
    PerformRpc(Box<proto::PerformRpcRequest>),
}

/// What a call returns.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomReply {
    /// Nothing but success.
    Done,
    /// The room.
    Room(Box<proto::Room>),
    /// The participants that are not hidden.
    Participants(Vec<proto::ParticipantInfo>),
    /// One participant.
    Participant(Box<proto::ParticipantInfo>),
    /// The track.
    Track(Box<proto::TrackInfo>),
    /// What each session has come to.
    Accounts(Vec<(ParticipantSid, SessionAccount)>),
    /// What has become of each participant.
    Outcomes(Vec<Outcome>),
    /// The participant was asked; [`crate::Output::RpcDone`] follows within `timeout`.
    RpcStarted {
        /// The call.
        rpc: RpcId,
        /// When it is given up.
        timeout: Duration,
    },
}

/// What has become of one of many participants.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Of whom.
    pub identity: ParticipantIdentity,
    /// What was done, or why it was not.
    pub result: Result<Done, RoomError>,
}

/// What was done to a participant.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// These tracks are as they should be, and were not before.
    Muted(Vec<proto::TrackInfo>),
    /// It has left.
    Removed,
    /// This is what others are told of it.
    Updated(Box<proto::ParticipantInfo>),
}

/// A call to a participant in progress. Never reused in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RpcId(pub u64);

/// How a call to a participant ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RpcOutcome {
    /// Its answer.
    Payload(String),
    /// Its error, or LiveKit's for it (codes 1400-1505).
    Error(proto::RpcError),
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomError {
    /// `not_found`: the room is over.
    RoomClosed,
    /// `not_found`: participant does not exist.
    ParticipantNotFound,
    /// `not_found`: track is not found.
    TrackNotFound,
    /// `invalid_argument`: metadata size exceeds limits.
    MetadataTooLarge,
    /// `invalid_argument`: attribute size exceeds limits.
    AttributesTooLarge,
    /// `invalid_argument`: name length exceeds limits.
    NameTooLong,
    /// `invalid_argument`: the nonce has neither 0 nor 16 bytes.
    InvalidNonce,
    /// `invalid_argument`: the message is larger than a data channel carries.
    DataTooLarge,
    /// So much data that no participant sent waits for slow participants that no more is taken.
    TooMuchDataWaits,
    /// `invalid_argument`: destination identity is required.
    NoDestination,
    /// `malformed`: the argument of a call to a participant is too large.
    RpcPayloadTooLarge,
    /// `failed_precondition`: remote unmute not enabled.
    RemoteUnmuteDisabled,
    /// `resource_exhausted`: too many calls to participants are open.
    TooManyRpcs,
    /// `failed_precondition`: the client does not know that sessions go from one room to another.
    ClientCannotMove,
    /// `failed_precondition`: participants of this kind belong to their room.
    KindCannotMove(&'static str),
    /// `failed_precondition`: it is in another room, and only shown here.
    ForwardedAlready,
    /// `resource_exhausted`: so many participants of the room are shown in others that no more are.
    TooManyForwards,
    /// `failed_precondition`: its media is not connected yet, or its signalling is not at the moment.
    NotConnected,
}

impl fmt::Display for RoomError {
    /// Writes LiveKit's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientCannotMove => "participant client version does not support moving",
            Self::KindCannotMove(kind) => {
                return write!(
                    f,
                    "{kind} participants cannot be moved, one-shot signaling mode: false"
                );
            }
            Self::ForwardedAlready => "the participant is forwarded from another room",
            Self::TooManyForwards => "too many participants of the room are forwarded",
            Self::NotConnected => "participant is not connected at the moment, try again",
            Self::RoomClosed => "requested room does not exist",
            Self::ParticipantNotFound => "participant does not exist",
            Self::TrackNotFound => "track is not found",
            Self::MetadataTooLarge => "metadata size exceeds limits",
            Self::AttributesTooLarge => "attribute size exceeds limits",
            Self::NameTooLong => "name length exceeds limits",
            Self::InvalidNonce => "nonce should be 16-bytes or not be provided",
            Self::DataTooLarge => "data size exceeds limits",
            Self::TooMuchDataWaits => {
                "too much data of the server waits for participants of the room"
            }
            Self::NoDestination => "destination identity is required",
            Self::RpcPayloadTooLarge => "RpcError 1402: Request payload too large",
            Self::RemoteUnmuteDisabled => "remote unmute not enabled",
            Self::TooManyRpcs => "too many RPC calls are open in the room",
        })
    }
}

impl std::error::Error for RoomError {}
