use std::collections::{BTreeMap, VecDeque};

use sfu_model::{MediaKind, Mid, TrackSid};

use crate::negotiation::{OfferedCodec, OfferedSection};
use crate::proto;
use crate::track_permission::TrackPermissions;

/// What one participant publishes, asks to publish, and lets others receive.
#[derive(Debug, Default)]
pub(crate) struct Publishing {
    /// Requests without media, in the order of asking.
    pub(crate) pending: Vec<PendingTrack>,
    /// Published tracks, in the order of publishing.
    pub(crate) tracks: Vec<TrackSid>,
    /// Media sections that carry a published track.
    pub(crate) sections: BTreeMap<Mid, PublishingSection>,
    /// Media sections in which the client sends and that no request explains.
    pub(crate) unexplained: Vec<OfferedSection>,
    /// Who may receive what.
    pub(crate) permissions: TrackPermissions,
}

/// Requests to publish under one client id: the first waits for its media, the others for the one
/// before to end.
#[derive(Debug)]
pub(crate) struct PendingTrack {
    /// The client's id of the track.
    pub(crate) cid: String,
    /// What was asked; never empty.
    pub(crate) infos: VecDeque<proto::TrackInfo>,
    /// Whether even the first waits for a published track with the same client id to end.
    pub(crate) queued: bool,
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

impl Publishing {
    /// Most client ids with requests that have no media.
    pub(crate) const MAX_PENDING: usize = 20;
    /// Most requests under one client id.
    pub(crate) const MAX_QUEUED: usize = 3;

    pub(crate) fn pending_of(&mut self, cid: &str) -> Option<&mut PendingTrack> {
        self.pending.iter_mut().find(|pending| pending.cid == cid)
    }

    /// Returns the pending requests of a track.
    pub(crate) fn pending_infos<'a>(
        &'a mut self,
        sid: &'a str,
    ) -> impl Iterator<Item = &'a mut proto::TrackInfo> {
        self.pending
            .iter_mut()
            .flat_map(|pending| pending.infos.iter_mut())
            .filter(move |info| info.sid == sid)
    }

    /// Takes the request that says that it will come in a section with this track id.
    pub(crate) fn take_named(&mut self, track_id: &str) -> Option<(String, proto::TrackInfo)> {
        let names = |pending: &PendingTrack| {
            let mut codecs = pending
                .infos
                .front()
                .into_iter()
                .flat_map(|info| &info.codecs);
            pending.cid == track_id || codecs.any(|codec| codec.cid == track_id)
        };
        let index = self
            .pending
            .iter()
            .position(|pending| !pending.queued && names(pending))?;
        self.take(index)
    }

    /// Takes the first request for media of this kind: browsers may name a track otherwise in their
    /// description than in their request.
    pub(crate) fn take_first(&mut self, kind: MediaKind) -> Option<(String, proto::TrackInfo)> {
        let wanted = match kind {
            MediaKind::Audio => proto::TrackType::Audio,
            MediaKind::Video => proto::TrackType::Video,
        };
        let index = self.pending.iter().position(|pending| {
            let first = pending.infos.front();
            !pending.queued && first.is_some_and(|info| info.r#type() == wanted)
        })?;
        self.take(index)
    }

    fn take(&mut self, index: usize) -> Option<(String, proto::TrackInfo)> {
        let pending = self.pending.get_mut(index)?;
        let info = pending.infos.pop_front()?;
        let cid = pending.cid.clone();
        if pending.infos.is_empty() {
            self.pending.remove(index);
        } else {
            pending.queued = true;
        }
        Some((cid, info))
    }

    /// Lets the next request under a client id wait for media; returns it.
    pub(crate) fn release_queued(&mut self, cid: &str) -> Option<proto::TrackInfo> {
        let pending = self.pending_of(cid)?;
        if !pending.queued {
            return None;
        }
        pending.queued = false;
        pending.infos.front().cloned()
    }
}
