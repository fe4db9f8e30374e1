//! Who receives what: the part of a room that makes and ends subscriptions.

mod active;
mod dynacast;
mod stream_state;
mod wanted;

use crate::ids::Ids;
use crate::offer_answer::Negotiation;
use crate::outputs::Outputs;
use crate::room_facts::RoomFacts;
use crate::roster::Roster;
use crate::speakers::Speakers;
use crate::timers::Timers;
use crate::tracks::Tracks;
use crate::{NodeFacts, Room};

/// Decides who receives which track, has it negotiated and sent, and tells publishers what is wanted.
///
/// It is all of a room that this may touch.
#[derive(Debug)]
pub(crate) struct Subscriptions<'a> {
    pub(crate) facts: &'a NodeFacts,
    pub(crate) room: &'a RoomFacts,
    pub(crate) ids: &'a mut Ids,
    pub(crate) roster: &'a mut Roster,
    pub(crate) tracks: &'a mut Tracks,
    pub(crate) speakers: &'a Speakers,
    pub(crate) timers: &'a mut Timers,
    pub(crate) outputs: &'a mut Outputs,
}

impl Room {
    /// Returns the part that makes and ends subscriptions.
    pub(crate) fn subscriptions(&mut self) -> Subscriptions<'_> {
        Subscriptions {
            facts: &self.facts,
            room: &self.room,
            ids: &mut self.ids,
            roster: &mut self.roster,
            tracks: &mut self.tracks,
            speakers: &self.speakers,
            timers: &mut self.timers,
            outputs: &mut self.outputs,
        }
    }
}

impl Subscriptions<'_> {
    fn negotiation(&mut self) -> Negotiation<'_> {
        Negotiation {
            ids: self.ids,
            roster: self.roster,
            timers: self.timers,
            outputs: self.outputs,
        }
    }
}
