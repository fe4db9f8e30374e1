//! Requests to publish whose media has not come: which section of an offer each one fits, and how long it may wait.

use std::collections::VecDeque;
use std::time::Instant;

use sfu_model::{MediaKind, TrackSid};

use crate::limits::{
    FRESH_REQUEST, MAX_GIVEN_UP_CIDS, MAX_PENDING_TRACKS, MAX_QUEUED_REQUESTS, PENDING_TRACK_LIFE,
};
use crate::negotiation::OfferedSection;
use crate::proto;
use crate::proto::video_layer::Mode;
use crate::track::kind_of;

/// What one participant asked to publish and does not send yet.
#[derive(Debug, Default)]
pub(crate) struct PendingTracks {
    /// In the order of asking.
    requests: Vec<PendingTrack>,
    /// Client ids of requests that were given up: a section that names one is not taken for another's.
    given_up: VecDeque<String>,
}

/// Requests under one client id: the first waits for its media, the others for the one before to end.
#[derive(Debug)]
struct PendingTrack {
    cid: String,
    /// What was asked; never empty.
    infos: VecDeque<proto::TrackInfo>,
    /// Since when the first waits for media; `None` while it waits for a published track of its client id to end.
    since: Option<Instant>,
}

/// Whether a request waits for its media or for a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Media may come.
    Media,
    /// A track with the same client id is published still.
    Unpublishing,
}

/// Too many requests wait: so many already do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany(pub(crate) usize);

impl PendingTracks {
    /// Returns the sid of the requests under a client id.
    pub(crate) fn sid_of(&self, cid: &str) -> Option<TrackSid> {
        let mut requests = self.requests.iter();
        let pending = requests.find(|pending| pending.cid == cid)?;
        Some(TrackSid::from(pending.first()?.sid.as_str()))
    }

    /// Has another request wait behind those under its client id, if there are any.
    pub(crate) fn queue(&mut self, cid: &str, info: proto::TrackInfo) -> Result<(), TooMany> {
        let mut requests = self.requests.iter_mut();
        if let Some(pending) = requests.find(|pending| pending.cid == cid) {
            if pending.infos.len() >= MAX_QUEUED_REQUESTS {
                return Err(TooMany(pending.infos.len()));
            }
            pending.infos.push_back(info);
        }
        Ok(())
    }

    /// Adds the first request under a client id.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        cid: &str,
        info: proto::TrackInfo,
        waits_for: WaitsFor,
    ) -> Result<(), TooMany> {
        if self.requests.len() >= MAX_PENDING_TRACKS {
            return Err(TooMany(self.requests.len()));
        }
        self.given_up.retain(|other| other != cid);
        self.requests.push(PendingTrack {
            cid: cid.to_owned(),
            infos: VecDeque::from([info]),
            since: (waits_for == WaitsFor::Media).then_some(now),
        });
        Ok(())
    }

    /// Returns the requests of a track.
    pub(crate) fn infos<'a>(
        &'a mut self,
        sid: &'a str,
    ) -> impl Iterator<Item = &'a mut proto::TrackInfo> {
        self.requests
            .iter_mut()
            .flat_map(|pending| pending.infos.iter_mut())
            .filter(move |info| info.sid == sid)
    }

    /// Forgets requests whose source may not be published any more.
    pub(crate) fn retain_sources(&mut self, may: impl Fn(i32) -> bool) {
        self.requests
            .retain(|pending| pending.first().is_some_and(|info| may(info.source)));
    }

    /// Takes the request that says that it will come in a section with this track id.
    pub(crate) fn take_named(&mut self, track_id: &str) -> Option<(String, proto::TrackInfo)> {
        let mut requests = self.requests.iter();
        let index =
            requests.position(|pending| pending.since.is_some() && pending.is_named(track_id))?;
        self.take(index)
    }

    /// Takes the request that fits best a section that names none: browsers may name a track otherwise in their
    /// description than in their request.
    ///
    /// Kind and codec have to fit. Then comes who asked for as many layers as the section has, so that a camera's
    /// request does not describe a screen share; then who asked lately, as what was given up is older; then who asked
    /// first.
    pub(crate) fn take_fitting(
        &mut self,
        now: Instant,
        section: &OfferedSection,
    ) -> Option<(String, proto::TrackInfo)> {
        if let Some(track_id) = &section.track_id {
            let given_up = self.given_up.contains(track_id);
            // It waits for a track of its client id to end.
            let waits = self
                .requests
                .iter()
                .any(|pending| pending.is_named(track_id));
            if given_up || waits {
                return None;
            }
        }
        let rank = |pending: &PendingTrack| {
            let (since, info) = (pending.since?, pending.first()?);
            let layers = layers_differ(info, section);
            let stale = now.saturating_duration_since(since) >= FRESH_REQUEST;
            fits(info, section).then_some((layers, stale))
        };
        let ranked = self.requests.iter().enumerate();
        let ranked = ranked.filter_map(|(index, pending)| Some((rank(pending)?, index)));
        let (_, index) = ranked.min()?;
        self.take(index)
    }

    fn take(&mut self, index: usize) -> Option<(String, proto::TrackInfo)> {
        let pending = self.requests.get_mut(index)?;
        let info = pending.infos.pop_front()?;
        let cid = pending.cid.clone();
        if pending.infos.is_empty() {
            self.requests.remove(index);
        } else {
            pending.since = None;
        }
        Some((cid, info))
    }

    /// Lets the next request under a client id wait for media, as the track before has ended; returns it.
    pub(crate) fn release(&mut self, now: Instant, cid: &str) -> Option<proto::TrackInfo> {
        let mut requests = self.requests.iter_mut();
        let pending = requests.find(|pending| pending.cid == cid && pending.since.is_none())?;
        pending.since = Some(now);
        pending.first().cloned()
    }

    /// Returns when the request that waits longest is given up.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let since = self.requests.iter().filter_map(|pending| pending.since);
        since.min().map(|since| since + PENDING_TRACK_LIFE)
    }

    /// Gives up requests whose media has not come in time; returns their sids.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<TrackSid> {
        let expired = |pending: &mut PendingTrack| {
            pending
                .since
                .is_some_and(|since| now.saturating_duration_since(since) >= PENDING_TRACK_LIFE)
        };
        let mut sids = Vec::new();
        for pending in self.requests.extract_if(.., expired) {
            sids.extend(
                pending
                    .first()
                    .map(|info| TrackSid::from(info.sid.as_str())),
            );
            self.given_up.push_back(pending.cid);
            if self.given_up.len() > MAX_GIVEN_UP_CIDS {
                self.given_up.pop_front();
            }
        }
        sids
    }
}

impl PendingTrack {
    fn first(&self) -> Option<&proto::TrackInfo> {
        self.infos.front()
    }

    /// Reports whether the first request says that it will come in a section with this track id.
    fn is_named(&self, track_id: &str) -> bool {
        let codecs = self.first().into_iter().flat_map(|info| &info.codecs);
        self.cid == track_id || codecs.into_iter().any(|codec| codec.cid == track_id)
    }
}

/// Reports whether a section has the kind of a request, and can carry its codec.
fn fits(info: &proto::TrackInfo, section: &OfferedSection) -> bool {
    let codec = info.codecs.first();
    let codec = codec.and_then(|codec| crate::track::codec_of(&codec.mime_type));
    let offered = |codec| section.codecs.iter().any(|offered| offered.codec == codec);
    kind_of(info) == section.kind && codec.is_none_or(offered)
}

/// Reports whether a section has other layers than a request says. What does not say is like any section.
fn layers_differ(info: &proto::TrackInfo, section: &OfferedSection) -> bool {
    if section.kind == MediaKind::Audio {
        return false;
    }
    let Some(codec) = info.codecs.first().filter(|codec| !codec.layers.is_empty()) else {
        return false;
    };
    let expected = match codec.video_layer_mode() {
        Mode::MultipleSpatialLayersPerStream => 1,
        Mode::Unused
        | Mode::OneSpatialLayerPerStream
        | Mode::OneSpatialLayerPerStreamIncompleteRtcpSr => codec.layers.len(),
    };
    expected != section.encodings.len()
}
