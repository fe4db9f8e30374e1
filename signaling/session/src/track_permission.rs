//! Who may receive which tracks of a publisher.

use std::collections::{BTreeMap, BTreeSet};

use sfu_model::{ParticipantIdentity, TrackSid};

/// Which of a publisher's tracks others may receive. The publisher sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum TrackPermissions {
    /// All of them.
    #[default]
    Everybody,
    /// These participants, these tracks.
    Only(BTreeMap<ParticipantIdentity, AllowedTracks>),
}

/// What one participant may receive of a publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedTracks {
    All,
    These(BTreeSet<TrackSid>),
}

impl TrackPermissions {
    pub(crate) fn allows(&self, subscriber: &ParticipantIdentity, track: &TrackSid) -> bool {
        match self {
            Self::Everybody => true,
            Self::Only(allowed) => match allowed.get(subscriber) {
                None => false,
                Some(AllowedTracks::All) => true,
                Some(AllowedTracks::These(tracks)) => tracks.contains(track),
            },
        }
    }
}
