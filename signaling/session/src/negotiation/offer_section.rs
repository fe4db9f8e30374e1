//! One section of our offers, from its first track to its last.

use sfu_model::{MediaKind, Mid, SendMedia, SubscriptionId};

use super::description::{Content, Direction, Media, MediaLine, Section, media_name};
use super::extensions;
use super::numbers::Numbers;
use super::payload::Payload;
use super::send_section::{Breadth, SendSsrcs};
use super::{CodecPolicy, SendTrack, send_section};

/// An audio or video section of our offers.
#[derive(Debug)]
pub(super) struct OfferSection {
    mid: Mid,
    kind: MediaKind,
    ssrcs: SendSsrcs,
    /// What the section was last offered with: an `m=` line cannot be empty.
    payloads: Vec<Payload>,
    slot: Slot,
}

/// What an offered section carries.
#[derive(Debug)]
enum Slot {
    /// Nothing, and the client knows.
    Idle,
    /// A subscription.
    Carrying(Box<Carried>),
    /// Nothing, but the client may have been told of a track. `offered` is the offer that ends it.
    Ended { offered: Option<u32> },
    /// Rejected: its place can be used for another section, with another mid.
    Retired,
}

/// A subscription with a section.
#[derive(Debug)]
struct Carried {
    track: SendTrack,
    /// The last offer that has it.
    offered: Option<u32>,
    /// As of the last answer; `None` until the first.
    reported: Option<SendMedia>,
}

/// What the client's answer means for a section.
#[derive(Debug)]
pub(super) enum Outcome {
    Nothing,
    Sends(SubscriptionId, Box<SendMedia>),
    Unsupported(SubscriptionId),
}

impl OfferSection {
    pub(super) fn new(mid: Mid, track: SendTrack, numbers: &mut Numbers) -> Self {
        let kind = track.kind;
        Self {
            mid,
            kind,
            ssrcs: SendSsrcs::draw(kind, numbers),
            payloads: Vec::new(),
            slot: carrying(track),
        }
    }

    pub(super) fn mid(&self) -> Mid {
        self.mid
    }

    pub(super) fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Reports whether a subscription of `kind` can take the section.
    pub(super) fn is_idle(&self, kind: MediaKind) -> bool {
        self.kind == kind && matches!(self.slot, Slot::Idle)
    }

    /// Reports whether another section of `kind` can take its place.
    pub(super) fn is_retired(&self, kind: MediaKind) -> bool {
        self.kind == kind && matches!(self.slot, Slot::Retired)
    }

    pub(super) fn track(&self) -> Option<&SendTrack> {
        match &self.slot {
            Slot::Carrying(carried) => Some(&carried.track),
            Slot::Idle | Slot::Ended { .. } | Slot::Retired => None,
        }
    }

    /// Gives the section, which is idle, to a subscription.
    pub(super) fn seat(&mut self, track: SendTrack, numbers: &mut Numbers) {
        self.ssrcs = SendSsrcs::draw(self.kind, numbers);
        self.slot = carrying(track);
    }

    /// Replaces the subscription of the same id. Fails if the section has none, or if the client
    /// would have to tell it from another track.
    pub(super) fn replace(&mut self, track: &SendTrack) -> bool {
        let Slot::Carrying(carried) = &mut self.slot else {
            return false;
        };
        let same = carried.track.subscription == track.subscription
            && carried.track.kind == track.kind
            && carried.track.msid() == track.msid();
        if same {
            carried.track = track.clone();
        }
        same
    }

    /// Ends the subscription; reports whether it was here.
    pub(super) fn end(&mut self, subscription: SubscriptionId) -> bool {
        let here = self.track().map(|track| track.subscription) == Some(subscription);
        if here {
            self.slot = Slot::Ended { offered: None };
        }
        here
    }

    /// Reports whether the next offer rejects the section.
    pub(super) fn is_rejected(&self, policy: &CodecPolicy) -> bool {
        match &self.slot {
            Slot::Ended { .. } => !policy.reuse_sections,
            Slot::Retired => true,
            Slot::Carrying(_) | Slot::Idle => false,
        }
    }

    /// Writes the section for the offer `id`.
    pub(super) fn offer(&mut self, id: u32, policy: &CodecPolicy, breadth: Breadth) -> Section {
        let rejected = self.is_rejected(policy);
        let mut media = Media {
            kind: self.kind,
            direction: Direction::Inactive,
            payloads: Vec::new(),
            extensions: extensions::numbered(extensions::sent(self.kind)),
            simulcast: Vec::new(),
            sizes: Vec::new(),
            msid: None,
            streams: Vec::new(),
        };
        match &mut self.slot {
            Slot::Carrying(carried) => {
                carried.offered = Some(id);
                let payloads = send_section::offered_payloads(policy, &carried.track, breadth);
                if !payloads.is_empty() {
                    media.direction = Direction::SendOnly;
                    media.msid = Some(carried.track.msid());
                    media.streams = carried.track.streams(self.ssrcs, &payloads);
                    self.payloads = payloads;
                }
            }
            Slot::Ended { offered } => *offered = Some(id),
            Slot::Idle | Slot::Retired => {}
        }
        media.payloads.clone_from(&self.payloads);
        let content = if rejected || media.payloads.is_empty() {
            Content::Rejected
        } else {
            Content::Media(media)
        };
        Section {
            mid: Some(self.mid),
            line: MediaLine {
                media: media_name(self.kind).to_owned(),
                protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
                formats: "0".to_owned(),
            },
            content,
        }
    }

    /// Takes the client's answer to what the offer `id` said of the section.
    pub(super) fn handle_answer(
        &mut self,
        id: u32,
        answered: &Section,
        policy: &CodecPolicy,
    ) -> Outcome {
        let rejected = answered.content == Content::Rejected;
        let outcome = match &mut self.slot {
            Slot::Carrying(carried) if carried.offered == Some(id) => {
                let media = answered
                    .media()
                    .and_then(|(_, media)| carried.send_media(self.mid, self.ssrcs, media, policy));
                let subscription = carried.track.subscription;
                match media {
                    Some(media) if carried.reported.as_ref() == Some(&media) => Outcome::Nothing,
                    Some(media) => {
                        carried.reported = Some(media.clone());
                        Outcome::Sends(subscription, Box::new(media))
                    }
                    None => {
                        self.slot = Slot::Ended { offered: None };
                        Outcome::Unsupported(subscription)
                    }
                }
            }
            Slot::Ended { offered } if *offered == Some(id) => {
                self.slot = Slot::Idle;
                Outcome::Nothing
            }
            // What came after the offer waits for the next.
            Slot::Carrying(_) | Slot::Ended { .. } | Slot::Idle | Slot::Retired => Outcome::Nothing,
        };
        let unused = !matches!(self.slot, Slot::Carrying(_));
        if rejected && unused {
            self.slot = Slot::Retired;
        }
        outcome
    }
}

fn carrying(track: SendTrack) -> Slot {
    Slot::Carrying(Box::new(Carried {
        track,
        offered: None,
        reported: None,
    }))
}

impl Carried {
    /// Returns how the track is sent after the client's answer; `None` if it takes none of it.
    fn send_media(
        &self,
        mid: Mid,
        ssrcs: SendSsrcs,
        answered: &Media,
        policy: &CodecPolicy,
    ) -> Option<SendMedia> {
        if !answered.direction.receives() {
            return None;
        }
        // What the client names beyond what was offered is not there: the section's breadth is the offer's.
        let payloads = send_section::payloads(answered, policy, &self.track, Breadth::Kind);
        if payloads.is_empty() {
            return None;
        }
        let extensions = extensions::written(answered);
        // Whether sound can be asked for again is the offer's to say: libwebrtc asks if that has `nack`, and leaves it out of
        // its answer.
        let media = send_section::send_media(mid, ssrcs, &payloads, extensions, &self.track);
        Some(media)
    }
}
