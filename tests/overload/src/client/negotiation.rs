//! Offers and answers of one participant with one peer connection: it offers, the server asks for sections.

use std::net::SocketAddr;

use livekit_protocol::{MediaSectionsRequirement, SessionDescription};
use loadtest_peer::sdp::{Description, LocalTransport, OfferSection, Role, write_offer};
use loadtest_peer::{Outbound, Track};
use sfu_model::{Fingerprint, IceCredentials, MediaKind};

/// Sections for tracks of others that a client offers at first.
const FIRST_SECTIONS: usize = 3;
/// Most sections that the server may ask for.
const MAX_SECTIONS: usize = 4_096;

/// The sections of our offers, and what each carries.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) credentials: IceCredentials,
    fingerprint: Fingerprint,
    /// Our address, once there is a socket.
    pub(super) candidate: Option<SocketAddr>,
    sections: Vec<OfferSection>,
    tracks: Vec<OfferedTrack>,
    version: u32,
    offer: Offer,
}

/// Whether an offer of ours is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    None,
    Awaited,
    /// Something has changed since: another follows.
    Outdated,
}

/// A track in its section.
#[derive(Debug)]
struct OfferedTrack {
    track: Track,
    section: usize,
    /// Whether the server has answered the offer that names it.
    agreed: bool,
}

impl Negotiation {
    pub(super) fn new(credentials: IceCredentials, fingerprint: Fingerprint) -> Self {
        Self {
            credentials,
            fingerprint,
            candidate: None,
            sections: Vec::new(),
            tracks: Vec::new(),
            version: 0,
            offer: Offer::None,
        }
    }

    /// Adds the sections for tracks of others that are there from the beginning.
    pub(super) fn add_first_sections(&mut self) {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            self.push_receiving(kind, FIRST_SECTIONS);
        }
    }

    /// Gives a track a section: one that carried another, or the next.
    pub(super) fn add(&mut self, track: Track) {
        let section = track.section();
        let mut idle = self.sections.iter().zip(0..);
        let idle = idle.find(|(idle, _)| idle.kind == section.kind && idle.role == Role::Idle);
        let at = idle.map_or(self.sections.len(), |(_, at)| at);
        match self.sections.get_mut(at) {
            Some(place) => *place = section,
            None => self.sections.push(section),
        }
        self.tracks.push(OfferedTrack {
            track,
            section: at,
            agreed: false,
        });
    }

    /// Takes a track's section from it, and returns the section's name.
    pub(super) fn remove(&mut self, cid: &str) -> Option<String> {
        let at = self
            .tracks
            .iter()
            .position(|known| known.track.cid == cid)?;
        let section = self.tracks.swap_remove(at).section;
        if let Some(section) = self.sections.get_mut(section) {
            section.role = Role::Idle;
        }
        Some(section.to_string())
    }

    pub(super) fn add_sections(&mut self, wanted: &MediaSectionsRequirement) {
        for (kind, count) in [
            (MediaKind::Audio, wanted.num_audios),
            (MediaKind::Video, wanted.num_videos),
        ] {
            let room = MAX_SECTIONS.saturating_sub(self.sections.len());
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(room);
            self.push_receiving(kind, count);
        }
    }

    fn push_receiving(&mut self, kind: MediaKind, count: usize) {
        let section = OfferSection {
            kind,
            role: Role::Receive,
        };
        self.sections.extend(std::iter::repeat_n(section, count));
    }

    /// Returns the next offer; `None` while one is under way, after whose answer it follows.
    pub(super) fn offer(&mut self) -> Option<SessionDescription> {
        if self.offer != Offer::None {
            self.offer = Offer::Outdated;
            return None;
        }
        self.offer = Offer::Awaited;
        self.version += 1;
        let transport = LocalTransport {
            ice: &self.credentials,
            fingerprint: self.fingerprint,
            candidate: self.candidate,
        };
        Some(SessionDescription {
            r#type: "offer".to_owned(),
            sdp: write_offer(&transport, self.version, &self.sections),
            id: self.version,
            ..SessionDescription::default()
        })
    }

    /// Takes an answer; returns the tracks that begin, and the offer that follows if something has changed meanwhile.
    pub(super) fn answered(
        &mut self,
        answer: &Description,
    ) -> (Vec<Outbound>, Option<SessionDescription>) {
        let begun = self.tracks.iter_mut().filter(|known| !known.agreed);
        let begun = begun.filter_map(|known| {
            let outbound = known.track.outbound(answer, known.section)?;
            known.agreed = true;
            Some(outbound)
        });
        let begun = begun.collect();
        let outdated = std::mem::replace(&mut self.offer, Offer::None) == Offer::Outdated;
        let next = if outdated { self.offer() } else { None };
        (begun, next)
    }
}
