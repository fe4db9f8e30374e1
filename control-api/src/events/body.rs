//! What receivers are sent of what happened: LiveKit's `WebhookEvent`, and what we add.

use serde_json::{Map, Value};
use signaling_protocol::{DisconnectCause, proto};
use signaling_session::RoomNotice;
use store::{RANK_PARTICIPANT, RANK_ROOM, RANK_TRACK};

/// An event before it has a time and a number.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Its name.
    pub(crate) kind: &'static str,
    pub(crate) room_sid: String,
    /// LiveKit's message.
    pub(crate) message: proto::WebhookEvent,
    /// What begins with it.
    pub(crate) begins: Option<Begins>,
    /// The sid of what ends with it.
    pub(crate) ends: Option<String>,
}

/// Something that begins, and what will tell of its end if the node cannot.
#[derive(Clone, Debug)]
pub(crate) struct Begins {
    pub(crate) sid: String,
    pub(crate) rank: i64,
    pub(crate) kind: &'static str,
    pub(crate) message: proto::WebhookEvent,
}

/// Whether the whole room is in events of tracks (`room.enable_full_room_in_webhooks`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoomDetail {
    /// Only its name and sid are.
    #[default]
    Short,
    /// It is.
    Full,
}

/// Writes an event of what happened; nothing of what is no event of its own.
pub(crate) fn told(notice: &RoomNotice, detail: RoomDetail) -> Option<Told> {
    match notice {
        RoomNotice::RoomStarted { room } => Some(room_started(room)),
        RoomNotice::RoomFinished { room, cause, .. } => {
            let mut message = message("room_finished", room);
            message.set_room_end_reason(end_reason(*cause));
            Some(Told {
                ends: Some(room.sid.clone()),
                ..plain("room_finished", room, message)
            })
        }
        RoomNotice::ParticipantJoined {
            room, participant, ..
        } => Some(joined(room, participant)),
        RoomNotice::ParticipantLeft {
            room, participant, ..
        } => {
            let left = with_participant("participant_left", room, participant);
            Some(Told {
                ends: Some(participant.sid.clone()),
                ..plain("participant_left", room, left)
            })
        }
        RoomNotice::ParticipantAborted { room, participant } => {
            const KIND: &str = "participant_connection_aborted";
            let aborted = with_participant(KIND, room, participant);
            Some(plain(KIND, room, aborted))
        }
        RoomNotice::TrackPublished {
            room,
            participant,
            track,
        } => {
            let published = with_track("track_published", room, participant, track, detail);
            let ended = with_track("track_unpublished", room, participant, track, detail);
            Some(Told {
                begins: Some(Begins {
                    sid: track.sid.clone(),
                    rank: RANK_TRACK,
                    kind: "track_unpublished",
                    message: ended,
                }),
                ..plain("track_published", room, published)
            })
        }
        RoomNotice::TrackUnpublished {
            room,
            participant,
            track,
        } => {
            let ended = with_track("track_unpublished", room, participant, track, detail);
            Some(Told {
                ends: Some(track.sid.clone()),
                ..plain("track_unpublished", room, ended)
            })
        }
        RoomNotice::Accounts { .. } | RoomNotice::RoomLost { .. } => None,
    }
}

fn room_started(room: &proto::Room) -> Told {
    let mut ended = message("room_finished", room);
    ended.set_room_end_reason(proto::RoomEndReason::RoomEndServerShutdown);
    if let Some(room) = &mut ended.room {
        room.num_participants = 0;
        room.num_publishers = 0;
    }
    Told {
        begins: Some(Begins {
            sid: room.sid.clone(),
            rank: RANK_ROOM,
            kind: "room_finished",
            message: ended,
        }),
        ..plain("room_started", room, message("room_started", room))
    }
}

fn joined(room: &proto::Room, participant: &proto::ParticipantInfo) -> Told {
    let mut gone = participant.clone();
    gone.set_state(proto::participant_info::State::Disconnected);
    gone.set_disconnect_reason(proto::DisconnectReason::ServerShutdown);
    gone.tracks.clear();
    Told {
        begins: Some(Begins {
            sid: participant.sid.clone(),
            rank: RANK_PARTICIPANT,
            kind: "participant_left",
            message: with_participant("participant_left", room, &gone),
        }),
        ..plain(
            "participant_joined",
            room,
            with_participant("participant_joined", room, participant),
        )
    }
}

fn plain(kind: &'static str, room: &proto::Room, message: proto::WebhookEvent) -> Told {
    Told {
        kind,
        room_sid: room.sid.clone(),
        message,
        begins: None,
        ends: None,
    }
}

fn message(kind: &str, room: &proto::Room) -> proto::WebhookEvent {
    // The password is for TURN alone, and no receiver's business.
    let room = proto::Room {
        turn_password: String::new(),
        ..room.clone()
    };
    proto::WebhookEvent {
        event: kind.to_owned(),
        room: Some(room),
        ..proto::WebhookEvent::default()
    }
}

fn with_participant(
    kind: &str,
    room: &proto::Room,
    participant: &proto::ParticipantInfo,
) -> proto::WebhookEvent {
    proto::WebhookEvent {
        participant: Some(participant.clone()),
        ..message(kind, room)
    }
}

/// Tells of a track and, as LiveKit's server does, of its publisher and its room no more than who they are.
fn with_track(
    kind: &str,
    room: &proto::Room,
    participant: &proto::ParticipantInfo,
    track: &proto::TrackInfo,
    detail: RoomDetail,
) -> proto::WebhookEvent {
    let short = proto::Room {
        sid: room.sid.clone(),
        name: room.name.clone(),
        ..proto::Room::default()
    };
    let room = match detail {
        RoomDetail::Short => &short,
        RoomDetail::Full => room,
    };
    let participant = proto::ParticipantInfo {
        sid: participant.sid.clone(),
        identity: participant.identity.clone(),
        ..proto::ParticipantInfo::default()
    };
    proto::WebhookEvent {
        participant: Some(participant),
        track: Some(track.clone()),
        ..message(kind, room)
    }
}

pub(super) fn end_reason(cause: DisconnectCause) -> proto::RoomEndReason {
    match cause {
        DisconnectCause::RoomDeleted => proto::RoomEndReason::RoomEndApiDelete,
        DisconnectCause::RoomClosed => proto::RoomEndReason::RoomEndIdleTimeout,
        DisconnectCause::ServerStops => proto::RoomEndReason::RoomEndServerShutdown,
        DisconnectCause::ClientLeft
        | DisconnectCause::UserUnavailable
        | DisconnectCause::UserRejected
        | DisconnectCause::AgentFailed
        | DisconnectCause::TrunkFailed
        | DisconnectCause::Replaced
        | DisconnectCause::Removed
        | DisconnectCause::SentTooMuch
        | DisconnectCause::SentUnreadable
        | DisconnectCause::TransportFailed
        | DisconnectCause::DataStalled
        | DisconnectCause::JoinFailed
        | DisconnectCause::StateMismatch
        | DisconnectCause::SignalClosed
        | DisconnectCause::Migrated => proto::RoomEndReason::RoomEndUnknown,
    }
}

/// Writes a message as JSON. It cannot fail: it is made of texts, numbers and lists.
pub(crate) fn json(message: &proto::WebhookEvent) -> Map<String, Value> {
    match serde_json::to_value(message) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => Map::new(),
    }
}

/// Reports whether somebody has left because another session of its identity began.
pub(crate) fn is_takeover(message: &proto::WebhookEvent) -> bool {
    let participant = message.participant.as_ref();
    let reason = participant.map(proto::ParticipantInfo::disconnect_reason);
    message.event == "participant_left"
        && reason == Some(proto::DisconnectReason::DuplicateIdentity)
}
