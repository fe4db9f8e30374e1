use std::time::{Duration, Instant};

use sfu_model::{Event, Now};
use sfu_rtp::rtcp::write_pli;

use crate::Shard;
use crate::arrival::Arrival;
use crate::export::ExportItem;
use crate::peer::Peer;
use crate::publication::{PublicationKey, Source};
use crate::subscription::Subscription;
use crate::timers::{Schedule, TimerReason};

/// From a packet of a publication to those who subscribe to it here.
///
/// This half knows a publication and its packets, not the publisher's datagrams, and asks back for
/// nothing but key frames: the publication may as well live on another shard.
impl Shard {
    pub(crate) fn fan_out(&mut self, now: Now, key: PublicationKey, arrival: &Arrival<'_>) {
        let Some(publication) = self.publications.get(key) else {
            return;
        };
        let live = publication.live(now.mono);
        let mut awaits_key_frame = false;
        for subscription_key in &publication.subscriptions {
            let Some(subscription) = self.subscriptions.get_mut(*subscription_key) else {
                continue;
            };
            let Some(peer) = self.peers.get_mut(subscription.peer) else {
                continue;
            };
            let Some(mut link) = peer.link(&mut self.output) else {
                continue;
            };
            let forwarded = subscription.forward(now.mono, arrival, publication, live, &mut link);
            awaits_key_frame |= forwarded.awaits_key_frame;
            self.output.counters.rtp_out += forwarded.packets;
            if forwarded.packets > 0 {
                Self::note_sent(now.mono, subscription, peer, &mut self.schedule);
                if !subscription.started {
                    subscription.started = true;
                    self.output.event(Event::SubscriptionStarted {
                        subscription: subscription.id,
                    });
                }
            }
        }
        if awaits_key_frame {
            self.request_key_frame(now.mono, key, arrival.encoding);
        } else {
            self.repeat_key_frame_request(now.mono, key, arrival.encoding);
        }
    }

    /// Sees to it that a subscriber hears of a stream that begins, or goes on after it stood still.
    #[inline]
    fn note_sent(
        now: Instant,
        subscription: &mut Subscription,
        peer: &mut Peer,
        schedule: &mut Schedule,
    ) {
        let due = now + TimerReason::FIRST_SENDER_REPORT_DELAY;
        if subscription.schedule_report(due)
            && peer.timers.set_if_earlier(TimerReason::SenderReport, due)
        {
            peer.arm(subscription.peer, schedule);
        }
    }

    /// Asks the publisher for a key frame of an encoding, unless it was asked just before: then as
    /// soon as it may be asked again.
    pub(crate) fn request_key_frame(&mut self, now: Instant, key: PublicationKey, encoding: u8) {
        let interval = self.key_frame_interval(encoding);
        let publication = self.publications.get_mut(key);
        let throttle = publication.and_then(|publication| publication.key_frames(encoding));
        if throttle.is_some_and(|throttle| throttle.request(now, interval)) {
            self.send_key_frame_request(key, encoding);
        }
    }

    fn repeat_key_frame_request(&mut self, now: Instant, key: PublicationKey, encoding: u8) {
        let interval = self.key_frame_interval(encoding);
        let publication = self.publications.get_mut(key);
        let throttle = publication.and_then(|publication| publication.key_frames(encoding));
        if throttle.is_some_and(|throttle| throttle.poll(now, interval)) {
            self.send_key_frame_request(key, encoding);
        }
    }

    fn send_key_frame_request(&mut self, key: PublicationKey, encoding: u8) {
        let Some(publication) = self.publications.get(key) else {
            return;
        };
        let Some(stream) = publication.stream(encoding) else {
            return;
        };
        let peer = match publication.source {
            Source::Peer(peer) => peer,
            Source::Shard(shard) => {
                let publication = publication.id;
                let item = ExportItem::KeyFrame {
                    publication,
                    encoding,
                };
                self.exports.push(shard, item);
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
}
