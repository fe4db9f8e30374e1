//! The way of an accepted packet: to the levels of its room, to other shards, and to those who subscribe here.

use std::collections::BTreeMap;
use std::time::Instant;

use sfu_model::{Event, MediaKind, Now, RoomIndex};
use sfu_rtp::AudioLevelParameters;

use crate::Shard;
use crate::arrival::Arrival;
use crate::export::Exports;
use crate::fan_outs::FanOuts;
use crate::keys::{OfPublication, OfSubscription, PublicationKey};
use crate::output::Output;
use crate::publication::Publication;
use crate::room_levels::RoomLevels;
use crate::slot_map::SlotMap;
use crate::subscription::Subscription;
use crate::timers::Schedule;

/// What a packet may touch once its publication has taken it.
pub(crate) struct Onward<'a> {
    pub(crate) output: &'a mut Output,
    pub(crate) levels: &'a AudioLevelParameters,
    pub(crate) rooms: &'a mut BTreeMap<RoomIndex, RoomLevels>,
    pub(crate) schedule: &'a mut Schedule,
    subscriptions: &'a mut SlotMap<OfSubscription, Subscription>,
    exports: &'a mut Exports,
    fan_outs: &'a mut FanOuts,
}

impl Shard {
    /// Returns the publications, and what their packets may touch.
    #[inline]
    pub(crate) fn onward(&mut self) -> (&mut SlotMap<OfPublication, Publication>, Onward<'_>) {
        let onward = Onward {
            output: &mut self.output,
            levels: &self.config.audio_levels,
            rooms: &mut self.rooms,
            schedule: &mut self.schedule,
            subscriptions: &mut self.subscriptions,
            exports: &mut self.exports,
            fan_outs: &mut self.fan_outs,
        };
        (&mut self.publications, onward)
    }
}

impl Onward<'_> {
    /// Has subscribers take an encoding up anew: its numbers begin anew, or its codec is another.
    pub(crate) fn begin_anew(&mut self, publication: &Publication, encoding: u8) {
        for key in &publication.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(*key) {
                subscription.lose(encoding);
            }
        }
    }

    /// Tells what a packet says of its publication.
    #[inline]
    pub(crate) fn note_arrival(
        &mut self,
        now: Now,
        key: PublicationKey,
        publication: &mut Publication,
        arrival: &Arrival<'_>,
    ) {
        if !publication.started {
            publication.started = true;
            self.output.event(Event::PublicationStarted {
                publication: publication.id,
            });
        }
        if arrival.frame.is_some() && publication.note_codec(now.mono, arrival.codec) {
            self.output.event(Event::CodecChanged {
                publication: publication.id,
                codec: arrival.codec,
            });
        }
        if publication.kind() == MediaKind::Audio {
            self.hear(now, key, publication, arrival);
        }
    }

    /// Copies a packet to each shard that needs its encoding. Those with subscribers of the publication are
    /// told first if it sends otherwise than they know.
    #[inline]
    pub(crate) fn export(
        &mut self,
        now: Instant,
        publication: &mut Publication,
        arrival: &Arrival<'_>,
    ) {
        if publication.exports.is_empty() {
            return;
        }
        let live = Some(publication.live(now));
        if publication.exports.iter().any(|export| export.told != live) {
            publication.tell_exports(now, self.exports);
        }
        let named = (publication.id, publication.kind());
        let number = (arrival.encoding, arrival.seq);
        for export in publication.exports_of(arrival.encoding) {
            let pushed = self
                .exports
                .push_packet(export.target, named, number, arrival.packet);
            match pushed {
                Ok(()) => self.output.counters.exports_out += 1,
                Err(reason) => self.output.drop(reason),
            }
        }
    }

    /// Has a packet wait for its turn to go to those who subscribe. Returns whether anybody does.
    #[inline]
    pub(crate) fn queue(
        &mut self,
        key: PublicationKey,
        publication: &mut Publication,
        arrival: &Arrival<'_>,
    ) -> bool {
        if publication.subscriptions.is_empty() {
            return false;
        }
        let waiting = &mut publication.waiting;
        waiting.push(arrival.detached());
        self.fan_outs.note(key, waiting.len());
        true
    }
}
