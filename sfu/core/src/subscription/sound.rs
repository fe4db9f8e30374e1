//! In which form a subscriber is sent sound: as it came, as the Opus in it, or with redundancy that is made here.

use std::time::Instant;

use sfu_model::{Codec, CodecBinding, RedundancyPolicy};
use sfu_rtp::payload::{REDUNDANT_BLOCKS, RedRecipe, red};
use sfu_rtp::{OutgoingExtensions, OutgoingPayload, Rewrite, SentPacket};

use crate::arrival::Arrival;
use crate::output::Link;
use crate::publication::Publication;
use crate::transmit::Priority;

use super::redundancy::Sound;
use super::{Payload, Subscription};

/// In which form a packet of sound goes to a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it came.
    AsItCame,
    /// Each packet that it brings as one of plain Opus.
    Plain,
    /// With so many earlier packets.
    Redundant(usize),
}

/// Sound goes to those who take redundancy (RED, RFC 2198) with as much of it as their loss calls for, whether it came with
/// any or not. Whoever does not take it gets plain Opus, and what was lost on the way here out of the redundancy.
impl Subscription {
    /// Sends a packet of sound. Returns how many packets that made.
    #[inline]
    pub(super) fn send_sound(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        binding: CodecBinding,
        publication: &Publication,
        link: &mut Link<'_>,
    ) -> u64 {
        match self.form(now, arrival, binding, publication) {
            Form::AsItCame => self.send(now, arrival, Payload::of(arrival, binding), link),
            Form::Plain => self.send_plain(now, arrival, binding, publication, link),
            Form::Redundant(depth) => self.send_redundant(now, arrival, depth, publication, link),
        }
    }

    #[inline]
    fn form(
        &self,
        now: Instant,
        arrival: &Arrival<'_>,
        binding: CodecBinding,
        publication: &Publication,
    ) -> Form {
        if (arrival.codec, binding.codec) == (Codec::Red, Codec::Opus) {
            return Form::Plain;
        }
        if self.media.redundancy == RedundancyPolicy::AsItComes {
            return Form::AsItCame;
        }
        let depth = self.redundancy.depth(now);
        if arrival.codec == Codec::Red {
            return self.redundant_form(arrival, publication, depth);
        }
        let may = arrival.codec == Codec::Opus && self.payload_format(Codec::Red).is_some();
        match depth {
            1.. if may => Form::Redundant(depth),
            _ => Form::AsItCame,
        }
    }

    /// Returns in which form sound goes that came with redundancy, where so many earlier packets are called for.
    #[inline]
    fn redundant_form(
        &self,
        arrival: &Arrival<'_>,
        publication: &Publication,
        depth: usize,
    ) -> Form {
        match self.usual_depth(arrival, publication) {
            Some(carried) if carried >= depth => Form::AsItCame,
            Some(_) => Form::Redundant(depth),
            None => {
                let carried = red::blocks(arrival.payload()).count().saturating_sub(1);
                Form::Redundant(depth.max(carried.min(REDUNDANT_BLOCKS)))
            }
        }
    }

    /// Returns how much redundancy a packet carries, if the subscriber can be sent it as it is: it is not more than is made
    /// here, and names Opus as the subscriber does.
    #[inline]
    fn usual_depth(&self, arrival: &Arrival<'_>, publication: &Publication) -> Option<usize> {
        let named = publication.payload_type(Codec::Opus)?;
        let opus = self.payload_format(Codec::Opus)?;
        if opus.payload_type != named {
            return None;
        }
        red::plain_depth(arrival.payload(), named, REDUNDANT_BLOCKS)
    }

    /// Sends a packet with earlier ones, or what there is of it where that cannot be.
    fn send_redundant(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        depth: usize,
        publication: &Publication,
        link: &mut Link<'_>,
    ) -> u64 {
        let opus = self.payload_format(Codec::Opus);
        let red = self.payload_format(Codec::Red);
        let (Some(opus), Some(red)) = (opus, red) else {
            return 0;
        };
        let Some(sound) = Sound::of(arrival, publication) else {
            return 0;
        };
        let mut bytes = std::mem::take(&mut self.made);
        let packets = match sound.write(&mut bytes, opus.payload_type, depth) {
            Some(recipe) => {
                link.output.counters.redundancy_out += 1;
                let payload = Payload {
                    binding: red,
                    bytes: &bytes,
                    marker: arrival.header.marker,
                    rewrite: Rewrite::Sound(recipe),
                    descriptor: None,
                };
                self.send(now, arrival, payload, link)
            }
            None if arrival.codec == Codec::Opus => {
                self.send(now, arrival, Payload::of(arrival, opus), link)
            }
            None if self.usual_depth(arrival, publication).is_some() => {
                self.send(now, arrival, Payload::of(arrival, red), link)
            }
            None => self.send_plain(now, arrival, opus, publication, link),
        };
        self.made = bytes;
        packets
    }

    /// Sends the packets that one with redundancy brings, each once.
    fn send_plain(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        binding: CodecBinding,
        publication: &Publication,
        link: &mut Link<'_>,
    ) -> u64 {
        let Some(inner) = publication.payload_type(Codec::Opus) else {
            return 0;
        };
        let mut packets = 0;
        let mut red = self.red;
        let timestamp = arrival.header.timestamp;
        let payload = (arrival.payload(), inner);
        red.on_packet(arrival.seq, timestamp, payload, |plain| {
            let munged = self.stream.forward(now, plain.seq, plain.timestamp);
            let Some(munged) = munged else { return };
            let is_its_own = plain.seq == arrival.seq;
            let header = self.header(&munged, binding, is_its_own && arrival.header.marker);
            let extensions = match is_its_own {
                true => arrival.passed_on(),
                false => OutgoingExtensions::default(),
            };
            let extensions = self.stamp(extensions, binding, arrival.departure);
            let payload = OutgoingPayload::plain(plain.bytes);
            let map = &self.media.extensions;
            let sent = link.send_rtp(Priority::Audio, &header, map, extensions, &payload);
            match is_its_own {
                true => {
                    let packet = SentPacket {
                        source: arrival.stream,
                        source_seq: plain.seq,
                        timestamp: header.timestamp,
                        marker: header.marker,
                        rewrite: Rewrite::Sound(RedRecipe::default()),
                    };
                    self.note_sent(now, munged.seq, binding, packet);
                }
                // What was recovered is not in the publisher's ring: it is not sent again.
                false => link.output.counters.recovered_out += 1,
            }
            self.stream.stats.on_sent(plain.bytes.len());
            packets += u64::from(sent);
        });
        self.red = red;
        packets
    }
}
