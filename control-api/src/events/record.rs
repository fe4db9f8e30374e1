//! What the accounts of sessions take from what happens in rooms.

use std::time::Duration;

use sfu_model::{ParticipantSid, RoomSid, UnixTime};
use signaling_protocol::proto;
use signaling_session::{RoomNotice, SessionAccount, SessionOrigin};
use store::{Account, ClientProgram, Joined, Left, Progress, Published, Record};

use super::body;

/// Returns what the accounts take from what happened; nothing of what says nothing of sessions.
pub(super) fn record(notice: &RoomNotice) -> Option<Record> {
    match notice {
        RoomNotice::RoomStarted { room } => Some(Record::RoomStarted {
            room: room.name.clone(),
        }),
        RoomNotice::RoomFinished { cause, lasted, .. } => Some(Record::RoomEnded {
            lasted_ms: millis(*lasted),
            reason: body::end_reason(*cause).as_str_name().to_owned(),
            recovered: false,
        }),
        RoomNotice::ParticipantJoined {
            room,
            participant,
            origin,
        } => Some(joined(room, participant, origin)),
        RoomNotice::ParticipantLeft {
            participant,
            account,
            ..
        } => Some(Record::Left(Left {
            sid: participant.sid.clone(),
            reason: participant.disconnect_reason().as_str_name().to_owned(),
            account: account_of(account),
            recovered: false,
        })),
        RoomNotice::TrackPublished {
            participant, track, ..
        } => Some(Record::Published(Published {
            track: track.sid.clone(),
            participant: participant.sid.clone(),
            kind: track.r#type().as_str_name().to_owned(),
            source: track.source().as_str_name().to_owned(),
            mime_type: track.mime_type.clone(),
            name: track.name.clone(),
        })),
        RoomNotice::TrackUnpublished { track, .. } => Some(unpublished(track)),
        RoomNotice::ParticipantAborted { .. }
        | RoomNotice::Accounts { .. }
        | RoomNotice::RoomLost { .. } => None,
    }
}

/// Returns what the accounts take from the end of what begins with a notice, if the node tells no more of it.
pub(super) fn end_of(notice: &RoomNotice) -> Option<Record> {
    match notice {
        RoomNotice::RoomStarted { .. } => Some(room_ended(0)),
        RoomNotice::ParticipantJoined { participant, .. } => {
            Some(left(&participant.sid, Account::default()))
        }
        RoomNotice::TrackPublished { track, .. } => Some(unpublished(track)),
        RoomNotice::RoomFinished { .. }
        | RoomNotice::ParticipantLeft { .. }
        | RoomNotice::ParticipantAborted { .. }
        | RoomNotice::TrackUnpublished { .. }
        | RoomNotice::Accounts { .. }
        | RoomNotice::RoomLost { .. } => None,
    }
}

/// Writes down what has come of a room and of each session in it.
pub(crate) fn progress(
    at: UnixTime,
    room: &RoomSid,
    lasted: Duration,
    accounts: &[(ParticipantSid, SessionAccount)],
) -> Vec<Progress> {
    let of = |sid: &str, record| Progress {
        room_sid: room.as_str().to_owned(),
        sid: sid.to_owned(),
        at,
        record,
    };
    let sessions = accounts.iter().map(|(sid, account)| {
        let record = left(sid.as_str(), account_of(account));
        of(sid.as_str(), record)
    });
    let room = of(room.as_str(), room_ended(millis(lasted)));
    sessions.chain([room]).collect()
}

/// Returns what a session has come to, as it is kept.
pub(crate) fn account_of(account: &SessionAccount) -> Account {
    let quality = account.quality;
    Account {
        lasted_ms: millis(account.lasted),
        received: number(account.traffic.received),
        sent: number(account.traffic.sent),
        excellent: number(quality.excellent),
        good: number(quality.good),
        poor: number(quality.poor),
        lost: number(quality.lost),
    }
}

fn room_ended(lasted_ms: i64) -> Record {
    Record::RoomEnded {
        lasted_ms,
        reason: proto::RoomEndReason::RoomEndServerShutdown
            .as_str_name()
            .to_owned(),
        recovered: false,
    }
}

fn left(sid: &str, account: Account) -> Record {
    Record::Left(Left {
        sid: sid.to_owned(),
        reason: proto::DisconnectReason::ServerShutdown
            .as_str_name()
            .to_owned(),
        account,
        recovered: false,
    })
}

fn unpublished(track: &proto::TrackInfo) -> Record {
    Record::Unpublished {
        track: track.sid.clone(),
    }
}

fn joined(
    room: &proto::Room,
    participant: &proto::ParticipantInfo,
    origin: &SessionOrigin,
) -> Record {
    let client = &origin.client;
    Record::Joined(Box::new(Joined {
        sid: participant.sid.clone(),
        room: room.name.clone(),
        identity: participant.identity.clone(),
        name: participant.name.clone(),
        kind: participant.kind().as_str_name().to_owned(),
        is_dependent: origin.is_dependent,
        api_key: origin.key.as_str().to_owned(),
        address: origin.address.map(|it| it.to_string()).unwrap_or_default(),
        client: ClientProgram {
            sdk: client.sdk().as_str_name().to_owned(),
            sdk_version: client.version.clone(),
            os: client.os.clone(),
            os_version: client.os_version.clone(),
            browser: client.browser.clone(),
            browser_version: client.browser_version.clone(),
            device: client.device_model.clone(),
        },
    }))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
