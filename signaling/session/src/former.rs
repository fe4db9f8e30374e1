//! What a participant was called before it was moved.

use sfu_model::{Event, PeerId, PublicationId};

/// What its shard called a participant's peers and publications in the room that it came from, and calls them here.
#[derive(Debug, Default)]
pub(crate) struct Former {
    pub(crate) peers: Vec<(PeerId, PeerId)>,
    pub(crate) publications: Vec<(PublicationId, PublicationId)>,
}

impl Former {
    /// Has an event that names them as before name them as they are called here. Returns whether it is about them.
    pub(crate) fn translate(&self, event: &mut Event) -> bool {
        if let Some(peer) = event.peer_mut() {
            return rename(peer, &self.peers);
        }
        let publication = event.publication_mut();
        publication.is_some_and(|publication| rename(publication, &self.publications))
    }
}

fn rename<T: Copy + PartialEq>(id: &mut T, names: &[(T, T)]) -> bool {
    let known = names.iter().find(|(before, _)| before == id);
    if let Some((_, after)) = known {
        *id = *after;
    }
    known.is_some()
}
