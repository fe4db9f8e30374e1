//! The tracks of a room.

use std::collections::BTreeMap;

use sfu_model::{PublicationId, SubscriptionId, TrackSid};

use crate::participant_key::ParticipantKey;
use crate::track::Track;

/// The tracks of a room, and what the shard's ids stand for.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    tracks: BTreeMap<TrackSid, Track>,
    by_publication: BTreeMap<PublicationId, TrackSid>,
    by_subscription: BTreeMap<SubscriptionId, (ParticipantKey, TrackSid)>,
}

impl Tracks {
    pub(crate) fn insert(&mut self, track: Track) {
        self.tracks.insert(track.sid.clone(), track);
    }

    /// Adds a track that is received already.
    pub(crate) fn adopt(&mut self, track: Track) {
        for stream in &track.streams {
            self.bind_publication(stream.publication, track.sid.clone());
        }
        self.insert(track);
    }

    pub(crate) fn remove(&mut self, sid: &TrackSid) -> Option<Track> {
        let track = self.tracks.remove(sid)?;
        for stream in &track.streams {
            self.by_publication.remove(&stream.publication);
        }
        Some(track)
    }

    pub(crate) fn get(&self, sid: &TrackSid) -> Option<&Track> {
        self.tracks.get(sid)
    }

    pub(crate) fn get_mut(&mut self, sid: &TrackSid) -> Option<&mut Track> {
        self.tracks.get_mut(sid)
    }

    /// Iterates in a defined order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Track> {
        self.tracks.values()
    }

    /// Returns the sids of what others know of, in a defined order.
    pub(crate) fn announced(&self) -> Vec<TrackSid> {
        let announced = self.tracks.values().filter(|track| track.announced);
        announced.map(|track| track.sid.clone()).collect()
    }

    /// Notes what a publication of the shard belongs to.
    pub(crate) fn bind_publication(&mut self, publication: PublicationId, sid: TrackSid) {
        self.by_publication.insert(publication, sid);
    }

    pub(crate) fn of_publication(&self, publication: PublicationId) -> Option<&Track> {
        self.tracks.get(self.by_publication.get(&publication)?)
    }

    /// Forgets a publication that has ended before its track.
    pub(crate) fn unbind_publication(&mut self, publication: PublicationId) {
        self.by_publication.remove(&publication);
    }

    /// Returns the track that a publication of the shard belongs to.
    pub(crate) fn sid_of_publication(&self, publication: PublicationId) -> Option<TrackSid> {
        self.by_publication.get(&publication).cloned()
    }

    /// Notes whose subscription of the shard it is, and of what.
    pub(crate) fn bind_subscription(
        &mut self,
        subscription: SubscriptionId,
        subscriber: ParticipantKey,
        sid: TrackSid,
    ) {
        self.by_subscription.insert(subscription, (subscriber, sid));
    }

    pub(crate) fn unbind_subscription(&mut self, subscription: SubscriptionId) {
        self.by_subscription.remove(&subscription);
    }

    /// Reports whether a subscription has not ended.
    pub(crate) fn has_subscription(&self, subscription: SubscriptionId) -> bool {
        self.by_subscription.contains_key(&subscription)
    }

    pub(crate) fn of_subscription(
        &self,
        subscription: SubscriptionId,
    ) -> Option<(ParticipantKey, TrackSid)> {
        self.by_subscription.get(&subscription).cloned()
    }
}
