use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::BitXor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use sfu_model::{Event, Now};

use crate::Shard;
use crate::arrival::Arrival;
use crate::layers::Layers;
use crate::peer::Peer;
use crate::publication::{Publication, PublicationKey, Source};
use crate::subscription::{Subscription, SubscriptionKey};
use crate::timers::{Schedule, TimerReason};

/// Publications with packets that wait to go to those who subscribe.
///
/// Packets that arrive in one tick go to their subscribers together: first all to one subscriber, then
/// all to the next. So they leave as one run, and each buffer is written, sealed and sent while the
/// processor's caches hold it, however many subscribers there are.
#[derive(Debug, Default)]
pub(crate) struct FanOuts {
    /// In the order of their first packet.
    publications: VecDeque<PublicationKey>,
    /// Whether one of them has as many packets as a run takes.
    is_full: bool,
}

impl FanOuts {
    /// Reports whether so much waits that it should go out before more is taken in.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }
}

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
    /// Packets of one publication that go out together: about as many as a run takes.
    const BURST: usize = 16;

    /// Most packets of one publication that wait. Whoever does not drain the shard when it is
    /// backlogged has them fanned out here.
    const MAX_WAITING: usize = 64;

    /// Subscribers that are served before their datagrams are handed on: as many as the processor can
    /// read the state of at once, and few enough for the caches to hold the buffers that go round.
    const CHUNK: usize = 8;

    /// Has an accepted packet wait for its turn to go to those who subscribe.
    pub(crate) fn fan_out(&mut self, now: Now, key: PublicationKey, arrival: &Arrival<'_>) {
        let publication = self.publications.get(key);
        if publication.is_some_and(Publication::is_being_served) {
            self.finish_fan_outs(now);
        }
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        if publication.subscriptions.is_empty() {
            self.repeat_key_frame_request(now.mono, key, arrival.encoding);
            return;
        }
        if publication.waiting.is_empty() {
            self.fan_outs.publications.push_back(key);
        }
        publication.waiting.push(arrival.detached());
        self.fan_outs.is_full |= publication.waiting.len() >= Self::BURST;
        if publication.waiting.len() >= Self::MAX_WAITING {
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
        let Some(key) = self.fan_outs.publications.front().copied() else {
            self.fan_outs.is_full = false;
            return false;
        };
        let act = || self.fan_out_some(now, key);
        match catch_unwind(AssertUnwindSafe(act)) {
            Ok(Progress::Paused) => {}
            Ok(Progress::Done) => {
                self.fan_outs.publications.pop_front();
            }
            Err(_) => {
                self.fan_outs.publications.pop_front();
                self.give_up(key);
            }
        }
        true
    }

    /// Does something about a publication so that a fault of ours in doing so ends that one alone.
    pub(crate) fn isolated_publication(
        &mut self,
        key: PublicationKey,
        act: impl FnOnce(&mut Self),
    ) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_err() {
            self.give_up(key);
        }
    }

    /// A fault of ours ends the publication alone, with the peer that sends it.
    fn give_up(&mut self, key: PublicationKey) {
        match self
            .publications
            .get(key)
            .map(|publication| publication.source)
        {
            None => {}
            Some(Source::Peer(peer)) => self.close_faulty(peer),
            Some(Source::Import(_)) => self.give_import_up(key),
        }
    }

    fn fan_out_some(&mut self, now: Now, key: PublicationKey) -> Progress {
        let Some(publication) = self.publications.get_mut(key) else {
            return Progress::Done;
        };
        let live = publication.live(now.mono);
        if !publication.is_being_served() {
            publication.level_waiting();
        }
        let mut awaited = Layers::default();
        let mut progress = Progress::Paused;
        self.prefetch(key);
        for _ in 0..Self::CHUNK {
            let publication = self.publications.get_mut(key);
            let next = publication.and_then(|publication| publication.next_to_serve());
            let Some(subscription) = next else {
                progress = Progress::Done;
                break;
            };
            self.serve(now, key, subscription, live, &mut awaited);
        }
        self.ask_for_key_frames(now.mono, key, awaited);
        if progress == Progress::Done
            && let Some(publication) = self.publications.get_mut(key)
            && publication.end_of_burst()
        {
            self.review_import(key);
        }
        progress
    }

    /// Reads the state of those whose turn comes next.
    ///
    /// There are too many subscribers for the caches to hold them between two packets. To serve one of them
    /// takes a dozen reads that miss the caches, each for an address that the one before has found; here
    /// the reads of several subscribers wait together.
    fn prefetch(&self, key: PublicationKey) {
        let Some(publication) = self.publications.get(key) else {
            return;
        };
        let read = publication.upcoming().take(Self::CHUNK).map(|key| {
            let subscription = self.subscriptions.get(key)?;
            let peer = self.peers.get(subscription.peer)?;
            Some(subscription.prefetch() ^ peer.prefetch(subscription.ssrc()))
        });
        // Without a use of them nothing would be read.
        black_box(read.flatten().fold(0, BitXor::bitxor));
    }

    /// Takes all packets that wait to one subscriber.
    fn serve(
        &mut self,
        now: Now,
        key: PublicationKey,
        subscription: SubscriptionKey,
        live: Layers,
        awaited: &mut Layers,
    ) {
        let Some(publication) = self.publications.get(key) else {
            return;
        };
        let Some(subscription) = self.subscriptions.get_mut(subscription) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(subscription.peer) else {
            return;
        };
        let Some(mut link) = peer.link(&mut self.output) else {
            return;
        };
        let (mut packets, mut waits) = (0, Layers::default());
        for arrival in publication.waiting() {
            let forwarded = subscription.forward(now.mono, &arrival, publication, live, &mut link);
            packets += forwarded.packets;
            match forwarded.awaits_key_frame {
                true => waits.insert(arrival.encoding),
                false => waits.remove(arrival.encoding),
            }
        }
        awaited.unite(waits);
        self.output.counters.rtp_out += packets;
        if packets > 0 {
            Self::note_sent(now.mono, subscription, peer, &mut self.schedule);
            if !subscription.started {
                subscription.started = true;
                self.output.event(Event::SubscriptionStarted {
                    subscription: subscription.id,
                });
            }
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
}
