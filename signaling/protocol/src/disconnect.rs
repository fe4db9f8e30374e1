//! Why sessions end, and how clients are told.

use crate::ProtocolVersion;
use crate::proto::{DisconnectReason, LeaveRequest, leave_request::Action};

/// Why a participant's session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectCause {
    /// The client said goodbye.
    ClientLeft,
    /// The client said that its user cannot be reached.
    UserUnavailable,
    /// The client said that its user refused.
    UserRejected,
    /// An agent said that it failed.
    AgentFailed,
    /// A gateway said that its telephone line failed.
    TrunkFailed,
    /// Another session of the same identity began, or this one was left behind.
    Replaced,
    /// The API removed the participant.
    Removed,
    /// The client sent more than it may, for longer than is borne.
    SentTooMuch,
    /// The client sent what is no message, or more than one may have.
    SentUnreadable,
    /// The API deleted the room.
    RoomDeleted,
    /// The room was idle and ended.
    RoomClosed,
    /// The server stops, or a test asked it to behave so.
    ServerStops,
    /// The transport failed and the client did not come back.
    TransportFailed,
    /// The client took next to none of the reliable messages for it, and kept their senders waiting.
    DataStalled,
    /// The join was not completed: refused halfway, or never became active.
    JoinFailed,
    /// Client and server disagree on what is published or subscribed, or negotiation failed.
    StateMismatch,
    /// The WebSocket closed before media was up.
    SignalClosed,
    /// The session goes on in another node.
    Migrated,
}

impl DisconnectCause {
    /// Returns what clients are told.
    pub fn reason(self) -> DisconnectReason {
        match self {
            Self::ClientLeft => DisconnectReason::ClientInitiated,
            Self::UserUnavailable => DisconnectReason::UserUnavailable,
            Self::UserRejected => DisconnectReason::UserRejected,
            Self::AgentFailed => DisconnectReason::AgentError,
            Self::TrunkFailed => DisconnectReason::SipTrunkFailure,
            Self::Replaced => DisconnectReason::DuplicateIdentity,
            // There is no reason of its own; the log has it.
            Self::Removed | Self::SentTooMuch | Self::SentUnreadable => {
                DisconnectReason::ParticipantRemoved
            }
            Self::RoomDeleted => DisconnectReason::RoomDeleted,
            Self::RoomClosed => DisconnectReason::RoomClosed,
            Self::ServerStops => DisconnectReason::ServerShutdown,
            Self::TransportFailed => DisconnectReason::ConnectionTimeout,
            Self::DataStalled => DisconnectReason::MediaFailure,
            Self::JoinFailed => DisconnectReason::JoinFailure,
            Self::StateMismatch => DisconnectReason::StateMismatch,
            Self::SignalClosed => DisconnectReason::SignalClose,
            Self::Migrated => DisconnectReason::Migration,
        }
    }

    /// Reads the reason in a client's own `LeaveRequest`. Only a few are taken from clients; any
    /// other is an ordinary goodbye.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a client may give only the reasons that are listed"
    )]
    pub fn of_client(leave: &LeaveRequest) -> Self {
        match leave.reason() {
            DisconnectReason::UserUnavailable => Self::UserUnavailable,
            DisconnectReason::UserRejected => Self::UserRejected,
            DisconnectReason::AgentError => Self::AgentFailed,
            DisconnectReason::SipTrunkFailure => Self::TrunkFailed,
            _ => Self::ClientLeft,
        }
    }
}

/// What a client shall do when it is told to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveAction {
    /// Stay away.
    Disconnect,
    /// Come back to the same session.
    Resume,
    /// Come back with a fresh session.
    Reconnect,
}

/// Writes the message that tells a client to leave, as its protocol has it. A client too old to
/// know actions cannot be told to resume: it gets no message and finds out by itself.
pub fn leave_request(
    action: LeaveAction,
    cause: DisconnectCause,
    protocol: ProtocolVersion,
) -> Option<LeaveRequest> {
    let mut leave = LeaveRequest::default();
    leave.set_reason(cause.reason());
    if protocol.takes_leave_action() {
        leave.set_action(match action {
            LeaveAction::Disconnect => Action::Disconnect,
            LeaveAction::Resume => Action::Resume,
            LeaveAction::Reconnect => Action::Reconnect,
        });
        return Some(leave);
    }
    match action {
        LeaveAction::Disconnect => Some(leave),
        LeaveAction::Resume => None,
        LeaveAction::Reconnect => {
            leave.can_reconnect = true;
            Some(leave)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_current_client_is_told_what_to_do() {
        let leave = leave_request(
            LeaveAction::Resume,
            DisconnectCause::TransportFailed,
            ProtocolVersion::CURRENT,
        )
        .unwrap();
        assert_eq!(leave.action(), Action::Resume);
        assert_eq!(leave.reason(), DisconnectReason::ConnectionTimeout);
        assert!(!leave.can_reconnect);
    }

    #[test]
    fn an_old_client_is_told_only_whether_to_reconnect() {
        let old = ProtocolVersion(12);
        let cause = DisconnectCause::StateMismatch;
        let leave = leave_request(LeaveAction::Reconnect, cause, old).unwrap();
        assert!(leave.can_reconnect);
        assert_eq!(leave_request(LeaveAction::Resume, cause, old), None);
    }

    #[test]
    fn a_gateway_may_say_that_its_line_failed() {
        let mut leave = LeaveRequest::default();
        leave.set_reason(DisconnectReason::SipTrunkFailure);
        let cause = DisconnectCause::of_client(&leave);
        assert_eq!(cause.reason(), DisconnectReason::SipTrunkFailure);
    }

    #[test]
    fn a_client_cannot_claim_to_have_been_removed() {
        let mut leave = LeaveRequest::default();
        leave.set_reason(DisconnectReason::ParticipantRemoved);
        assert_eq!(
            DisconnectCause::of_client(&leave),
            DisconnectCause::ClientLeft
        );
    }
}
