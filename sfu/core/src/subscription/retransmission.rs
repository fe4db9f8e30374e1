//! Sends a subscriber again what it missed, out of the publisher's ring.

use std::time::{Duration, Instant};

use sfu_model::{Codec, CodecBinding, MediaKind};
use sfu_rtp::payload::{Descriptor, peek};
use sfu_rtp::{
    AbsSendTime, ExtensionRanges, LimitedDescriptor, Outgoing, OutgoingPayload, Rewrite, RtpHeader,
    SentPacket, SeqNo,
};

use crate::allocation::Grant;
use crate::output::Link;
use crate::publication::Publication;

use super::Subscription;
use super::redundancy::Sound;

/// When packets are sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    pub(crate) now: Instant,
    pub(crate) departure: AbsSendTime,
    /// Least time since a packet was last sent.
    pub(crate) interval: Duration,
}

/// Packets that the subscriber missed, out of the publisher's ring.
impl Subscription {
    /// Sends a packet again: by the retransmission format (RFC 4588) where it is negotiated,
    /// otherwise as it was. Returns whether it did.
    pub(crate) fn retransmit(
        &mut self,
        again: &Again,
        lost: SeqNo,
        publication: &Publication,
        link: &mut Link<'_>,
    ) -> bool {
        let is_audio = self.media.kind() == MediaKind::Audio;
        self.asks_for_sound |= is_audio;
        let sent = self.sequencer.retransmit(again.now, lost, again.interval);
        let Ok(sent) = sent else {
            return false;
        };
        if is_audio {
            let packets = self.stream.stats.packets();
            self.redundancy.on_asked(again.now, packets, lost);
        }
        if self.is_superseded(&sent, publication) {
            return false;
        }
        let mut made = std::mem::take(&mut self.made);
        let repeated = self.send_again(again, (lost, &sent), publication, &mut made, link);
        self.made = made;
        repeated.unwrap_or(false)
    }

    /// Reports whether a packet is of an encoding that another has taken the place of, on a link that has no room for both:
    /// the decoder goes on with the other one's key frame, which what is sent again would only delay.
    fn is_superseded(&self, sent: &SentPacket, publication: &Publication) -> bool {
        let current = self.selector.current();
        let current = current.and_then(|encoding| publication.stream(encoding));
        self.grant != Grant::Unlimited
            && current.is_some_and(|stream| stream.number() != sent.source)
    }

    fn send_again(
        &mut self,
        again: &Again,
        (lost, sent): (SeqNo, &SentPacket),
        publication: &Publication,
        made: &mut Vec<u8>,
        link: &mut Link<'_>,
    ) -> Option<bool> {
        let stream = publication.stream_of(sent.source)?;
        let packet = stream.packet(sent.source_seq)?;
        let read = RtpHeader::parse(packet).ok()?;
        let format = publication.format(read.payload_type)?;
        let source = Sound {
            publication,
            stream,
            seq: sent.source_seq,
            header: read,
            payload: read.payload(packet),
        };
        let (binding, bytes) = self.payload_again(sent.rewrite, &source, format.codec, made)?;
        let vp8 = match (sent.rewrite, peek(format.codec, bytes).ok()?.descriptor) {
            (Rewrite::Vp8(rewrite), Descriptor::Vp8(descriptor)) => Some((descriptor, rewrite)),
            _ => None,
        };
        let mut header = Outgoing {
            ssrc: self.media.ssrc,
            seq: lost,
            timestamp: sent.timestamp,
            payload_type: binding.payload_type,
            marker: sent.marker,
        };
        let mut payload = OutgoingPayload {
            bytes,
            original_seq: None,
            vp8,
            padding: 0,
        };
        if let Some((ssrc, payload_type)) = self.retransmission_format(binding) {
            header.ssrc = ssrc;
            header.payload_type = payload_type;
            header.seq = self.stream.next_retransmission();
            payload.original_seq = Some(lost);
        }
        let ranges = ExtensionRanges::find(&read, packet, &publication.extensions);
        let mut extensions = publication.passage(format.codec).of(&ranges, packet);
        let limited = match (
            extensions.dependency_descriptor,
            self.retransmission_format(binding),
        ) {
            (Some(descriptor), Some(_)) => self.limit_again(descriptor, sent, publication),
            (None, _) | (Some(_), None) => None,
        };
        if let Some(limited) = &limited {
            extensions.dependency_descriptor = Some(limited.as_bytes());
        }
        let extensions = self.stamp(extensions, binding, again.departure);
        let map = &self.media.extensions;
        Some(link.send_rtp(
            binding.codec.kind().into(),
            &header,
            map,
            extensions,
            &payload,
        ))
    }

    /// Returns a payload as it was sent, in which format.
    fn payload_again<'a>(
        &self,
        rewrite: Rewrite,
        source: &Sound<'a>,
        codec: Codec,
        made: &'a mut Vec<u8>,
    ) -> Option<(CodecBinding, &'a [u8])> {
        let Rewrite::Sound(recipe) = rewrite else {
            return Some((self.binding(codec)?, source.payload));
        };
        let opus = self.payload_format(Codec::Opus)?;
        if !recipe.has_redundancy() {
            return Some((opus, source.primary()?));
        }
        let red = self.payload_format(Codec::Red)?;
        let is_made = source.write_as(made, opus.payload_type, recipe);
        is_made.then_some((red, made.as_slice()))
    }

    /// Returns the dependency descriptor of a packet that is sent again, for who gets some of the layers only.
    fn limit_again(
        &self,
        descriptor: &[u8],
        sent: &SentPacket,
        publication: &Publication,
    ) -> Option<LimitedDescriptor> {
        let step = self.selector.described_step()?;
        publication.stream_of(sent.source)?.limit(descriptor, step)
    }
}
