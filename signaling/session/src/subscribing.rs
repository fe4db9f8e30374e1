//! What one participant receives, and wants to.

use std::collections::{BTreeMap, BTreeSet};

use sfu_model::{Forwarding, MediaKind, PublicationId, SubscriptionId, TrackSid};

use crate::limits::{MAX_SID_BYTES, MAX_UNKNOWN_TRACKS};
use crate::participant_key::ParticipantKey;
use crate::proto;

/// What one participant wants to receive, and what it does.
#[derive(Debug, Default)]
pub(crate) struct Subscribing {
    /// Everything said or done about a track. A track without an entry is wanted if the
    /// participant subscribes automatically.
    tracks: BTreeMap<TrackSid, TrackInterest>,
    /// How many subscriptions there are of each publisher's tracks.
    publishers: BTreeMap<ParticipantKey, u32>,
    /// Of whom it has not been told how they are connected.
    unaware: BTreeSet<ParticipantKey>,
    audio: usize,
    video: usize,
}

/// One participant's interest in one track.
#[derive(Debug, Default)]
pub(crate) struct TrackInterest {
    /// What the client (or an administrator) asked for; it holds until they ask otherwise.
    pub(crate) choice: Option<bool>,
    /// How the client wants it.
    pub(crate) settings: Option<proto::UpdateTrackSettings>,
    /// Whether the client was told that the publisher does not allow it.
    pub(crate) told_denied: bool,
    /// Of how many of the track's streams the client accepts no codec: the next one is tried.
    pub(crate) refused: usize,
    /// The subscription, if there is one.
    pub(crate) active: Option<ActiveSubscription>,
}

/// A subscription that is negotiated or about to be.
#[derive(Clone, Debug)]
pub(crate) struct ActiveSubscription {
    pub(crate) id: SubscriptionId,
    pub(crate) publisher: ParticipantKey,
    pub(crate) publication: PublicationId,
    pub(crate) kind: MediaKind,
    /// Which of the track's streams is received.
    pub(crate) stream: usize,
    /// What is forwarded.
    pub(crate) forwarding: Forwarding,
    /// Whether the shard was asked to send it.
    pub(crate) started: bool,
}

impl Subscribing {
    /// Returns what was said or done about a track.
    pub(crate) fn interest(&self, track: &TrackSid) -> Option<&TrackInterest> {
        self.tracks.get(track)
    }

    /// Returns what was said or done about a track, to be changed.
    pub(crate) fn interest_mut(&mut self, track: &TrackSid) -> Option<&mut TrackInterest> {
        self.tracks.get_mut(track)
    }

    /// Returns what was said or done about a track, which may be nothing yet.
    pub(crate) fn begin_interest(&mut self, track: &TrackSid) -> &mut TrackInterest {
        self.tracks.entry(track.clone()).or_default()
    }

    /// Reports whether something may be written down about a track that does not exist.
    pub(crate) fn has_room_for(&self, track: &TrackSid) -> bool {
        let short = track.as_str().len() <= MAX_SID_BYTES;
        let active = self.audio + self.video;
        self.tracks.contains_key(track)
            || (short && self.tracks.len() < MAX_UNKNOWN_TRACKS + active)
    }

    /// Drops what was said about a track that is over.
    pub(crate) fn forget(&mut self, track: &TrackSid) {
        self.tracks.remove(track);
    }

    /// Hands out everything, of one who leaves.
    pub(crate) fn drain(&mut self) -> BTreeMap<TrackSid, TrackInterest> {
        std::mem::take(&mut self.tracks)
    }

    /// Writes a subscription down.
    pub(crate) fn start(&mut self, track: &TrackSid, subscription: ActiveSubscription) {
        *self.count(subscription.kind) += 1;
        let count = self.publishers.entry(subscription.publisher).or_default();
        *count += 1;
        if *count == 1 {
            self.unaware.insert(subscription.publisher);
        }
        self.begin_interest(track).active = Some(subscription);
    }

    /// Forgets the subscription of a track; returns it.
    pub(crate) fn end(&mut self, track: &TrackSid) -> Option<ActiveSubscription> {
        let subscription = self.tracks.get_mut(track)?.active.take()?;
        let count = self.count(subscription.kind);
        *count = count.saturating_sub(1);
        if let Some(count) = self.publishers.get_mut(&subscription.publisher) {
            *count -= 1;
            if *count == 0 {
                self.publishers.remove(&subscription.publisher);
                self.unaware.remove(&subscription.publisher);
            }
        }
        Some(subscription)
    }

    /// Iterates over the subscriptions that there are.
    pub(crate) fn active(&self) -> impl Iterator<Item = (&TrackSid, &ActiveSubscription)> {
        let tracks = self.tracks.iter();
        tracks.filter_map(|(sid, interest)| Some((sid, interest.active.as_ref()?)))
    }

    /// Notes that it, whose key this is, may have missed how it and its publishers are connected.
    pub(crate) fn mark_unaware(&mut self, own: ParticipantKey) {
        self.unaware.insert(own);
        self.unaware.extend(self.publishers.keys());
    }

    /// Hands out of whom it has not been told how they are connected.
    pub(crate) fn take_unaware(&mut self) -> BTreeSet<ParticipantKey> {
        std::mem::take(&mut self.unaware)
    }

    /// Reports whether any track of a publisher is received.
    pub(crate) fn receives_from(&self, publisher: ParticipantKey) -> bool {
        self.publishers.contains_key(&publisher)
    }

    /// Returns how many subscriptions of a kind there are.
    pub(crate) fn number_of(&self, kind: MediaKind) -> usize {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
        }
    }

    fn count(&mut self, kind: MediaKind) -> &mut usize {
        match kind {
            MediaKind::Audio => &mut self.audio,
            MediaKind::Video => &mut self.video,
        }
    }
}
