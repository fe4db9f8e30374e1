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
    /// Those of this room, and where.
    ours: BTreeMap<(ParticipantIdentity, RoomName), Shown>,
    /// Those of other rooms.
    theirs: BTreeMap<ParticipantIdentity, RoomMailbox>,
}

/// Somebody of this room in another.
#[derive(Debug)]
struct Shown {
    to: RoomMailbox,
    /// What was told of it last.
    told: Option<Projection>,
    /// Whoever waits until it is shown.
    reply: Option<MoveReply>,
}

impl Shown {
    /// Tells the other room what there is to show, unless it knows. Returns whether it is the same session as before.
    fn tell(&mut self, projection: Projection, own: &impl Fn() -> RoomMailbox) -> bool {
        if self.to.is_closed() || self.told.as_ref().is_some_and(|it| !it.is_of(&projection)) {
            return false;
        }
        if self.told.as_ref().is_none_or(|it| !it.shows(&projection)) {
            self.told = Some(projection.clone());
            self.to.send_soon(Letter::Travel(Travel::Project {
                projection: Box::new(projection),
                from: own(),
                reply: self.reply.take(),
            }));
        }
        true
    }
}

impl Projections {
    pub(crate) fn new(room: &RoomName) -> Self {
        Self {
            room: room.clone(),
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
        }
    }

    /// Has somebody shown in another room, which replies. It is told when the shards have all that there is to show.
    pub(crate) fn forward(
        &mut self,
        now: Now,
        room: &mut Room,
        (identity, destination): (ParticipantIdentity, RoomName),
        to: RoomMailbox,
        reply: MoveReply,
    ) {
        let refused = match room.projection(&identity) {
            _ if self.ours.len() >= MAX_FORWARDS => Some(RoomError::TooManyForwards),
            projection => projection.err(),
        };
        if let Some(error) = refused {
            reply.send(Err(error.into())).ok();
            return;
        }
        let shown = Shown {
            to,
            told: None,
            reply: Some(reply),
        };
        self.ours.insert((identity.clone(), destination), shown);
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

    /// Tells other rooms what has changed of those whom they show, and whom this one shows no more. Returns whether this room
    /// may have something to do for it.
    pub(crate) fn reconcile(
        &mut self,
        now: Now,
        room: &mut Room,
        own: impl Fn() -> RoomMailbox,
    ) -> bool {
        if self.ours.is_empty() && self.theirs.is_empty() {
            return false;
        }
        let mut ended = Vec::new();
        for ((identity, destination), shown) in &mut self.ours {
            let projection = room.projection(identity);
            if !projection.is_ok_and(|projection| shown.tell(projection, &own)) {
                ended.push((identity.clone(), destination.clone()));
            }
        }
        let has_ended = !ended.is_empty();
        for key in ended {
            if let Some(shown) = self.ours.remove(&key) {
                let identity = key.0.clone();
                shown
                    .to
                    .send_soon(Letter::Travel(Travel::EndProjection { identity }));
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
        has_ended
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
        for ((identity, _), shown) in std::mem::take(&mut self.ours) {
            shown
                .to
                .send_soon(Letter::Travel(Travel::EndProjection { identity }));
        }
        for (identity, from) in std::mem::take(&mut self.theirs) {
            from.send_soon(self.ended(identity));
        }
    }
}
