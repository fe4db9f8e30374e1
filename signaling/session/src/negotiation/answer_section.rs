//! One section that the client offered: what it publishes there, and what we send in it.

use sfu_model::{Mid, ReceiveMedia, SendMedia, SubscriptionId, TrackSid};

use super::answer::Answer;
use super::description::{Direction, Media};
use super::numbers::Numbers;
use super::payload::Payload;
use super::send_section::{Breadth, SendSsrcs};
use super::{CodecPolicy, PublishDecision, SendTrack, extensions, receive_section, send_section};

/// Our side of an audio or video section that the client offered.
#[derive(Debug, Default)]
pub(super) struct AnswerSection {
    /// What the client publishes in it, if it does.
    published: Option<Published>,
    /// What we send in it.
    pub(super) slot: Slot,
    ssrcs: Option<SendSsrcs>,
}

/// What the client publishes in a section.
#[derive(Debug, Default)]
struct Published {
    /// The track of `a=msid`, to which the decision belongs.
    track_id: Option<String>,
    decision: Option<PublishDecision>,
    /// As of the last answer.
    reported: Option<(Option<TrackSid>, ReceiveMedia)>,
}

/// What we send in a section.
#[derive(Debug, Default)]
pub(super) enum Slot {
    /// Nothing, and the client knows.
    #[default]
    Idle,
    /// A subscription.
    Carrying(Box<Carried>),
    /// Nothing, but the client was last told of a track.
    Ended,
}

/// A subscription with a section.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) track: SendTrack,
    /// As of the last answer; `None` until the first.
    reported: Option<SendMedia>,
    /// Whether the track comes in other codecs than the last answer has.
    stale: bool,
}

impl Slot {
    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Reports whether the next answer says something else than the last.
    pub(super) fn is_stale(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Carrying(carried) => carried.stale,
            Self::Idle => false,
        }
    }
}

impl AnswerSection {
    /// Notes what the client's next offer says of the section.
    pub(super) fn follow_offer(&mut self, media: &Media) {
        let (_, track_id) = receive_section::msid_of(media);
        if !media.direction.sends() {
            self.published = None;
        } else if !matches!(&self.published, Some(known) if known.track_id == track_id) {
            self.published = Some(Published {
                track_id,
                ..Published::default()
            });
        }
    }

    pub(super) fn decide(&mut self, decision: PublishDecision) {
        if let Some(published) = &mut self.published {
            published.decision = Some(decision);
        }
    }

    pub(super) fn received(&self) -> Option<&ReceiveMedia> {
        let (_, media) = self.published.as_ref()?.reported.as_ref()?;
        Some(media)
    }

    /// Gives the section, which is idle, to a subscription.
    pub(super) fn seat(&mut self, track: SendTrack, numbers: &mut Numbers) {
        self.ssrcs = Some(SendSsrcs::draw(track.kind, numbers));
        self.slot = Slot::Carrying(Box::new(Carried {
            track,
            reported: None,
            stale: false,
        }));
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
            carried.stale |= carried.track.codecs != track.codecs;
            carried.track = track.clone();
        }
        same
    }

    /// Ends the subscription, if it is here.
    pub(super) fn end(&mut self, subscription: SubscriptionId) {
        if matches!(&self.slot, Slot::Carrying(carried) if carried.track.subscription == subscription)
        {
            self.slot = Slot::Ended;
        }
    }

    /// Empties a section in which the client does not receive; returns what it carried.
    pub(super) fn release(&mut self) -> Option<SendTrack> {
        match std::mem::take(&mut self.slot) {
            Slot::Carrying(carried) => Some(carried.track),
            Slot::Idle | Slot::Ended => None,
        }
    }

    /// Answers the section, and notes in `answer` what changed; `None` rejects it.
    pub(super) fn answer(
        &mut self,
        mid: Mid,
        offer: &Media,
        (policy, breadth): (&CodecPolicy, Breadth),
        answer: &mut Answer,
    ) -> Option<Media> {
        let received = self.receive(mid, offer, policy, answer);
        let sent = self.send(mid, offer, (policy, breadth), answer);
        let mut media = Media {
            kind: offer.kind,
            direction: Direction::new(sent.is_some(), received.is_some()),
            payloads: Vec::new(),
            extensions: extensions::answered(offer),
            simulcast: Vec::new(),
            sizes: Vec::new(),
            msid: None,
            streams: Vec::new(),
        };
        if let Some(payloads) = received {
            media.simulcast.clone_from(&offer.simulcast);
            media.payloads = payloads;
        }
        if let (Some(payloads), Slot::Carrying(carried), Some(ssrcs)) =
            (sent, &self.slot, self.ssrcs)
        {
            media.msid = Some(carried.track.msid());
            media.streams = carried.track.streams(ssrcs, &payloads);
            send_section::merge(&mut media.payloads, payloads);
        }
        if media.direction == Direction::Inactive && !offer.direction.sends() {
            media.payloads = receive_section::idle_payloads(offer, policy);
        }
        (!media.payloads.is_empty()).then_some(media)
    }

    /// Returns the payload types in which the client may publish here, if it does.
    fn receive(
        &mut self,
        mid: Mid,
        offer: &Media,
        policy: &CodecPolicy,
        answer: &mut Answer,
    ) -> Option<Vec<Payload>> {
        let published = self.published.as_mut()?;
        let payloads = receive_section::payloads(offer, policy, published.decision.as_ref());
        if payloads.is_empty() {
            published.reported = None;
            return None;
        }
        let media = receive_section::receive_media(mid, offer, &payloads);
        let track = published.decision.as_ref();
        let current = (track.map(|decision| decision.track.clone()), media);
        if published.reported.as_ref() != Some(&current) {
            answer.receives.push((mid, current.1.clone()));
            published.reported = Some(current);
        }
        Some(payloads)
    }

    /// Returns the payload types in which we send here, if we do. A subscription that the client's
    /// codecs no longer suit is given up.
    fn send(
        &mut self,
        mid: Mid,
        offer: &Media,
        (policy, breadth): (&CodecPolicy, Breadth),
        answer: &mut Answer,
    ) -> Option<Vec<Payload>> {
        let carried = match &mut self.slot {
            Slot::Carrying(carried) => carried,
            Slot::Idle => return None,
            Slot::Ended => {
                self.slot = Slot::Idle;
                return None;
            }
        };
        let payloads = send_section::payloads(offer, policy, &carried.track, breadth);
        let ssrcs = self.ssrcs.filter(|_| !payloads.is_empty());
        let Some(ssrcs) = ssrcs else {
            answer.unsupported.push(carried.track.subscription);
            self.slot = Slot::Idle;
            return None;
        };
        let extensions = extensions::written(offer);
        let media = send_section::send_media(mid, ssrcs, &payloads, extensions, &carried.track);
        if carried.reported.as_ref() != Some(&media) {
            answer
                .sends
                .push((carried.track.subscription, media.clone()));
            carried.reported = Some(media);
        }
        carried.stale = false;
        Some(payloads)
    }
}
