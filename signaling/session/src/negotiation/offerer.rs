//! A transport on which we offer: one offer at a time, and what its answer means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sfu_model::{DtlsRole, Fingerprint, IceCredentials, Mid, SendMedia, SubscriptionId, Token};

use super::description::{Content, Description, MediaLine, Section, Setup, TransportDescription};
use super::numbers::Numbers;
use super::offer_section::{OfferSection, Outcome};
use super::send_section::Breadth;
use super::write::{Origin, write};
use super::{CodecPolicy, SdpError, SendTrack, TransportFacts};
use crate::limits::MAX_SDP_SECTIONS;

/// Our half of the subscriber transport, on which we offer.
///
/// One offer is outstanding at a time. What is asked for meanwhile goes into the next, which
/// [`needs_offer`](Self::needs_offer) tells of after the answer. The data channels have the first
/// section; a section whose track ended goes inactive and, once that was answered, can carry another
/// of its kind, as other SSRCs.
#[derive(Debug)]
pub struct Offerer {
    facts: Arc<TransportFacts>,
    local: IceCredentials,
    policy: CodecPolicy,
    numbers: Numbers,
    origin: Origin,
    /// The number of the last offer.
    last_id: u32,
    outstanding: Option<Outstanding>,
    /// Something is to be said that no offer has said.
    changed: bool,
    /// Behind the data channels, in the order of their `m=` lines.
    sections: Vec<OfferSection>,
    next_mid: u32,
    /// Subscriptions for which there was no room.
    refused: Vec<SubscriptionId>,
}

/// When the first offer of a subscriber transport is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstOffer {
    /// At once: it brings up the data channels that the session stands on.
    AtOnce,
    /// With the first track: the session stands on the other transport. A client that only publishes never answers.
    WithTrack,
}

/// An offer that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    id: u32,
    /// How many of our sections it has; those behind came later.
    sections: usize,
}

/// An offer for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its number: begins anywhere in `1..=256`, then counts up.
    pub id: u32,
    /// The text.
    pub sdp: String,
    /// The track of every section that carries one.
    pub mid_to_track_id: BTreeMap<String, String>,
}

/// What an accepted answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The client's credentials.
    pub ice: IceCredentials,
    /// Of the client's certificate.
    pub fingerprint: Fingerprint,
    /// The side of the DTLS handshake that the client leaves to us. Pion takes the server's when we
    /// are ICE-lite.
    pub role: DtlsRole,
    /// Subscriptions that got a section, or whose `SendMedia` is other than at the last answer. Its
    /// `forwarding` is what [`SendTrack`] said.
    pub sends: Vec<(SubscriptionId, SendMedia)>,
    /// Subscriptions of which the client accepts no codec. They are removed.
    pub unsupported: Vec<SubscriptionId>,
}

impl Offerer {
    /// Creates our half; `seed` chooses the SSRCs, the session id and the first offer's number.
    pub fn new(
        facts: Arc<TransportFacts>,
        local: IceCredentials,
        policy: CodecPolicy,
        first_offer: FirstOffer,
        seed: u64,
    ) -> Self {
        let mut numbers = Numbers::new(seed);
        let before_first = u32::try_from(numbers.next() % 256).unwrap_or(0);
        Self {
            facts,
            local,
            policy,
            origin: Origin {
                session: numbers.next(),
                version: 0,
            },
            numbers,
            last_id: before_first,
            outstanding: None,
            changed: first_offer == FirstOffer::AtOnce,
            sections: Vec::new(),
            next_mid: 1,
            refused: Vec::new(),
        }
    }

    /// Adds a subscription to the next offer. Replaces one of the same id.
    pub fn add_send(&mut self, send: SendTrack) {
        self.changed = true;
        let mut sections = self.sections.iter_mut();
        if sections.any(|section| section.replace(&send)) {
            return;
        }
        self.remove_send(send.subscription);
        let mut idle = self.sections.iter_mut();
        if let Some(section) = idle.find(|section| section.is_idle(send.kind)) {
            section.seat(send, &mut self.numbers);
            return;
        }
        let retired = |section: &OfferSection| section.is_retired(send.kind);
        let place = self.sections.iter().position(retired);
        // One place is the data channels'.
        if place.is_none() && self.sections.len() + 1 >= MAX_SDP_SECTIONS {
            self.refused.push(send.subscription);
            return;
        }
        let section = OfferSection::new(self.take_mid(), send, &mut self.numbers);
        match place.and_then(|place| self.sections.get_mut(place)) {
            Some(place) => *place = section,
            None => self.sections.push(section),
        }
    }

    fn take_mid(&mut self) -> Mid {
        let mid = self.next_mid.to_string();
        self.next_mid = self.next_mid.wrapping_add(1);
        Mid(Token::new(mid.as_bytes()).expect("a u32 has at most ten digits"))
    }

    /// Ends a subscription. Its section goes inactive in the next offer and can be used again after
    /// that was answered.
    pub fn remove_send(&mut self, subscription: SubscriptionId) {
        self.refused.retain(|refused| *refused != subscription);
        for section in &mut self.sections {
            self.changed |= section.end(subscription);
        }
    }

    /// Replaces our credentials and gives up an outstanding offer: the client may never have got it,
    /// or its answer was lost.
    pub fn restart_ice(&mut self, local: IceCredentials) {
        self.local = local;
        self.outstanding = None;
        self.changed = true;
    }

    /// Replaces what the descriptions from here on say of us, such as where we are reached.
    pub fn set_facts(&mut self, facts: Arc<TransportFacts>) {
        self.facts = facts;
    }

    /// Returns our credentials.
    pub fn local(&self) -> &IceCredentials {
        &self.local
    }

    /// Reports whether [`create_offer`](Self::create_offer) would return one.
    pub fn needs_offer(&self) -> bool {
        self.changed && self.outstanding.is_none()
    }

    /// Returns the number of the offer that waits for an answer.
    pub fn outstanding(&self) -> Option<u32> {
        self.outstanding.map(|outstanding| outstanding.id)
    }

    /// Creates an offer; `None` if there is nothing to say or one is outstanding.
    pub fn create_offer(&mut self) -> Option<Offer> {
        if !self.needs_offer() {
            return None;
        }
        // 0 stands for "none" in LiveKit's messages.
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let id = self.last_id;
        let mut sections = vec![data_channels()];
        let mut mid_to_track_id = BTreeMap::new();
        let mut named = BTreeSet::new();
        for section in &mut self.sections {
            if let Some(track) = section.track() {
                let mid = section.mid().0.as_str().to_owned();
                mid_to_track_id.insert(mid, track.track_sid.as_str().to_owned());
            }
            let first = !section.is_rejected(&self.policy) && named.insert(section.kind());
            sections.push(section.offer(id, &self.policy, Breadth::of_place(first)));
        }
        let description = Description {
            transport: TransportDescription {
                ice: self.local.clone(),
                fingerprint: self.facts.fingerprint,
                setup: Setup::ActPass,
            },
            mixed_extensions: true,
            sections,
        };
        self.origin.version += 1;
        self.outstanding = Some(Outstanding {
            id,
            sections: self.sections.len(),
        });
        self.changed = false;
        Some(Offer {
            id,
            sdp: write(&description, self.origin, &self.facts),
            mid_to_track_id,
        })
    }

    /// Takes the client's answer to the offer `id`; 0 stands for the outstanding one. Returns `None`
    /// for a stale answer.
    ///
    /// # Errors
    ///
    /// Fails when the answer is malformed or does not fit the offer; the offer is outstanding still.
    pub fn handle_answer(&mut self, id: u32, sdp: &str) -> Result<Option<Answered>, SdpError> {
        let outstanding = self.outstanding.filter(|it| id == 0 || id == it.id);
        let Some(outstanding) = outstanding else {
            return Ok(None);
        };
        let answer = Description::parse(sdp)?;
        let answered = answer.sections.get(1..).unwrap_or_default();
        if id == 0 && answered.len() < outstanding.sections {
            // An unnumbered answer that lacks our last sections is to an offer that we gave up.
            return Ok(None);
        }
        if answered.len() != outstanding.sections {
            return Err(SdpError::SectionsChanged("the answer has not the offer's"));
        }
        self.check_order(answered)?;
        self.outstanding = None;
        let mut result = Answered {
            ice: answer.transport.ice.clone(),
            fingerprint: answer.transport.fingerprint,
            role: match answer.transport.setup {
                Setup::Passive => DtlsRole::Client,
                Setup::Active | Setup::ActPass => DtlsRole::Server,
            },
            sends: Vec::new(),
            unsupported: std::mem::take(&mut self.refused),
        };
        for (section, answered) in self.sections.iter_mut().zip(answered) {
            match section.handle_answer(outstanding.id, answered, &self.policy) {
                Outcome::Nothing => {}
                Outcome::Sends(subscription, media) => result.sends.push((subscription, *media)),
                Outcome::Unsupported(subscription) => {
                    result.unsupported.push(subscription);
                    self.changed = true;
                }
            }
        }
        Ok(Some(result))
    }

    /// An answer has our sections, in our order (RFC 3264 section 6). A rejected one may have lost
    /// its identifier.
    fn check_order(&self, answered: &[Section]) -> Result<(), SdpError> {
        for (ours, theirs) in self.sections.iter().zip(answered) {
            let rejected = theirs.content == Content::Rejected;
            let same = theirs.mid == Some(ours.mid())
                && theirs
                    .media()
                    .is_none_or(|(_, media)| media.kind == ours.kind());
            if !rejected && !same {
                return Err(SdpError::SectionsChanged("one is in another's place"));
            }
        }
        Ok(())
    }
}

/// Returns the section of the data channels, the first of every offer.
fn data_channels() -> Section {
    Section {
        mid: Some(Mid(Token::new(b"0").expect("one byte fits"))),
        line: MediaLine {
            media: "application".to_owned(),
            protocol: "UDP/DTLS/SCTP".to_owned(),
            formats: "webrtc-datachannel".to_owned(),
        },
        content: Content::DataChannels,
    }
}
