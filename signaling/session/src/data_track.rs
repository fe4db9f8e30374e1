//! The data tracks of a room.

use std::collections::{BTreeMap, BTreeSet};

use sfu_model::TrackSid;

use crate::participant_key::ParticipantKey;
use crate::proto;

/// A data track in the room.
#[derive(Debug)]
pub(crate) struct DataTrack {
    pub(crate) sid: TrackSid,
    pub(crate) publisher: ParticipantKey,
    pub(crate) info: proto::DataTrackInfo,
    /// What stands for the track in packets to its subscribers.
    ///
    /// Departure: LiveKit gives every subscriber another number. One for all lets them share a
    /// packet.
    pub(crate) handle: u16,
    pub(crate) subscribers: BTreeSet<ParticipantKey>,
}

/// The data tracks of a room.
#[derive(Debug, Default)]
pub(crate) struct DataTracks {
    tracks: BTreeMap<TrackSid, DataTrack>,
    /// By publisher and the number that it gave its track.
    by_source: BTreeMap<(ParticipantKey, u16), TrackSid>,
    handles: BTreeSet<u16>,
    last_handle: u16,
}

/// What one participant wants of data tracks.
#[derive(Debug, Default)]
pub(crate) struct DataInterest {
    /// Whether it wants all of them, unless it says otherwise.
    pub(crate) automatic: bool,
    pub(crate) choices: BTreeMap<TrackSid, bool>,
    /// What it publishes.
    pub(crate) published: Vec<TrackSid>,
}

impl DataTracks {
    /// Adds a track under a free handle; returns whether there was one.
    pub(crate) fn insert(
        &mut self,
        publisher: ParticipantKey,
        source: u16,
        info: proto::DataTrackInfo,
    ) -> bool {
        let Some(handle) = self.free_handle() else {
            return false;
        };
        let sid = TrackSid::from(info.sid.as_str());
        self.last_handle = handle;
        self.handles.insert(handle);
        self.by_source.insert((publisher, source), sid.clone());
        let track = DataTrack {
            sid: sid.clone(),
            publisher,
            info,
            handle,
            subscribers: BTreeSet::new(),
        };
        self.tracks.insert(sid, track);
        true
    }

    fn free_handle(&self) -> Option<u16> {
        let after = self.last_handle.saturating_add(1)..=u16::MAX;
        let before = 1..=self.last_handle;
        after
            .chain(before)
            .find(|handle| !self.handles.contains(handle))
    }

    pub(crate) fn remove(&mut self, sid: &TrackSid) -> Option<DataTrack> {
        let track = self.tracks.remove(sid)?;
        self.handles.remove(&track.handle);
        self.by_source.retain(|_, other| other != sid);
        Some(track)
    }

    pub(crate) fn get(&self, sid: &TrackSid) -> Option<&DataTrack> {
        self.tracks.get(sid)
    }

    pub(crate) fn get_mut(&mut self, sid: &TrackSid) -> Option<&mut DataTrack> {
        self.tracks.get_mut(sid)
    }

    /// Returns the track that a publisher's packets call by this number.
    pub(crate) fn of_source(&self, publisher: ParticipantKey, source: u16) -> Option<&DataTrack> {
        self.tracks.get(self.by_source.get(&(publisher, source))?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &DataTrack> {
        self.tracks.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_used_again_only_when_they_are_free() {
        let mut tracks = DataTracks {
            last_handle: u16::MAX - 1,
            ..DataTracks::default()
        };
        let info = |sid: &str| proto::DataTrackInfo {
            sid: sid.to_owned(),
            ..proto::DataTrackInfo::default()
        };
        for (source, sid) in (1..).zip(["DTR_a", "DTR_b", "DTR_c"]) {
            assert!(tracks.insert(ParticipantKey(1), source, info(sid)));
        }
        let handles: Vec<_> = tracks.iter().map(|track| track.handle).collect();
        assert_eq!(handles, [u16::MAX, 1, 2]);
        tracks.remove(&"DTR_b".into());
        assert!(tracks.of_source(ParticipantKey(1), 2).is_none());
        assert!(tracks.of_source(ParticipantKey(1), 3).is_some());
    }
}
