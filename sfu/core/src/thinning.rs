//! Chooses what of the video that waits for a link need not be sent any more.
//!
//! 1. A frame that a later key frame makes superfluous. The decoder goes on with the key frame.
//! 2. Frames of the highest temporal layer, the oldest first: nothing depends on them.
//! 3. After longer, everything of a track up to its next key frame, which is asked for. A key frame whose turn it is is
//!    never given up: the next one would take as long.
//!
//! What gives its place up leaves no hole in the numbers that the subscriber sees.

use std::time::{Duration, Instant};

use sfu_model::Now;

use crate::Counters;
use crate::DropReason;
use crate::held::{Held, HeldPacket, Turn};
use crate::keys::{OfPublication, OfSubscription, SubscriptionKey};
use crate::limits::{GIVE_UP_AFTER, THIN_AFTER, THINNING_INTERVAL};
use crate::publication::Publication;
use crate::slot_map::SlotMap;
use crate::subscription::Subscription;

/// Thins what waits for one subscriber's link.
pub(crate) struct Thinning<'a> {
    pub(crate) held: &'a mut Held,
    pub(crate) subscriptions: &'a mut SlotMap<OfSubscription, Subscription>,
    pub(crate) publications: &'a SlotMap<OfPublication, Publication>,
    pub(crate) counters: &'a mut Counters,
}

impl Thinning<'_> {
    /// Thins what has waited for too long, if something has. `room` are the bytes that leave in [`THIN_AFTER`]. Returns the
    /// subscriptions that need a key frame then.
    pub(crate) fn thin(&mut self, now: Now, room: u64) -> Vec<SubscriptionKey> {
        let is_due = |at: Instant| now.mono.saturating_duration_since(at) >= THINNING_INTERVAL;
        if !self.is_late(now, THIN_AFTER) || !self.held.thinned.is_none_or(is_due) {
            return Vec::new();
        }
        self.held.thinned = Some(now.mono);
        for subscription in self.late_subscriptions(now) {
            self.skip_to_key_frame(now, subscription);
        }
        if self.is_late(now, THIN_AFTER) {
            self.leave_out_highest(room);
        }
        self.give_up_late(now)
    }

    fn is_late(&self, now: Now, after: Duration) -> bool {
        let oldest = self.held.oldest();
        oldest.is_some_and(|oldest| now.mono.saturating_duration_since(oldest.since) >= after)
    }

    fn late_subscriptions(&self, now: Now) -> Vec<SubscriptionKey> {
        let late = self.held.packets();
        let late = late
            .take_while(|packet| now.mono.saturating_duration_since(packet.since) >= THIN_AFTER);
        let mut subscriptions: Vec<_> = late.map(|packet| packet.subscription).collect();
        subscriptions.sort_unstable();
        subscriptions.dedup();
        subscriptions
    }

    /// Has a subscription go on with the latest key frame that waits, if it would take that up.
    fn skip_to_key_frame(&mut self, now: Now, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get_mut(key) else {
            return;
        };
        let Some(publication) = self.publications.get(subscription.publication) else {
            return;
        };
        let candidates = subscription.would_begin_at(publication.live(now.mono));
        let begin = |stream| {
            let mut packets = self
                .held
                .packets()
                .filter(|packet| packet.subscription == key);
            let last = packets.rfind(|packet| packet.arrival.stream == stream && is_key(packet))?;
            let mut packets = self.held.packets();
            packets.find(|packet| packet.is_of_frame_of(last)).copied()
        };
        let streams = candidates.into_iter().flatten();
        let mut streams = streams.filter_map(|encoding| publication.stream(encoding));
        let Some(first) = streams.find_map(|stream| begin(stream.number())) else {
            return;
        };
        let skipped = self.held.remove_before(key, Some(&first));
        if skipped > 0 {
            subscription.skip();
            self.counters
                .drop_many(DropReason::SkippedToKeyFrame, skipped as u64);
        }
    }

    /// Leaves out frames of the highest temporal layers until what waits leaves in time. A frame goes whole: not one that
    /// has begun to leave, nor the latest, of which more may come.
    fn leave_out_highest(&mut self, room: u64) {
        let mut excess = self.held.bytes().saturating_sub(room);
        let latest = latest_frames(self.held);
        let mut gone: Vec<HeldPacket> = Vec::new();
        let (subscriptions, publications) = (&*self.subscriptions, self.publications);
        for packet in self.held.packets_mut() {
            let is_of = |frames: &[HeldPacket]| frames.iter().any(|of| packet.is_of_frame_of(of));
            let goes = is_of(&gone)
                || excess > 0
                    && packet.turn == Turn::Leave
                    && !is_of(&latest)
                    && is_dispensable(packet, subscriptions, publications);
            if goes {
                if !is_of(&gone) {
                    gone.push(*packet);
                }
                packet.turn = Turn::LeaveOut;
                excess = excess.saturating_sub(packet.len() as u64);
                self.counters.drop(DropReason::LayerThinned);
            }
        }
    }

    /// Gives up the tracks of which something has waited for very long.
    fn give_up_late(&mut self, now: Now) -> Vec<SubscriptionKey> {
        let mut given_up = Vec::new();
        while self.is_late(now, GIVE_UP_AFTER)
            && let Some(oldest) = self.held.oldest().copied()
        {
            let key = oldest.subscription;
            if let Some(subscription) = self.subscriptions.get_mut(key) {
                if is_key(&oldest) || subscription.is_amid_key_frame(&oldest.arrival) {
                    break;
                }
                if subscription.give_up(now.mono) {
                    given_up.push(key);
                }
            }
            let gone = self.held.remove_before(key, None);
            self.counters.drop_many(DropReason::GivenUp, gone as u64);
        }
        given_up
    }
}

/// Reports whether a decoder can begin at a packet.
fn is_key(packet: &HeldPacket) -> bool {
    packet.arrival.frame.is_some_and(|frame| frame.key)
}

/// Returns a packet of the latest frame of each subscription.
fn latest_frames(held: &Held) -> Vec<HeldPacket> {
    let mut latest: Vec<HeldPacket> = Vec::new();
    for packet in held.packets().rev() {
        let is_same = |other: &HeldPacket| other.subscription == packet.subscription;
        if !latest.iter().any(is_same) {
            latest.push(*packet);
        }
    }
    latest
}

/// Reports whether nothing depends on the frame of a packet, and nothing of it has left.
fn is_dispensable(
    packet: &HeldPacket,
    subscriptions: &SlotMap<OfSubscription, Subscription>,
    publications: &SlotMap<OfPublication, Publication>,
) -> bool {
    let (_, temporal) = packet.arrival.frame.map_or((0, 0), |frame| frame.layer());
    if temporal == 0 {
        return false;
    }
    let Some(subscription) = subscriptions.get(packet.subscription) else {
        return false;
    };
    let publication = publications.get(subscription.publication);
    let stream = publication.and_then(|it| it.stream_of(packet.arrival.stream));
    let highest = stream.and_then(|stream| stream.rates().highest_temporal());
    let highest = highest.map(|highest| subscription.limit_temporal(highest));
    highest.is_some_and(|highest| temporal >= highest) && !subscription.has_begun(&packet.arrival)
}
