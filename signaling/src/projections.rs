//! Who of a room is shown in which others, and who of others is shown in it.

use std::collections::BTreeMap;

use sfu_model::{Now, ParticipantIdentity, RoomName};
use signaling_session::{Projection, Room, RoomError, RoomReply};

use crate::letter::{Letter, RoomMailbox, Travel};
use crate::passage::MoveReply;
use crate::request_failed::RequestFailed;

/// How many participants of a room are shown in others, each of them counted. What there is to show of them is looked at
/// after each turn of the room.
const MAX_FORWARDS: usize = 100;

/// Who of a room is shown in which others, and who of others is shown in it. When it is dropped, with its room, each other
/// room is told.
#[derive(Debug)]
pub(crate) struct Projections {
    room: RoomName,
    /// Those of this room: where each is shown, and what was last told of it.
    ours: BTreeMap<(ParticipantIdentity, RoomName), (RoomMailbox, Projection)>,
    /// Those of other rooms.
    theirs: BTreeMap<ParticipantIdentity, RoomMailbox>,
}

impl Projections {
    pub(crate) fn new(room: &RoomName) -> Self {
        Self {
            room: room.clone(),
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
        }
    }

    /// Has somebody shown in another room, which replies.
    pub(crate) fn forward(
        &mut self,
        now: Now,
        room: &mut Room,
        (identity, destination): (ParticipantIdentity, RoomName),
        (own, to): (RoomMailbox, RoomMailbox),
        reply: MoveReply,
    ) {
        let projection = match room.projection(&identity) {
            _ if self.ours.len() >= MAX_FORWARDS => Err(RoomError::TooManyForwards),
            projection => projection,
        };
        let projection = match projection {
            Ok(projection) => projection,
            Err(error) => {
                reply.send(Err(error.into())).ok();
                return;
            }
        };
        to.send_soon(Letter::Travel(Travel::Project {
            projection: Box::new(projection.clone()),
            from: own,
            reply: Some(reply),
        }));
        self.ours
            .insert((identity.clone(), destination), (to, projection));
        self.count(now, room, &identity);
    }

    /// Shows somebody of another room, or what has become of it.
    pub(crate) fn project(
        &mut self,
        now: Now,
        room: &mut Room,
        projection: Projection,
        from: RoomMailbox,
        reply: Option<MoveReply>,
    ) -> Option<(MoveReply, Result<RoomReply, RequestFailed>)> {
        let identity = projection.identity().clone();
        if reply.is_none() && !self.theirs.contains_key(&identity) {
            // It was ended here meanwhile, and the other room hears of that.
            return None;
        }
        match room.project(now, projection) {
            Ok(()) => {
                self.theirs.insert(identity, from);
                reply.map(|reply| (reply, Ok(RoomReply::Done)))
            }
            Err(refused) => {
                from.send_soon(self.ended(identity));
                reply.map(|reply| (reply, Err(RequestFailed::NotTaken(refused))))
            }
        }
    }

    /// Somebody of another room is shown here no more.
    pub(crate) fn end_projection(
        &mut self,
        now: Now,
        room: &mut Room,
        identity: &ParticipantIdentity,
    ) {
        if self.theirs.remove(identity).is_some() {
            room.end_projection(now, identity);
        }
    }

    /// Another room shows somebody of this one no more.
    pub(crate) fn forward_ended(
        &mut self,
        now: Now,
        room: &mut Room,
        identity: ParticipantIdentity,
        destination: RoomName,
    ) {
        let key = (identity, destination);
        self.ours.remove(&key);
        self.count(now, room, &key.0);
    }

    /// Tells other rooms what has changed of those whom they show, and whom this one shows no more.
    pub(crate) fn reconcile(&mut self, now: Now, room: &mut Room, own: impl Fn() -> RoomMailbox) {
        if self.ours.is_empty() && self.theirs.is_empty() {
            return;
        }
        let mut ended = Vec::new();
        for ((identity, destination), (to, told)) in &mut self.ours {
            match room.projection(identity) {
                Ok(shown) if shown.is_of(told) && !to.is_closed() => {
                    if !shown.shows(told) {
                        *told = shown.clone();
                        to.send_soon(Letter::Travel(Travel::Project {
                            projection: Box::new(shown),
                            from: own(),
                            reply: None,
                        }));
                    }
                }
                Ok(_) | Err(_) => ended.push((identity.clone(), destination.clone())),
            }
        }
        for key in ended {
            if let Some((to, _)) = self.ours.remove(&key) {
                let identity = key.0.clone();
                to.send_soon(Letter::Travel(Travel::EndProjection { identity }));
            }
            self.count(now, room, &key.0);
        }
        let (shown, gone) = std::mem::take(&mut self.theirs)
            .into_iter()
            .partition(|(identity, _)| room.has_projection(identity));
        self.theirs = shown;
        let gone: BTreeMap<ParticipantIdentity, RoomMailbox> = gone;
        for (identity, from) in gone {
            from.send_soon(self.ended(identity));
        }
    }

    fn ended(&self, identity: ParticipantIdentity) -> Letter {
        Letter::Travel(Travel::ForwardEnded {
            identity,
            destination: self.room.clone(),
        })
    }

    /// Has the room know in how many others somebody is shown.
    fn count(&self, now: Now, room: &mut Room, identity: &ParticipantIdentity) {
        let shown = self.ours.keys().filter(|(shown, _)| shown == identity);
        room.note_projections(now, identity, shown.count());
    }
}

impl Drop for Projections {
    fn drop(&mut self) {
        for ((identity, _), (to, _)) in std::mem::take(&mut self.ours) {
            to.send_soon(Letter::Travel(Travel::EndProjection { identity }));
        }
        for (identity, from) in std::mem::take(&mut self.theirs) {
            from.send_soon(self.ended(identity));
        }
    }
}
