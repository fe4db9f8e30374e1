//! What one participant publishes.

use std::collections::BTreeMap;
use std::time::Instant;

use sfu_model::{Mid, TrackSid};

use crate::negotiation::{OfferedCodec, OfferedSection};
use crate::pending_tracks::PendingTracks;
use crate::track_permission::TrackPermissions;

/// What one participant publishes, asks to publish, and lets others receive.
#[derive(Debug, Default)]
pub(crate) struct Publishing {
    /// Requests without media.
    pub(crate) pending: PendingTracks,
    /// Published tracks, in the order of publishing.
    pub(crate) tracks: Vec<TrackSid>,
    /// Media sections that carry a published track.
    pub(crate) sections: BTreeMap<Mid, PublishingSection>,
    /// Media sections in which the client sends and that no request explains.
    pub(crate) unexplained: Vec<OfferedSection>,
    /// When the first of the answers came after which it is still to be told again what is wanted.
    pub(crate) answered_since: Option<Instant>,
    /// Who may receive what.
    pub(crate) permissions: TrackPermissions,
    /// What the client said of that since, and that has no effect yet.
    pub(crate) next_permissions: Option<TrackPermissions>,
    /// When what it said last took effect.
    pub(crate) permitted_at: Option<Instant>,
}

/// A media section that carries a published track, in one codec.
#[derive(Clone, Debug)]
pub(crate) struct PublishingSection {
    pub(crate) track: TrackSid,
    /// Which of the track's codecs.
    pub(crate) codec: usize,
    /// The track id of `a=msid` there.
    pub(crate) track_id: Option<String>,
    /// What the section offers.
    pub(crate) offered: Vec<OfferedCodec>,
}
