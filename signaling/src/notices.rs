//! What happened in rooms, for whoever keeps records or sends webhooks.
//!
//! There is one reader. Rooms never wait for it: when it is behind by [`NOTICES`], further notices
//! are lost and counted.

use std::fmt;

use sfu_model::{RoomName, UnixTime};
use signaling_session::RoomNotice;
use tokio::sync::mpsc;

use crate::limits::NOTICES;

/// What happened in a room.
#[derive(Clone, Debug)]
pub struct Notice {
    /// When.
    pub at: UnixTime,
    /// The room.
    pub room: RoomName,
    /// What happened.
    pub what: RoomNotice,
}

/// The writing end.
#[derive(Clone, Debug)]
pub(crate) struct NoticeSink(mpsc::Sender<Notice>);

/// The reading end.
#[derive(Debug)]
pub struct Notices(mpsc::Receiver<Notice>);

/// Creates both ends.
pub(crate) fn notices() -> (NoticeSink, Notices) {
    let (sink, notices) = mpsc::channel(NOTICES);
    (NoticeSink(sink), Notices(notices))
}

impl NoticeSink {
    /// Hands a notice on, and reports whether it was lost because the reader is behind.
    pub(crate) fn send(&self, notice: Notice) -> bool {
        let sent = self.0.try_send(notice);
        matches!(sent, Err(mpsc::error::TrySendError::Full(_)))
    }
}

impl Notices {
    /// Returns the next notice; nothing when no room is left that could send one.
    pub async fn next(&mut self) -> Option<Notice> {
        self.0.recv().await
    }

    /// Returns the next notice if it is there.
    pub fn try_next(&mut self) -> Option<Notice> {
        self.0.try_recv().ok()
    }
}

impl fmt::Display for Notice {
    /// Writes the name of LiveKit's webhook event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.what {
            RoomNotice::RoomStarted { .. } => "room_started",
            RoomNotice::RoomFinished { .. } => "room_finished",
            RoomNotice::RoomLost { .. } => "room_lost",
            RoomNotice::ParticipantJoined { .. } => "participant_joined",
            RoomNotice::ParticipantLeft { .. } => "participant_left",
            RoomNotice::ParticipantAborted { .. } => "participant_connection_aborted",
            RoomNotice::TrackPublished { .. } => "track_published",
            RoomNotice::TrackUnpublished { .. } => "track_unpublished",
            RoomNotice::Accounts { .. } => "accounts",
        })
    }
}

#[cfg(test)]
mod tests {
    use signaling_protocol::proto;

    use super::*;

    fn notice() -> Notice {
        let room = Box::new(proto::Room::default());
        Notice {
            at: UnixTime::default(),
            room: "lobby".into(),
            what: RoomNotice::RoomStarted { room },
        }
    }

    #[tokio::test]
    async fn what_a_reader_that_is_behind_cannot_take_is_lost_and_said_so() {
        let (sink, mut notices) = notices();
        for _ in 0..NOTICES {
            assert!(!sink.send(notice()));
        }
        assert!(sink.send(notice()));
        assert!(notices.next().await.is_some());
        assert!(!sink.send(notice()));
    }

    #[test]
    fn without_a_reader_nothing_is_kept() {
        let (sink, notices) = notices();
        drop(notices);
        assert!(!sink.send(notice()));
    }
}
