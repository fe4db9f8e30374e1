//! Who publishes what: the part of a room that makes, changes and ends publications.

mod arriving;
mod publish;
mod sections;
mod track_update;
mod unpublish;

use crate::data_track::DataTracks;
use crate::ids::Ids;
use crate::outputs::Outputs;
use crate::room_facts::RoomFacts;
use crate::roster::Roster;
use crate::speakers::Speakers;
use crate::subscriptions::Subscriptions;
use crate::telling::Telling;
use crate::timers::Timers;
use crate::tracks::Tracks;
use crate::updates::Updates;
use crate::{NodeFacts, Room};

/// Takes requests to publish, finds the media that they ask for, and has it received and told of.
///
/// It is all of a room that this may touch. What follows for subscribers, and what others are told, it leads to the
/// parts for that.
#[derive(Debug)]
pub(crate) struct Publications<'a> {
    facts: &'a NodeFacts,
    room: &'a RoomFacts,
    ids: &'a mut Ids,
    roster: &'a mut Roster,
    tracks: &'a mut Tracks,
    data_tracks: &'a DataTracks,
    speakers: &'a Speakers,
    updates: &'a mut Updates,
    timers: &'a mut Timers,
    outputs: &'a mut Outputs,
}

impl Room {
    /// Returns the part that makes, changes and ends publications.
    pub(crate) fn publications(&mut self) -> Publications<'_> {
        Publications {
            facts: &self.facts,
            room: &self.room,
            ids: &mut self.ids,
            roster: &mut self.roster,
            tracks: &mut self.tracks,
            data_tracks: &self.data_tracks,
            speakers: &self.speakers,
            updates: &mut self.updates,
            timers: &mut self.timers,
            outputs: &mut self.outputs,
        }
    }
}

impl Publications<'_> {
    fn subscriptions(&mut self) -> Subscriptions<'_> {
        Subscriptions {
            facts: self.facts,
            room: self.room,
            ids: self.ids,
            roster: self.roster,
            tracks: self.tracks,
            speakers: self.speakers,
            timers: self.timers,
            outputs: self.outputs,
        }
    }

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
