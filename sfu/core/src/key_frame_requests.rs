//! Asks publishers for the key frames that their subscribers need, and goes on until those have come.

use std::time::{Duration, Instant};

use sfu_model::{MediaKind, Now, SpatialLayer};
use sfu_rtp::rtcp::write_pli;

use crate::Shard;
use crate::export::ExportItem;
use crate::key_frame::Need;
use crate::keys::{PeerKey, PublicationKey, SubscriptionKey};
use crate::layers::Layers;
use crate::peer::{LinkState, Peer};
use crate::source::Source;
use crate::timers::{Deadline, Sleeper, TimerReason};

impl Shard {
    /// Asks for a key frame of an encoding that somebody needs, unless the publisher was asked just before:
    /// then as soon as it may be asked again.
    pub(crate) fn request_key_frame(
        &mut self,
        now: Instant,
        key: PublicationKey,
        encoding: u8,
        need: Need,
    ) {
        let publication = self.publications.get_mut(key);
        let requests = publication.and_then(|publication| publication.key_frames(encoding));
        if let Some(requests) = requests {
            requests.need(now, need);
            self.repeat_key_frame_request(now, key, encoding);
            self.arm_key_frames(key);
        }
    }

    /// Packets of an encoding are lost for good: whoever sees its pictures needs a key frame.
    pub(crate) fn recover(&mut self, now: Instant, key: PublicationKey, encoding: u8) {
        let publication = self.publications.get(key);
        let Some(publication) = publication.filter(|it| it.kind() == MediaKind::Video) else {
            return;
        };
        if !publication.subscriptions.is_empty() || !publication.exports.is_empty() {
            self.request_key_frame(now, key, encoding, Need::Recovery);
        }
    }

    /// Asks for the key frames that subscribers still wait for after they got the packets of a burst, or that
    /// it was too early to ask for.
    pub(crate) fn ask_for_key_frames(
        &mut self,
        now: Instant,
        key: PublicationKey,
        awaited: Layers,
    ) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        let encodings = publication.waiting.iter().map(|arrival| arrival.encoding);
        let sent: Layers = encodings.collect();
        for encoding in (0..).take(SpatialLayer::COUNT) {
            if awaited.contains(encoding)
                && let Some(publication) = self.publications.get_mut(key)
                && let Some(requests) = publication.key_frames(encoding)
            {
                requests.go_on(now);
            }
            if awaited.contains(encoding) || sent.contains(encoding) {
                self.repeat_key_frame_request(now, key, encoding);
            }
        }
        if awaited != Layers::default() {
            self.arm_key_frames(key);
        }
    }

    /// Asks again for what has not come, though no packets do.
    pub(crate) fn repeat_key_frame_requests(&mut self, now: Instant, key: PublicationKey) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        publication.armed = None;
        if publication.subscriptions.is_empty() && publication.exports.is_empty() {
            publication.give_up_key_frames();
            return;
        }
        for encoding in (0..).take(SpatialLayer::COUNT) {
            self.repeat_key_frame_request(now, key, encoding);
        }
        self.arm_key_frames(key);
    }

    /// Asks for a key frame that is needed, if the publisher may be asked again by now.
    pub(crate) fn repeat_key_frame_request(
        &mut self,
        now: Instant,
        key: PublicationKey,
        encoding: u8,
    ) {
        let interval = self.key_frame_interval(encoding);
        let publication = self.publications.get_mut(key);
        let requests = publication.and_then(|publication| publication.key_frames(encoding));
        if requests.is_some_and(|requests| requests.poll(now, interval)) {
            self.send_key_frame_request(key, encoding);
        }
    }

    /// Sees to it that the publisher is asked again in time.
    fn arm_key_frames(&mut self, key: PublicationKey) {
        let intervals = [0, 1, 2].map(|encoding| self.key_frame_interval(encoding));
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        let due = publication.key_frames_due(&intervals);
        let next = due.map(|at| Deadline {
            at,
            reason: TimerReason::KeyFrame,
        });
        let sleeper = Sleeper::Publication(key);
        self.schedule.arm(sleeper, &mut publication.armed, next);
    }

    fn send_key_frame_request(&mut self, key: PublicationKey, encoding: u8) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
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
        let feedback_ssrc = peer.feedback_ssrc;
        let Some(mut link) = peer.link(&mut self.output) else {
            return;
        };
        if link.send_rtcp(|out| write_pli(out, feedback_ssrc, stream.ssrc())) {
            self.output.counters.plis_out += 1;
        }
    }

    fn key_frame_interval(&self, encoding: u8) -> Duration {
        let intervals = &self.config.key_frame_interval;
        let interval = intervals.get(usize::from(encoding));
        interval.copied().unwrap_or(Duration::from_secs(1))
    }

    /// Asks for the key frames that a peer's subscriptions wait for.
    pub(crate) fn request_awaited_key_frames(&mut self, now: Now, peer: PeerKey) {
        let mut place = 0;
        while let Some(key) = self.peers.get(peer).and_then(|peer| peer.sends.at(place)) {
            self.request_awaited_key_frame(now, key);
            place += 1;
        }
    }

    /// Asks for the key frames that a publication's subscriptions wait for.
    pub(crate) fn request_awaited_key_frames_of(&mut self, now: Now, publication: PublicationKey) {
        let mut place = 0;
        while let Some(publication) = self.publications.get(publication)
            && let Some(key) = publication.subscriptions.get(place)
        {
            self.request_awaited_key_frame(now, *key);
            place += 1;
        }
    }

    /// Asks for the key frame that a subscription waits for, if it does and can receive it.
    pub(crate) fn request_awaited_key_frame(&mut self, now: Now, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get(key) else {
            return;
        };
        let connected = |peer: &Peer| peer.link != LinkState::Connecting;
        if !self.peers.get(subscription.peer).is_some_and(connected) {
            return;
        }
        let publication_key = subscription.publication;
        let Some(publication) = self.publications.get(publication_key) else {
            return;
        };
        if publication.kind() == MediaKind::Video
            && let Some(encoding) = subscription.awaited(publication.candidates(now.mono))
        {
            self.request_key_frame(now.mono, publication_key, encoding, Need::Start);
        }
    }
}
