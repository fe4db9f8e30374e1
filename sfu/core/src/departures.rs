//! Sends what waited for a subscriber's link, as soon as that has room.

use std::time::Instant;

use sfu_model::Now;
use sfu_rtp::AbsSendTime;

use crate::arrival::Arrival;
use crate::held::{Departure, Held, HeldPacket, Turn};
use crate::keys::{PeerKey, PublicationKey, SubscriptionKey};
use crate::layers::Layers;
use crate::limits::THIN_AFTER;
use crate::output::Output;
use crate::publication::Publication;
use crate::repair::Repair;
use crate::tables::Tables;
use crate::thinning::Thinning;
use crate::timers::TimerReason;
use crate::{DropReason, Shard};

/// Sends what waited for one peer's link. Key frames that are needed are handed back.
struct Departures<'a> {
    key: PeerKey,
    tables: &'a mut Tables,
    output: &'a mut Output,
    /// The encodings that should send a key frame, as subscriptions that got their packets say.
    awaited: Vec<(PublicationKey, Layers)>,
    /// Subscriptions that go on with their next key frame.
    given_up: Vec<SubscriptionKey>,
}

/// What is left of a packet that waited.
enum Recalled<'a> {
    Packet(Arrival<'a>),
    /// Its stream has ended; whoever got it goes on with another.
    Ended,
    /// It is there no more, for it waited for too long.
    Gone,
}

impl Shard {
    /// Sends what waits for a peer's link, as far as there is room.
    pub(crate) fn send_held(&mut self, now: Now, key: PeerKey) {
        let peer = self.tables.peers.get_mut(key);
        let Some(mut held) = peer.and_then(|peer| peer.sends.held.take()) else {
            return;
        };
        let mut departures = Departures {
            key,
            tables: &mut self.tables,
            output: &mut self.output,
            awaited: Vec::new(),
            given_up: Vec::new(),
        };
        departures.thin(now, &mut held);
        departures.send(now, &mut held);
        let (awaited, given_up) = (departures.awaited, departures.given_up);
        if let Some(peer) = self.tables.peers.get_mut(key) {
            peer.sends.held = Some(held).filter(|held| !held.is_empty());
            peer.await_room(now.mono);
            peer.arm(key, &mut self.schedule);
        }
        for (publication, layers) in awaited {
            self.key_frames()
                .request_awaited(now.mono, publication, layers);
        }
        for subscription in given_up {
            self.request_after_giving_up(now, subscription);
        }
    }

    /// Asks for the key frame with which a subscription goes on that gave something up, unless it does so all the time.
    fn request_after_giving_up(&mut self, now: Now, key: SubscriptionKey) {
        let subscription = self.tables.subscriptions.get(key);
        if subscription.is_some_and(|subscription| subscription.may_ask_for_key_frame(now.mono)) {
            self.key_frames().request_for(now, key);
        }
    }
}

impl Departures<'_> {
    fn thin(&mut self, now: Now, held: &mut Held) {
        let peer = self.tables.peers.get(self.key);
        let bandwidth = peer.and_then(|peer| peer.sends.bandwidth.as_deref());
        let Some(room) = bandwidth.and_then(|bandwidth| bandwidth.room_in(THIN_AFTER)) else {
            return;
        };
        let mut thinning = Thinning {
            held,
            subscriptions: &mut self.tables.subscriptions,
            publications: &self.tables.publications,
            counters: &mut self.output.counters,
        };
        self.given_up = thinning.thin(now, room);
    }

    fn send(&mut self, now: Now, held: &mut Held) {
        while self.has_room(now.mono)
            && let Some(departure) = held.pop()
        {
            match departure {
                Departure::Repair(repair) => {
                    Repair::new(self.tables, self.output).repeat(now, repair);
                }
                Departure::Packet(packet) => self.send_packet(now, &packet),
            }
        }
    }

    fn has_room(&self, now: Instant) -> bool {
        let peer = self.tables.peers.get(self.key);
        let bandwidth = peer.and_then(|peer| peer.sends.bandwidth.as_deref());
        bandwidth.is_none_or(|bandwidth| bandwidth.has_room(now))
    }

    fn send_packet(&mut self, now: Now, packet: &HeldPacket) {
        let key = packet.subscription;
        let Some(subscription) = self.tables.subscriptions.get_mut(key) else {
            return;
        };
        let Some(publication) = self.tables.publications.get(subscription.publication) else {
            return;
        };
        let arrival = match recall(now, publication, packet) {
            Recalled::Packet(arrival) => arrival,
            Recalled::Ended => return,
            Recalled::Gone => {
                self.output.drop(DropReason::LeftRing);
                return self.give_up(now, key);
            }
        };
        let Some(peer) = self.tables.peers.get_mut(self.key) else {
            return;
        };
        let Some(mut link) = peer.link(now.mono, self.output) else {
            self.output.drop(DropReason::NotConnected);
            return;
        };
        match packet.turn {
            Turn::Leave => {}
            Turn::LeaveOut => return subscription.leave_out_held(&arrival, &mut link),
            Turn::GiveUp => return self.give_up(now, key),
        }
        let live = publication.live(now.mono);
        let forwarded = subscription.forward(now.mono, &arrival, publication, live, &mut link);
        let counters = &mut self.output.counters;
        counters.rtp_out += forwarded.packets;
        if forwarded.packets > 0 {
            let waited = now.mono.saturating_duration_since(packet.since);
            counters.waits.note(waited);
            if let Some(due) = subscription.note_started(now.mono) {
                peer.timers.set_if_earlier(TimerReason::SenderReport, due);
            }
        }
        if forwarded.awaits_key_frame {
            let publication = subscription.publication;
            let encoding = arrival.encoding;
            self.note_awaited(publication, encoding);
        }
    }

    fn give_up(&mut self, now: Now, key: SubscriptionKey) {
        let subscription = self.tables.subscriptions.get_mut(key);
        if subscription.is_some_and(|subscription| subscription.give_up(now.mono)) {
            self.given_up.push(key);
        }
    }

    fn note_awaited(&mut self, publication: PublicationKey, encoding: u8) {
        let mut known = self.awaited.iter_mut();
        match known.find(|(key, _)| *key == publication) {
            Some((_, layers)) => layers.insert(encoding),
            None => self
                .awaited
                .push((publication, Layers::from_iter([encoding]))),
        }
    }
}

/// Finds the bytes of a packet that waited, and the place that its encoding has by now.
fn recall<'a>(now: Now, publication: &'a Publication, held: &HeldPacket) -> Recalled<'a> {
    let Some(encoding) = publication.place_of(held.arrival.stream) else {
        return Recalled::Ended;
    };
    let stream = publication.stream(encoding);
    match stream.and_then(|stream| stream.packet(held.arrival.seq)) {
        None => Recalled::Gone,
        Some(packet) => Recalled::Packet(Arrival {
            packet,
            encoding,
            departure: AbsSendTime::from(now.unix),
            ..held.arrival
        }),
    }
}
