//! The way of a publisher's packet: into its stream, to the levels of its room, to other shards, and into the queue
//! for those who subscribe here.

use std::time::Instant;

use sfu_model::{Event, MediaKind, Now};
use sfu_rtp::{ExtensionRanges, RtpHeader};

use crate::arrival::{Arrival, Received};
use crate::export::Exports;
use crate::fan_outs::FanOuts;
use crate::frame::Frame;
use crate::keys::{OfSubscription, PeerKey};
use crate::levels::Levels;
use crate::output::Output;
use crate::peer::Peer;
use crate::publication::{Format, Publication};
use crate::receiving::Losses;
use crate::routes::{Flow, Route};
use crate::slot_map::SlotMap;
use crate::subscription::Subscription;
use crate::tables::begin_anew;
use crate::timers::{Schedule, TimerReason};
use crate::{DropReason, Shard};

/// A packet's way into its publication: who sends it and what it is of, each found once, and what it may touch
/// from there on.
pub(crate) struct Intake<'a> {
    key: PeerKey,
    peer: &'a mut Peer,
    route: Route,
    publication: &'a mut Publication,
    subscriptions: &'a mut SlotMap<OfSubscription, Subscription>,
    fan_outs: &'a mut FanOuts,
    levels: &'a mut Levels,
    exports: &'a mut Exports,
    schedule: &'a mut Schedule,
    output: &'a mut Output,
}

/// What is left to be done about a packet that was taken: a publisher may have to be asked for a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Nothing is.
    Done,
    /// Packets of its encoding are lost for good, and somebody sees it.
    Incomplete,
    /// Nobody subscribes here. Those elsewhere may still wait for a key frame.
    Unsubscribed,
}

impl<'a> Intake<'a> {
    /// Finds whom a packet is from and what it is of.
    #[inline]
    pub(crate) fn new(shard: &'a mut Shard, key: PeerKey, route: Route) -> Option<Self> {
        let tables = &mut shard.tables;
        Some(Self {
            key,
            peer: tables.peers.get_mut(key)?,
            route,
            publication: tables.publications.get_mut(route.publication)?,
            subscriptions: &mut tables.subscriptions,
            fan_outs: &mut shard.fan_outs,
            levels: &mut shard.levels,
            exports: &mut shard.exports,
            schedule: &mut shard.schedule,
            output: &mut shard.output,
        })
    }

    /// Takes a packet into its stream, and hands it on, with those that can be restored now that it has come.
    pub(crate) fn take(
        mut self,
        now: Now,
        received: Received<&mut [u8]>,
    ) -> Result<Taken, DropReason> {
        let taken = match self.route.flow {
            Flow::Primary | Flow::Retransmission => self.take_media(now, received)?,
            Flow::Repair => {
                let encoding = self.route.encoding;
                self.publication
                    .take_repair(encoding, &received.read_only())?;
                self.output.counters.repairs_in += 1;
                Taken::Done
            }
        };
        self.take_restored(now);
        Ok(taken)
    }

    /// Takes a packet that the publisher sent for its own sake, or again.
    #[inline]
    fn take_media(&mut self, now: Now, received: Received<&mut [u8]>) -> Result<Taken, DropReason> {
        let publication = &mut *self.publication;
        let format = publication.format(received.header.payload_type);
        let format = format.ok_or(DropReason::UnknownPayloadType)?;
        let received = match format.flow {
            Flow::Primary => received,
            Flow::Retransmission => publication.restore(received, self.route.encoding, format)?,
            Flow::Repair => return Err(DropReason::UnknownPayloadType),
        };
        self.take_packet(now, format, received.read_only())
    }

    /// Takes what is restored of lost packets as if it had been sent again.
    #[inline]
    fn take_restored(&mut self, now: Now) {
        let encoding = self.route.encoding;
        loop {
            let Some(packet) = self.publication.restore_lost(encoding) else {
                return;
            };
            match self.take_repaired(now, &packet) {
                Ok(_) => self.output.counters.restored_in += 1,
                Err(reason) => self.output.drop(reason),
            }
            if let Some(stream) = self.publication.stream_mut(encoding) {
                stream.take_back(packet);
            }
        }
    }

    fn take_repaired(&mut self, now: Now, packet: &[u8]) -> Result<Taken, DropReason> {
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::Malformed)?;
        let format = self.publication.format(header.payload_type);
        let format = format.ok_or(DropReason::UnknownPayloadType)?;
        let format = Format {
            flow: Flow::Repair,
            ..format
        };
        let received = Received {
            packet,
            header,
            extensions: ExtensionRanges::find(&header, packet, &self.publication.extensions),
        };
        self.take_packet(now, format, received)
    }

    /// Takes a packet into its stream, and hands it on.
    #[inline]
    fn take_packet(
        &mut self,
        now: Now,
        format: Format,
        received: Received<&[u8]>,
    ) -> Result<Taken, DropReason> {
        let publication = &mut *self.publication;
        let encoding = self.route.encoding;
        let ssrc = received.header.ssrc;
        if publication.ready_stream(now.mono, ssrc, encoding, format)? {
            if !publication.is_declared(encoding, ssrc) {
                self.output.event(Event::EncodingStarted {
                    publication: publication.id,
                    rid: publication.rid_of(encoding),
                    ssrc,
                });
            }
            begin_anew(publication, encoding, self.subscriptions);
        }
        let (seq, losses) = publication.number(now.mono, encoding, format, &received)?;
        let (arrival, is_anew) = publication.admit(now, encoding, format, seq, received)?;
        if is_anew {
            begin_anew(publication, encoding, self.subscriptions);
        }
        self.output.counters.rtp_in += 1;
        self.note_arrival(now.mono, &arrival);
        self.export(now.mono, &arrival);
        let key = self.route.publication;
        let has_subscribers = self.fan_outs.queue(key, self.publication, &arrival);
        self.arm_reports(now.mono, losses);
        Ok(if losses.given_up && self.publication.is_seen() {
            Taken::Incomplete
        } else if has_subscribers {
            Taken::Done
        } else {
            Taken::Unsubscribed
        })
    }

    /// Sees to it that the publisher hears of what arrived and what is missing.
    #[inline]
    fn arm_reports(&mut self, now: Instant, losses: Losses) {
        let timers = &mut self.peer.timers;
        let report = now + TimerReason::RECEIVER_REPORT_DELAY;
        let mut earlier = timers.set_if_idle(TimerReason::ReceiverReport, report);
        if let Some(due) = losses.due {
            earlier |= timers.set_if_earlier(TimerReason::Nack, due);
        }
        if earlier {
            self.peer.arm(self.key, self.schedule);
        }
    }

    /// Tells what a packet says of its publication.
    #[inline]
    fn note_arrival(&mut self, now: Instant, arrival: &Arrival<'_>) {
        let publication = &mut *self.publication;
        if arrival.frame.is_some() && publication.note_codec(now, arrival.codec) {
            self.output.event(Event::CodecChanged {
                publication: publication.id,
                codec: arrival.codec,
            });
        }
        match (publication.kind(), &arrival.frame) {
            (MediaKind::Audio, _) => {
                let key = self.route.publication;
                self.levels
                    .hear(now, key, publication, arrival, self.schedule);
            }
            (MediaKind::Video, Some(frame)) => {
                publication.note_alive(now, arrival.encoding);
                self.note_layer(now, arrival, frame);
                if frame.key {
                    self.note_size(now, arrival);
                }
            }
            (MediaKind::Video, None) => {}
        }
    }

    /// Counts a packet to its layer. Those who have subscribers of the publication hear what its layers cost, also of those
    /// that do not go there.
    #[inline]
    fn note_layer(&mut self, now: Instant, arrival: &Arrival<'_>, frame: &Frame) {
        let (encoding, len) = (arrival.encoding, arrival.packet.len());
        let stream = self.publication.stream_mut(encoding);
        if stream.is_some_and(|stream| stream.note_layer(now, frame, len)) {
            self.publication.export_rates(encoding, self.exports);
        }
    }

    /// Tells how large the pictures of an encoding are where that may say which layer it is.
    #[cold]
    fn note_size(&mut self, now: Instant, arrival: &Arrival<'_>) {
        if let Some((rid, size)) = self.publication.note_size(now, arrival) {
            self.output.event(Event::PictureSized {
                publication: self.publication.id,
                rid,
                size,
            });
        }
    }

    /// Copies a packet to each shard that needs its encoding. Those with subscribers of the publication are
    /// told first if it sends otherwise than they know.
    #[inline]
    fn export(&mut self, now: Instant, arrival: &Arrival<'_>) {
        let publication = &mut *self.publication;
        if publication.recipients.is_empty() {
            return;
        }
        if !publication.recipients.know(publication.live(now)) {
            publication.tell_exports(now, self.exports);
        }
        let named = (publication.id, publication.kind());
        let number = (arrival.encoding, arrival.seq);
        for target in publication.recipients.of(arrival.encoding) {
            let pushed = self
                .exports
                .push_packet(target, named, number, arrival.packet);
            match pushed {
                Ok(()) => self.output.counters.exports_out += 1,
                Err(reason) => self.output.drop(reason),
            }
        }
    }
}
