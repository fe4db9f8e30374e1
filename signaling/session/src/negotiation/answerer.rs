//! A transport on which the client offers: what its offers say, and our answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sfu_model::{IceCredentials, MediaKind, Mid, ReceiveMedia, SubscriptionId};

use super::answer::Answer;
use super::answer_section::{AnswerSection, Slot};
use super::description::{Content, Description, Media, Section, Setup, TransportDescription};
use super::numbers::Numbers;
use super::offered::{Offered, OfferedSection};
use super::receive_section::{encodings, msid_of, offered_codecs};
use super::send_section::Breadth;
use super::write::{Origin, write};
use super::{CodecPolicy, PublishDecision, SdpError, SendTrack, TransportFacts, send_section};
use crate::limits::MAX_TRIED_SECTIONS;

/// Our half of a transport on which the client offers.
///
/// Order of calls: [`handle_offer`](Self::handle_offer), then
/// [`restart_ice`](Self::restart_ice) if the offer says so, then [`answer`](Self::answer).
///
/// Where the transport is the only one, subscriptions ride in sections in which the client offers
/// to receive. A section is used again only after an answer said that its last track ended, as the
/// client reports a track when its section begins to receive.
#[derive(Debug)]
pub struct Answerer {
    facts: Arc<TransportFacts>,
    local: IceCredentials,
    policy: CodecPolicy,
    numbers: Numbers,
    origin: Origin,
    /// The last offer.
    remote: Option<Description>,
    /// Whether `remote` waits for an answer.
    offered: bool,
    /// Our side of the offered audio and video.
    sections: BTreeMap<Mid, AnswerSection>,
    /// Sections of `remote` that the last answer rejected. The client may use their places again.
    rejected: BTreeSet<Mid>,
    /// Subscriptions without a section, in the order of their wish.
    queue: Vec<SendTrack>,
}

impl Answerer {
    /// Creates our half; `seed` chooses the SSRCs and the session id.
    pub fn new(
        facts: Arc<TransportFacts>,
        local: IceCredentials,
        policy: CodecPolicy,
        seed: u64,
    ) -> Self {
        let mut numbers = Numbers::new(seed);
        Self {
            facts,
            local,
            policy,
            origin: Origin {
                session: numbers.next(),
                version: 0,
            },
            numbers,
            remote: None,
            offered: false,
            sections: BTreeMap::new(),
            rejected: BTreeSet::new(),
            queue: Vec::new(),
        }
    }

    /// Takes the client's offer. One that is not answered yet is replaced.
    ///
    /// # Errors
    ///
    /// Fails when the offer is malformed or cannot follow the last one; nothing has changed then.
    pub fn handle_offer(&mut self, sdp: &str) -> Result<Offered, SdpError> {
        let offer = Description::parse(sdp)?;
        if offer.transport.setup == Setup::Passive {
            return Err(SdpError::DtlsRole);
        }
        if let Some(last) = &self.remote {
            self.check_order(last, &offer)?;
        }
        let last = self.remote.as_ref();
        let ice_restarted = last.is_some_and(|last| last.transport.ice != offer.transport.ice);
        let offered = self.describe(&offer, ice_restarted);
        self.adopt_sections(&offer);
        self.remote = Some(offer);
        self.offered = true;
        Ok(offered)
    }

    /// Sections stay in their places; only a rejected one may become another (RFC 8829 section
    /// 5.2.2).
    fn check_order(&self, last: &Description, offer: &Description) -> Result<(), SdpError> {
        if offer.sections.len() < last.sections.len() {
            return Err(SdpError::SectionsChanged("some are missing"));
        }
        for (old, new) in last.sections.iter().zip(&offer.sections) {
            let free = old.content == Content::Rejected
                || old.mid.is_some_and(|mid| self.rejected.contains(&mid));
            let same = old.mid == new.mid && old.line.media == new.line.media;
            if !free && !same {
                return Err(SdpError::SectionsChanged("one is in another's place"));
            }
        }
        Ok(())
    }

    fn describe(&self, offer: &Description, ice_restarted: bool) -> Offered {
        let mut sections = Vec::new();
        for (mid, media) in offer.sections.iter().filter_map(Section::media) {
            let (stream_id, track_id) = msid_of(media);
            sections.push(OfferedSection {
                mid,
                kind: media.kind,
                publishes: media.direction.sends(),
                stream_id,
                track_id,
                encodings: encodings(media).0,
                codecs: offered_codecs(media, &self.policy),
            });
        }
        let is_data = |section: &Section| section.content == Content::DataChannels;
        Offered {
            ice: offer.transport.ice.clone(),
            fingerprint: offer.transport.fingerprint,
            ice_restarted,
            sections,
            data_channels: offer.sections.iter().any(is_data),
        }
    }

    /// Keeps our side of the sections that are still there. A subscription whose section went, or
    /// no longer receives, queues first for another.
    fn adopt_sections(&mut self, offer: &Description) {
        let mut last = std::mem::take(&mut self.sections);
        for (mid, media) in offer.sections.iter().filter_map(Section::media) {
            for stream in &media.streams {
                self.numbers.avoid(stream.ssrc);
                let serving = [stream.rtx, stream.flexfec].into_iter().flatten();
                serving.for_each(|ssrc| self.numbers.avoid(ssrc));
            }
            let mut section = last.remove(&mid).unwrap_or_default();
            section.follow_offer(media);
            if !media.direction.receives() {
                self.queue.splice(0..0, section.release());
            }
            self.sections.insert(mid, section);
        }
        let homeless = last
            .into_values()
            .filter_map(|mut section| section.release());
        self.queue.splice(0..0, homeless);
    }

    /// Replaces our credentials in the answers from here on.
    pub fn restart_ice(&mut self, local: IceCredentials) {
        self.local = local;
    }

    /// Replaces what the descriptions from here on say of us, such as where we are reached.
    pub fn set_facts(&mut self, facts: Arc<TransportFacts>) {
        self.facts = facts;
    }

    /// Returns our credentials.
    pub fn local(&self) -> &IceCredentials {
        &self.local
    }

    /// Queues a subscription: it takes an idle section of its kind at the next answer. Replaces one
    /// of the same id.
    pub fn add_send(&mut self, send: SendTrack) {
        let mut sections = self.sections.values_mut();
        if sections.any(|section| section.replace(&send)) {
            return;
        }
        self.remove_send(send.subscription);
        self.queue.push(send);
    }

    /// Ends a subscription. Its section is idle once an answer has said so.
    pub fn remove_send(&mut self, subscription: SubscriptionId) {
        self.queue.retain(|send| send.subscription != subscription);
        for section in self.sections.values_mut() {
            section.end(subscription);
        }
    }

    /// Returns how many more receiving sections the queued subscriptions need: audio, video.
    pub fn missing_sections(&self) -> (u32, u32) {
        let missing = |kind| {
            let queued = self.queue.iter().filter(|send| send.kind == kind).count();
            let offer = self.remote.as_ref();
            let idle = offer.map_or(0, |offer| self.idle(offer, kind).count());
            u32::try_from(queued.saturating_sub(idle)).unwrap_or(u32::MAX)
        };
        (missing(MediaKind::Audio), missing(MediaKind::Video))
    }

    /// Reports whether the client must offer again, with
    /// [`missing_sections`](Self::missing_sections) added (which may be none), before all
    /// subscriptions are as they were asked for. False while an offer waits for its answer, and
    /// before the first.
    pub fn needs_offer(&self) -> bool {
        let stale = |section: &AnswerSection| section.slot.is_stale();
        let wanted = !self.queue.is_empty() || self.sections.values().any(stale);
        self.remote.is_some() && !self.offered && wanted
    }

    /// Returns how the client's section `mid` is received, as of the last answer.
    pub fn receive(&self, mid: Mid) -> Option<&ReceiveMedia> {
        self.sections.get(&mid)?.received()
    }

    /// Answers the last offer; empty if none waits. A decision stays with its section until the
    /// client's `a=msid` there changes or it stops publishing, so later answers need only what is
    /// new.
    pub fn answer(&mut self, decisions: &BTreeMap<Mid, PublishDecision>) -> Answer {
        let mut answer = Answer::default();
        let Some(offer) = self.remote.take().filter(|_| self.offered) else {
            return answer;
        };
        self.offered = false;
        for (mid, decision) in decisions {
            if let Some(section) = self.sections.get_mut(mid) {
                section.decide(decision.clone());
            }
        }
        self.seat_queue(&offer, &mut answer.unsupported);
        self.rejected.clear();
        let mut sections = Vec::with_capacity(offer.sections.len());
        let mut named = BTreeSet::new();
        for section in &offer.sections {
            let kind = section.media().map(|(_, media)| media.kind);
            let first = kind.is_some_and(|kind| named.insert(kind));
            let breadth = Breadth::of_place(first);
            sections.push(self.answer_section(section, breadth, &mut answer));
        }
        let description = Description {
            transport: TransportDescription {
                ice: self.local.clone(),
                fingerprint: self.facts.fingerprint,
                setup: Setup::Passive,
            },
            mixed_extensions: offer.mixed_extensions,
            sections,
        };
        self.origin.version += 1;
        answer.sdp = write(&description, self.origin, &self.facts);
        self.remote = Some(offer);
        answer
    }

    /// Gives idle sections to the queued subscriptions. One is unsupported if there are idle
    /// sections of its kind and none accepts a codec of it.
    fn seat_queue(&mut self, offer: &Description, unsupported: &mut Vec<SubscriptionId>) {
        for send in std::mem::take(&mut self.queue) {
            let mut tried = 0;
            let accepts = |(_, media): &(Mid, &Media)| {
                tried += 1;
                let payloads = send_section::payloads(media, &self.policy, &send, Breadth::Track);
                !payloads.is_empty()
            };
            let seat = self
                .idle(offer, send.kind)
                .take(MAX_TRIED_SECTIONS)
                .find(accepts);
            let seat = seat.and_then(|(mid, _)| self.sections.get_mut(&mid));
            match seat {
                Some(section) => section.seat(send, &mut self.numbers),
                None if tried > 0 => unsupported.push(send.subscription),
                None => self.queue.push(send),
            }
        }
    }

    /// Iterates over the sections that a subscription of `kind` can take.
    fn idle<'o>(
        &self,
        offer: &'o Description,
        kind: MediaKind,
    ) -> impl Iterator<Item = (Mid, &'o Media)> {
        let sections = offer.sections.iter().filter_map(Section::media);
        sections.filter(move |(mid, media)| {
            let section = self.sections.get(mid);
            media.kind == kind
                && media.direction.receives()
                && section.is_some_and(|section| section.slot.is_idle())
        })
    }

    fn answer_section(
        &mut self,
        offered: &Section,
        breadth: Breadth,
        answer: &mut Answer,
    ) -> Section {
        let ours = offered.media().and_then(|(mid, media)| {
            let section = self.sections.get_mut(&mid)?;
            let answered = section.answer(mid, media, (&self.policy, breadth), answer);
            if answered.is_none() {
                self.rejected.insert(mid);
            } else if let Slot::Carrying(carried) = &section.slot {
                let track = carried.track.track_sid.as_str().to_owned();
                answer
                    .mid_to_track_id
                    .insert(mid.0.as_str().to_owned(), track);
            }
            Some(answered.map_or(Content::Rejected, Content::Media))
        });
        let content = ours.unwrap_or_else(|| offered.content.clone());
        Section {
            mid: offered.mid,
            line: offered.line.clone(),
            content,
        }
    }
}
