//! Which section of an offer carries which track, and what follows when one begins or ends.

use std::collections::{BTreeMap, BTreeSet};

use sfu_model::{Command, Mid, Now, ReceiveMedia, TrackSid};

use super::Publications;
use crate::demand::{Demand, ToldDemand};
use crate::limits::MAX_UNEXPLAINED_SECTIONS;
use crate::negotiation::{Offered, OfferedSection, PublishDecision};
use crate::participant_key::ParticipantKey;
use crate::publishing::PublishingSection;
use crate::telling::describe;
use crate::track::{PublishedStream, Track};
use crate::{RoomNotice, proto};

impl Publications<'_> {
    /// Ends what an offer no longer publishes, and decides what its sections carry.
    pub(crate) fn match_sections(
        &mut self,
        now: Now,
        key: ParticipantKey,
        offered: &Offered,
    ) -> BTreeMap<Mid, PublishDecision> {
        self.end_sections(now, key, &offered.sections);
        let Some(participant) = self.roster.get_mut(key) else {
            return BTreeMap::new();
        };
        let publishing = &mut participant.publishing;
        let sections = offered.sections.iter().filter(|section| section.publishes);
        publishing.unexplained = sections
            .filter(|section| !publishing.sections.contains_key(&section.mid))
            .take(MAX_UNEXPLAINED_SECTIONS)
            .cloned()
            .collect();
        let found = self.match_unexplained(now, key);
        let decide = |mid: Mid| {
            let publishing = &self.roster.get(key)?.publishing;
            let section = publishing.sections.get(&mid)?;
            let track = self.tracks.get(&section.track)?;
            Some((mid, track.decision(section.codec)))
        };
        found.into_iter().filter_map(decide).collect()
    }

    /// Unpublishes tracks whose section is gone, silent, or carries another client track.
    fn end_sections(&mut self, now: Now, key: ParticipantKey, offered: &[OfferedSection]) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let publishing = offered.iter().filter(|section| section.publishes);
        let offered: BTreeMap<_, _> = publishing
            .map(|section| (section.mid, &section.track_id))
            .collect();
        let continues = |mid: &Mid, section: &PublishingSection| {
            offered
                .get(mid)
                .is_some_and(|track_id| **track_id == section.track_id)
        };
        let sections = participant.publishing.sections.iter();
        let ended: Vec<_> = sections
            .filter(|(mid, section)| !continues(mid, section))
            .map(|(mid, section)| (*mid, section.track.clone(), section.codec))
            .collect();
        for (mid, track, codec) in ended {
            match codec {
                0 => self.unpublish(now, key, &track),
                _ => self.end_backup_stream(now, key, mid, &track),
            }
        }
    }

    /// Finds requests for sections that none explains yet; returns those that were found.
    fn match_unexplained(&mut self, now: Now, key: ParticipantKey) -> Vec<Mid> {
        let Some(participant) = self.roster.get_mut(key) else {
            return Vec::new();
        };
        let sections = std::mem::take(&mut participant.publishing.unexplained);
        let mut found = Vec::new();
        // A section that says which track it carries comes before one that takes what is left.
        let (found_by_name, rest) = sections
            .into_iter()
            .partition::<Vec<_>, _>(|section| self.match_by_name(key, section));
        let (found_by_fit, rest) = rest
            .into_iter()
            .partition::<Vec<_>, _>(|section| self.match_by_fit(now, key, section));
        found.extend(found_by_name.iter().map(|section| section.mid));
        found.extend(found_by_fit.iter().map(|section| section.mid));
        if let Some(participant) = self.roster.get_mut(key) {
            participant.publishing.unexplained = rest;
        }
        found
    }

    fn match_by_name(&mut self, key: ParticipantKey, section: &OfferedSection) -> bool {
        let Some(track_id) = &section.track_id else {
            return false;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return false;
        };
        if let Some((cid, info)) = participant.publishing.pending.take_named(track_id) {
            self.begin_track(key, section, cid, info);
            return true;
        }
        let published = participant.publishing.tracks.iter();
        let backup = published
            .filter_map(|sid| self.tracks.get(sid))
            .find_map(|track| {
                let mut codecs = track.info.codecs.iter();
                let codec = codecs.position(|codec| codec.cid == *track_id)?;
                let arrives = track.streams.iter().any(|stream| stream.codec == codec);
                (!arrives).then(|| (track.sid.clone(), codec))
            });
        match backup {
            Some((sid, codec)) => self.begin_section(key, section, sid, codec),
            None => return false,
        }
        true
    }

    fn match_by_fit(&mut self, now: Now, key: ParticipantKey, section: &OfferedSection) -> bool {
        let Some(participant) = self.roster.get_mut(key) else {
            return false;
        };
        let Some((cid, info)) = participant
            .publishing
            .pending
            .take_fitting(now.mono, section)
        else {
            return false;
        };
        self.begin_track(key, section, cid, info);
        true
    }

    fn begin_track(
        &mut self,
        key: ParticipantKey,
        section: &OfferedSection,
        cid: String,
        mut info: proto::TrackInfo,
    ) {
        let sid = TrackSid::from(info.sid.as_str());
        if let (Some(first), Some(track_id)) = (info.codecs.first_mut(), &section.track_id)
            && first.cid != *track_id
        {
            first.sdp_cid.clone_from(track_id);
        }
        self.tracks.insert(Track {
            sid: sid.clone(),
            publisher: key,
            info,
            cid,
            streams: Vec::new(),
            announced: false,
            reported: false,
            ever_subscribed: false,
            subscribers: BTreeSet::new(),
            told_demand: ToldDemand::default(),
        });
        if let Some(participant) = self.roster.get_mut(key) {
            participant.publishing.tracks.push(sid.clone());
        }
        self.begin_section(key, section, sid, 0);
    }

    fn begin_section(
        &mut self,
        key: ParticipantKey,
        section: &OfferedSection,
        track: TrackSid,
        codec: usize,
    ) {
        if let Some(participant) = self.roster.get_mut(key) {
            let publishing = PublishingSection {
                track,
                codec,
                track_id: section.track_id.clone(),
                offered: section.codecs.clone(),
            };
            participant
                .publishing
                .sections
                .insert(section.mid, publishing);
        }
    }

    /// Has the shard receive a section as it was answered.
    pub(crate) fn receive_section(
        &mut self,
        now: Now,
        key: ParticipantKey,
        mid: Mid,
        media: &ReceiveMedia,
    ) {
        let publisher = self.roster.get(key);
        let Some(shard) = publisher.map(|participant| participant.transports.shard()) else {
            return;
        };
        let fresh = self.ids.publication(shard);
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let peer = participant.transports.up().peer;
        let Some(section) = participant.publishing.sections.get(&mid) else {
            return;
        };
        let Some(track) = self.tracks.get_mut(&section.track) else {
            return;
        };
        let mut media = media.clone();
        track.arrange(section.codec, &mut media);
        let sid = track.sid.clone();
        let stream = track.streams.iter_mut().find(|stream| stream.mid == mid);
        let publication = match stream {
            Some(stream) => {
                stream.describe_anew(media.clone());
                stream.publication
            }
            None => {
                track.streams.push(PublishedStream {
                    publication: fresh,
                    mid,
                    codec: section.codec,
                    media: media.clone(),
                    heard: Vec::new(),
                    latest: None,
                    sizes: BTreeMap::new(),
                    codecs: Vec::new(),
                    demand: Demand::default(),
                });
                self.tracks.bind_publication(fresh, sid.clone());
                fresh
            }
        };
        if let Some(track) = self.tracks.get_mut(&sid) {
            track.describe(publication);
        }
        self.follow_codec(now, &sid, publication);
        self.outputs.media(Command::Publish {
            publication,
            peer,
            media,
        });
    }

    /// Publishes sections whose request came after the answer.
    pub(super) fn explain_sections(&mut self, now: Now, key: ParticipantKey) {
        for mid in self.match_unexplained(now, key) {
            self.publish_section(now, key, mid);
        }
    }

    /// Receives a section that has just been matched, and tells others of its track.
    pub(crate) fn publish_section(&mut self, now: Now, key: ParticipantKey, mid: Mid) {
        let participant = self.roster.get_mut(key);
        let media = participant.and_then(|p| p.transports.up().answerer.receive(mid).cloned());
        let Some(media) = media else {
            return;
        };
        self.receive_section(now, key, mid, &media);
        let section = self.roster.get(key);
        let section = section.and_then(|p| p.publishing.sections.get(&mid));
        let Some(sid) = section.map(|section| section.track.clone()) else {
            return;
        };
        let version = self.ids.version(now.unix);
        let Some(track) = self.tracks.get_mut(&sid) else {
            return;
        };
        let first = !std::mem::replace(&mut track.announced, true);
        track.info.version = Some(version);
        self.announce(now, key, &sid);
        if first {
            self.subscriptions().watch_demand(now, &sid);
            self.report_track(key, &sid);
        }
    }

    /// Reports what a participant published before it was reported itself: with two transports media may come by the one
    /// before the other, by which it counts as connected, is there.
    pub(crate) fn report_early_tracks(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        for sid in participant.publishing.tracks.clone() {
            self.report_track(key, &sid);
        }
    }

    fn announce(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let first = !std::mem::replace(&mut participant.is_publisher, true);
        participant.touch();
        self.telling().tell_before_media(now, key);
        self.subscriptions().offer_to_everybody(now, sid);
        if first {
            self.telling().counts_changed(now);
        }
    }

    pub(crate) fn report_track(&mut self, key: ParticipantKey, sid: &TrackSid) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let is_reported = participant.is_active();
        let track = self.tracks.get_mut(sid);
        let Some(track) = track.filter(|track| is_reported && track.announced && !track.reported)
        else {
            return;
        };
        track.reported = true;
        let track = Box::new(track.info.clone());
        let published = RoomNotice::TrackPublished {
            room: Box::new(self.room.describe(self.roster)),
            participant: Box::new(describe(participant, self.tracks, self.data_tracks)),
            track,
        };
        self.outputs.notice(published);
    }
}
