//! Takes the packets of a publication to those who subscribe to it here, a few subscribers at a time.

use std::hint::black_box;
use std::ops::BitXor;
use std::time::Instant;

use sfu_model::{MediaKind, Now};

use crate::arrival::Arrival;
use crate::held::{Held, HeldFull};
use crate::isolation::AtStake;
use crate::keys::{OfPeer, OfSubscription, PublicationKey, SubscriptionKey};
use crate::layers::Layers;
use crate::limits::SUBSCRIBERS_OF_ONE_STEP;
use crate::output::Output;
use crate::peer::Peer;
use crate::publication::Publication;
use crate::slot_map::SlotMap;
use crate::subscription::Subscription;
use crate::timers::{Schedule, TimerReason};
use crate::{Counters, DropReason, Shard};

/// How far a fan-out came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Every subscriber has had its turn.
    Done,
    /// Others wait for theirs.
    Paused,
}

/// From the packets of a publication to those who subscribe to it here.
///
/// This half knows a publication and its packets, not the publisher's datagrams, and asks back for
/// nothing but key frames: the publication may as well live on another shard.
impl Shard {
    /// Sees to it that a publication can take another packet.
    #[inline]
    pub(crate) fn make_way(&mut self, now: Now, key: PublicationKey) {
        if self.fan_outs.is_in_the_way_of(key) {
            self.finish_fan_outs(now);
        }
    }

    /// Takes all packets that wait to all who subscribe: what they are, or how they are sent, is
    /// about to change.
    pub(crate) fn finish_fan_outs(&mut self, now: Now) {
        while self.next_fan_out(now) {}
    }

    /// Takes packets that wait to the next subscribers. Returns whether there were any packets.
    pub(crate) fn next_fan_out(&mut self, now: Now) -> bool {
        let Some(key) = self.fan_outs.first() else {
            return false;
        };
        let mut progress = Progress::Done;
        self.isolated(AtStake::Publication(key), |shard| {
            progress = shard.fan_out_some(now, key);
        });
        match progress {
            Progress::Paused => self.fan_outs.serve_first(),
            Progress::Done => self.fan_outs.end_first(),
        }
        true
    }

    fn fan_out_some(&mut self, now: Now, key: PublicationKey) -> Progress {
        let tables = &mut self.tables;
        let Some(publication) = tables.publications.get_mut(key) else {
            return Progress::Done;
        };
        let mut fan_out = FanOut {
            live: publication.live(now.mono),
            publication,
            subscriptions: &mut tables.subscriptions,
            peers: &mut tables.peers,
            schedule: &mut self.schedule,
            output: &mut self.output,
            awaited: Layers::default(),
        };
        let progress = fan_out.serve_some(now.mono);
        let awaited = fan_out.awaited;
        self.key_frames().request_awaited(now.mono, key, awaited);
        if progress == Progress::Done
            && let Some(publication) = self.tables.publications.get_mut(key)
            && publication.end_of_burst()
        {
            self.membership().review_import(key);
        }
        progress
    }
}

/// What the packets of one publication may touch on their way to those who subscribe.
struct FanOut<'a> {
    publication: &'a mut Publication,
    /// Which of its encodings send.
    live: Layers,
    subscriptions: &'a mut SlotMap<OfSubscription, Subscription>,
    peers: &'a mut SlotMap<OfPeer, Peer>,
    schedule: &'a mut Schedule,
    output: &'a mut Output,
    /// The encodings that should send a key frame.
    awaited: Layers,
}

impl FanOut<'_> {
    /// Takes all packets that wait to the next few subscribers.
    fn serve_some(&mut self, now: Instant) -> Progress {
        if !self.publication.is_being_served() {
            self.publication.level_waiting();
        }
        self.prefetch();
        for _ in 0..SUBSCRIBERS_OF_ONE_STEP {
            let Some(subscription) = self.publication.next_to_serve() else {
                return Progress::Done;
            };
            self.serve(now, subscription);
        }
        Progress::Paused
    }

    /// Reads the state of those whose turn comes next.
    ///
    /// There are too many subscribers for the caches to hold them between two packets. To serve one of them
    /// takes a dozen reads that miss the caches, each for an address that the one before has found; here
    /// the reads of several subscribers wait together.
    fn prefetch(&self) {
        let upcoming = self.publication.upcoming();
        let read = upcoming.take(SUBSCRIBERS_OF_ONE_STEP).map(|key| {
            let subscription = self.subscriptions.get(key)?;
            let peer = self.peers.get(subscription.peer)?;
            Some(subscription.prefetch() ^ peer.prefetch(subscription.ssrc()))
        });
        // Without a use of them nothing would be read.
        black_box(read.flatten().fold(0, BitXor::bitxor));
    }

    /// Takes all packets that wait to one subscriber. Once its link has no room for more video, they wait there.
    fn serve(&mut self, now: Instant, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get_mut(key) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(subscription.peer) else {
            return;
        };
        let parts = peer.parts(now, self.output);
        let Some(mut link) = parts.link else {
            return;
        };
        let (publication, live) = (&*self.publication, self.live);
        let is_paced = publication.kind() == MediaKind::Video;
        let (mut packets, mut waits) = (0, Layers::default());
        for arrival in publication.waiting() {
            if is_paced && (parts.held.is_some() || !link.has_room()) {
                let counters = &mut link.output.counters;
                hold(
                    now,
                    (key, subscription),
                    &arrival,
                    live,
                    (parts.held, counters),
                );
                continue;
            }
            let forwarded = subscription.forward(now, &arrival, publication, live, &mut link);
            packets += forwarded.packets;
            match forwarded.awaits_key_frame {
                true => waits.insert(arrival.encoding),
                false => waits.remove(arrival.encoding),
            }
        }
        let holds = parts.held.is_some();
        self.awaited.unite(waits);
        self.output.counters.rtp_out += packets;
        if packets > 0
            && let Some(due) = subscription.note_started(now)
        {
            let due = self.schedule.together(due);
            let reason = TimerReason::SenderReport;
            peer.wake_by(due, reason, subscription.peer, self.schedule);
        }
        if holds && peer.await_room(now) {
            peer.arm(subscription.peer, self.schedule);
        }
    }
}

/// Has a packet wait for the link of a subscriber, if it is to be forwarded at all.
#[cold]
fn hold(
    now: Instant,
    (key, subscription): (SubscriptionKey, &mut Subscription),
    arrival: &Arrival<'_>,
    live: Layers,
    (held, counters): (&mut Option<Box<Held>>, &mut Counters),
) {
    if !subscription.may_forward(arrival.encoding, live) {
        return;
    }
    let held = held.get_or_insert_default();
    match held.push_packet(now, key, arrival) {
        Ok(()) => counters.held += 1,
        Err(HeldFull) => {
            counters.drop(DropReason::HeldFull);
            if !held.give_up_behind(key) {
                subscription.give_up(now);
            }
        }
    }
}
