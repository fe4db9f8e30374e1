use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use signaling_protocol::proto;
use signaling_session::RoomNotice;

/// What has come of the notices of rooms, added up.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    /// Tracks of audio and of video that are published, by room: a room that is lost takes its own along.
    tracks: BTreeMap<String, [i64; 2]>,
    joined: u64,
    aborted: u64,
}

/// What was added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TallyReport {
    /// Tracks that are published, by kind.
    pub(crate) tracks: [(&'static str, i64); 2],
    /// Participants whose media was connected, and those who left before, by state.
    pub(crate) joins: [(&'static str, u64); 2],
}

impl Default for TallyReport {
    /// Says that nothing has happened.
    fn default() -> Self {
        Tally::default().report()
    }
}

impl Tally {
    /// Takes note of what has happened.
    pub(crate) fn note(&self, notice: &RoomNotice) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match notice {
            RoomNotice::RoomStarted { .. }
            | RoomNotice::ParticipantLeft { .. }
            | RoomNotice::Accounts { .. } => {}
            RoomNotice::RoomFinished { room, .. } => drop(sums.tracks.remove(&room.sid)),
            RoomNotice::RoomLost { sid } => drop(sums.tracks.remove(sid.as_str())),
            RoomNotice::ParticipantJoined { .. } => sums.joined += 1,
            RoomNotice::ParticipantAborted { .. } => sums.aborted += 1,
            RoomNotice::TrackPublished { room, track, .. } => sums.add(room, track, 1),
            RoomNotice::TrackUnpublished { room, track, .. } => sums.add(room, track, -1),
        }
    }

    /// Returns what was added up.
    pub(crate) fn report(&self) -> TallyReport {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [mut audio, mut video] = [0, 0];
        for tracks in sums.tracks.values() {
            audio += tracks[0];
            video += tracks[1];
        }
        TallyReport {
            tracks: [("audio", audio), ("video", video)],
            joins: [("rtc_connected", sums.joined), ("aborted", sums.aborted)],
        }
    }
}

impl Sums {
    fn add(&mut self, room: &proto::Room, track: &proto::TrackInfo, count: i64) {
        let [audio, video] = self.tracks.entry(room.sid.clone()).or_default();
        match track.r#type() {
            proto::TrackType::Audio => *audio += count,
            proto::TrackType::Video => *video += count,
            proto::TrackType::Data => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(room: &str, kind: proto::TrackType) -> RoomNotice {
        let mut track = proto::TrackInfo::default();
        track.set_type(kind);
        RoomNotice::TrackPublished {
            room: Box::new(proto::Room {
                sid: room.to_owned(),
                ..proto::Room::default()
            }),
            participant: Box::default(),
            track: Box::new(track),
        }
    }

    #[test]
    fn tracks_that_are_published_are_counted_by_kind_until_they_or_their_room_are_gone() {
        let tally = Tally::default();
        let kinds = [proto::TrackType::Audio, proto::TrackType::Video];
        for (room, kind) in [("a", kinds[0]), ("a", kinds[1]), ("b", kinds[1])] {
            tally.note(&published(room, kind));
        }
        let RoomNotice::TrackPublished {
            room,
            participant,
            track,
        } = published("a", kinds[0])
        else {
            return;
        };
        tally.note(&RoomNotice::TrackUnpublished {
            room,
            participant,
            track,
        });
        assert_eq!(tally.report().tracks, [("audio", 0), ("video", 2)]);
        tally.note(&RoomNotice::RoomLost { sid: "b".into() });
        assert_eq!(tally.report().tracks, [("audio", 0), ("video", 1)]);
    }
}
