//! Asks publishers for the key frames that their subscribers need, and goes on until those have come.

use std::time::{Duration, Instant};

use sfu_model::{MediaKind, Now, SpatialLayer};
use sfu_rtp::rtcp::write_pli;

use crate::Shard;
use crate::export::{ExportItem, Exports};
use crate::key_frame::{Need, Wanted};
use crate::keys::{
    OfPeer, OfPublication, OfSubscription, PeerKey, PublicationKey, SubscriptionKey,
};
use crate::layers::Layers;
use crate::output::Output;
use crate::peer::{LinkState, Peer};
use crate::publication::Publication;
use crate::slot_map::SlotMap;
use crate::source::Source;
use crate::subscription::Subscription;
use crate::timers::Schedule;

/// Finds out which key frames are needed, and sees to it that they are asked for.
pub(crate) struct KeyFrames<'a> {
    publications: &'a mut SlotMap<OfPublication, Publication>,
    subscriptions: &'a SlotMap<OfSubscription, Subscription>,
    asker: Asker<'a>,
}

/// Asks the publisher of one publication after another.
struct Asker<'a> {
    intervals: &'a [Duration; SpatialLayer::COUNT],
    peers: &'a mut SlotMap<OfPeer, Peer>,
    schedule: &'a mut Schedule,
    exports: &'a mut Exports,
    output: &'a mut Output,
}

impl Shard {
    /// Returns what asks publishers for key frames.
    pub(crate) fn key_frames(&mut self) -> KeyFrames<'_> {
        KeyFrames {
            publications: &mut self.tables.publications,
            subscriptions: &self.tables.subscriptions,
            asker: Asker {
                intervals: &self.config.key_frame_interval,
                peers: &mut self.tables.peers,
                schedule: &mut self.schedule,
                exports: &mut self.exports,
                output: &mut self.output,
            },
        }
    }
}

impl KeyFrames<'_> {
    /// Asks for a key frame that somebody needs, unless the publisher was asked just before: then as soon as
    /// it may be asked again.
    pub(crate) fn request(&mut self, now: Instant, wanted: Wanted) {
        let Some(publication) = self.publications.get_mut(wanted.publication) else {
            return;
        };
        if let Some(requests) = publication.key_frames(wanted.encoding) {
            requests.need(now, wanted.need);
            self.asker.repeat(now, publication, wanted.encoding);
            publication.arm(
                wanted.publication,
                self.asker.intervals,
                self.asker.schedule,
            );
        }
    }

    /// Asks for the key frames that subscribers still wait for after they got the packets of a burst, or that
    /// it was too early to ask for.
    pub(crate) fn request_awaited(&mut self, now: Instant, key: PublicationKey, awaited: Layers) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        let encodings = publication.waiting.iter().map(|arrival| arrival.encoding);
        let sent: Layers = encodings.collect();
        for encoding in (0..).take(SpatialLayer::COUNT) {
            if awaited.contains(encoding)
                && let Some(requests) = publication.key_frames(encoding)
            {
                requests.go_on(now);
            }
            if awaited.contains(encoding) || sent.contains(encoding) {
                self.asker.repeat(now, publication, encoding);
            }
        }
        if awaited != Layers::default() {
            publication.arm(key, self.asker.intervals, self.asker.schedule);
        }
    }

    /// Asks again for what has not come, though no packets do.
    pub(crate) fn repeat_all(&mut self, now: Instant, key: PublicationKey) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        publication.wake();
        if !publication.is_wanted() {
            publication.give_up_key_frames();
            return;
        }
        for encoding in (0..).take(SpatialLayer::COUNT) {
            self.asker.repeat(now, publication, encoding);
        }
        publication.arm(key, self.asker.intervals, self.asker.schedule);
    }

    /// Asks for a key frame that is needed, if the publisher may be asked again by now.
    pub(crate) fn repeat(&mut self, now: Instant, key: PublicationKey, encoding: u8) {
        if let Some(publication) = self.publications.get_mut(key) {
            self.asker.repeat(now, publication, encoding);
        }
    }

    /// Asks for the key frames that a peer's subscriptions wait for.
    pub(crate) fn request_for_peer(&mut self, now: Now, peer: PeerKey) {
        let mut place = 0;
        while let Some(peer) = self.asker.peers.get(peer)
            && let Some(key) = peer.sends.at(place)
        {
            self.request_for(now, key);
            place += 1;
        }
    }

    /// Asks for the key frames that a publication's subscriptions wait for.
    pub(crate) fn request_for_all(&mut self, now: Now, publication: PublicationKey) {
        let mut place = 0;
        while let Some(publication) = self.publications.get(publication)
            && let Some(key) = publication.subscriptions.get(place)
        {
            self.request_for(now, *key);
            place += 1;
        }
    }

    /// Asks for the key frame that a subscription waits for, if it does and can receive it.
    pub(crate) fn request_for(&mut self, now: Now, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get(key) else {
            return;
        };
        let connected = |peer: &Peer| peer.link_state() != LinkState::Connecting;
        let peer = self.asker.peers.get(subscription.peer);
        if !peer.is_some_and(connected) {
            return;
        }
        let Some(publication) = self.publications.get(subscription.publication) else {
            return;
        };
        if publication.kind() == MediaKind::Video
            && let Some(encoding) = subscription.awaited(publication.candidates(now.mono))
        {
            let wanted = Wanted {
                publication: subscription.publication,
                encoding,
                need: Need::Start,
            };
            self.request(now.mono, wanted);
        }
    }
}

impl Asker<'_> {
    /// Asks for a key frame that is needed, if the publisher may be asked again by now.
    fn repeat(&mut self, now: Instant, publication: &mut Publication, encoding: u8) {
        let interval = self.intervals.get(usize::from(encoding));
        let interval = interval.copied().unwrap_or(Duration::from_secs(1));
        let requests = publication.key_frames(encoding);
        if requests.is_some_and(|requests| requests.poll(now, interval)) {
            self.send(now, publication, encoding);
        }
    }

    fn send(&mut self, now: Instant, publication: &mut Publication, encoding: u8) {
        let requests = publication.key_frames(encoding);
        let need = requests.map_or(Need::Start, |requests| requests.most());
        let Some(stream) = publication.stream(encoding) else {
            return;
        };
        let peer = match publication.source {
            Source::Peer(peer) => peer,
            Source::Import(_) => {
                let publication = publication.id;
                let item = ExportItem::KeyFrame {
                    publication,
                    encoding,
                    need,
                };
                self.exports.push(publication.shard, item);
                return;
            }
        };
        let Some(peer) = self.peers.get_mut(peer) else {
            return;
        };
        let feedback_ssrc = peer.feedback_ssrc();
        let Some(mut link) = peer.link(now, self.output) else {
            return;
        };
        if link.send_rtcp(|out| write_pli(out, feedback_ssrc, stream.ssrc())) {
            self.output.counters.plis_out += 1;
        }
    }
}
