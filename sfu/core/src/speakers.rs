//! Whose cameras come first where a link does not carry all.

use std::collections::BTreeMap;

use sfu_model::{PublicationId, RoomIndex};

use crate::limits::SPEAKERS_OF_A_ROOM;

/// The cameras of those who speak, by room, as the control plane says.
#[derive(Debug, Default)]
pub(crate) struct Speakers(BTreeMap<RoomIndex, Vec<PublicationId>>);

impl Speakers {
    /// Takes whose they are, in place of those before. Of too many the last come no longer first.
    pub(crate) fn set(&mut self, room: RoomIndex, publications: &[PublicationId]) {
        let publications: Vec<_> = publications
            .iter()
            .copied()
            .take(SPEAKERS_OF_A_ROOM)
            .collect();
        match publications.is_empty() {
            true => self.0.remove(&room),
            false => self.0.insert(room, publications),
        };
    }

    /// Reports whether a publication is one of them.
    pub(crate) fn has(&self, publication: PublicationId) -> bool {
        let room = self.0.get(&publication.room);
        room.is_some_and(|publications| publications.contains(&publication))
    }

    /// Forgets a room of which nobody is here any more.
    pub(crate) fn forget(&mut self, room: RoomIndex) {
        self.0.remove(&room);
    }
}
