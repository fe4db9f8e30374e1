//! Data tracks: the part of a room that decides who publishes and who receives them.

mod publish;
mod receive;

use crate::Room;
use crate::data_track::DataTracks;
use crate::ids::Ids;
use crate::outputs::Outputs;
use crate::room_facts::RoomFacts;
use crate::roster::Roster;
use crate::telling::Telling;
use crate::timers::Timers;
use crate::tracks::Tracks;
use crate::updates::Updates;

/// Makes and ends data tracks and their subscriptions, and passes their packets on.
///
/// It is all of a room that this may touch. What others are told it leads to the part for that.
#[derive(Debug)]
pub(crate) struct DataPublications<'a> {
    room: &'a RoomFacts,
    ids: &'a mut Ids,
    roster: &'a mut Roster,
    tracks: &'a Tracks,
    data_tracks: &'a mut DataTracks,
    updates: &'a mut Updates,
    timers: &'a mut Timers,
    outputs: &'a mut Outputs,
}

impl Room {
    /// Returns the part that makes and ends data tracks.
    pub(crate) fn data_publications(&mut self) -> DataPublications<'_> {
        DataPublications {
            room: &self.room,
            ids: &mut self.ids,
            roster: &mut self.roster,
            tracks: &self.tracks,
            data_tracks: &mut self.data_tracks,
            updates: &mut self.updates,
            timers: &mut self.timers,
            outputs: &mut self.outputs,
        }
    }
}

impl DataPublications<'_> {
    fn telling(&mut self) -> Telling<'_> {
        Telling {
            closed: self.room.is_closed(),
            roster: self.roster,
            tracks: self.tracks,
            data_tracks: self.data_tracks,
            updates: self.updates,
            timers: self.timers,
            outputs: self.outputs,
        }
    }
}
