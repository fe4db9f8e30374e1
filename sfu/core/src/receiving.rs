//! How a publication takes a packet into one of its streams.

use std::time::Instant;

use sfu_model::{MediaKind, Now, Ssrc};
use sfu_rtp::payload::peek;
use sfu_rtp::{AbsSendTime, ExtendedSeqNo, RtpHeader, rtx};

use crate::DropReason;
use crate::arrival::{Arrival, Received};
use crate::limits::TAKEOVER;
use crate::publication::{Format, Publication};

/// What is missing of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Losses {
    /// When packets are to be asked for again.
    pub(crate) due: Option<Instant>,
    /// Whether packets were given up.
    pub(crate) given_up: bool,
}

impl Publication {
    /// Turns a retransmission into the packet that it repeats.
    pub(crate) fn restore<'a>(
        &self,
        received: Received<&'a mut [u8]>,
        encoding: u8,
        format: Format,
    ) -> Result<Received<&'a mut [u8]>, DropReason> {
        let stream = self.stream(encoding);
        let ssrc = stream.ok_or(DropReason::EarlyRetransmission)?.ssrc();
        let Received {
            packet,
            header,
            extensions,
        } = received;
        let packet = rtx::restore(packet, &header, ssrc, format.payload_type);
        let packet = packet.ok_or(DropReason::PaddingOnly)?;
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::Malformed)?;
        // The header lies where it did, as seen from the packet's beginning, and with it the extensions.
        Ok(Received {
            packet,
            header,
            extensions,
        })
    }

    /// Takes a packet that repairs others of an encoding's stream.
    pub(crate) fn take_repair(
        &mut self,
        encoding: u8,
        received: &Received<&[u8]>,
    ) -> Result<(), DropReason> {
        if !self.is_repair(received.header.payload_type) {
            return Err(DropReason::UnknownPayloadType);
        }
        let stream = self.stream_mut(encoding);
        let stream = stream.ok_or(DropReason::EarlyRetransmission)?;
        let payload = received.header.payload(received.packet);
        let taken = stream.on_repair(payload);
        taken.map_err(|_| DropReason::Malformed)
    }

    /// Sees to it that an encoding has a stream of the packet's SSRC and clock. Returns whether it began.
    #[inline]
    pub(crate) fn ready_stream(
        &mut self,
        now: Instant,
        ssrc: Ssrc,
        encoding: u8,
        format: Format,
    ) -> Result<bool, DropReason> {
        let clock_rate = format.codec.clock_rate();
        if let Some(stream) = self.stream(encoding) {
            if stream.ssrc() == ssrc && stream.clock_rate() == clock_rate {
                return Ok(false);
            }
            if now.saturating_duration_since(stream.latest()) < TAKEOVER {
                return Err(DropReason::StreamTaken);
            }
        }
        self.begin_stream(now, encoding, ssrc, clock_rate);
        Ok(true)
    }

    /// Takes a packet into its stream. Returns its number there, and what is missing.
    #[inline]
    pub(crate) fn number(
        &mut self,
        now: Instant,
        encoding: u8,
        format: Format,
        received: &Received<&[u8]>,
    ) -> Result<(ExtendedSeqNo, Losses), DropReason> {
        let nack = self.nack();
        let stream = self.stream_mut(encoding).ok_or(DropReason::UnknownSsrc)?;
        let seq = stream
            .accept(now, &received.header, received.packet, format.flow)
            .ok_or(DropReason::Duplicate)?;
        let losses = Losses {
            due: stream.poll_timeout().filter(|_| nack),
            given_up: stream.take_given_up(),
        };
        Ok((seq, losses))
    }

    /// Returns what a packet of a stream is to those who get it, and whether they have to begin anew with it
    /// because its codec is another.
    #[inline]
    pub(crate) fn admit<'a>(
        &mut self,
        now: Now,
        encoding: u8,
        format: Format,
        seq: ExtendedSeqNo,
        received: Received<&'a [u8]>,
    ) -> Result<(Arrival<'a>, bool), DropReason> {
        let passage = self.passage(format.codec);
        let is_video = self.kind() == MediaKind::Video;
        let stream = self.stream_mut(encoding).ok_or(DropReason::UnknownSsrc)?;
        let Received {
            packet,
            header,
            extensions,
        } = received;
        let number = stream.number();
        let (mut frame, mut is_anew) = (None, false);
        if !header.is_padding_only() {
            let peek = peek(format.codec, header.payload(packet));
            let peek = peek.map_err(|_| DropReason::Malformed)?;
            let descriptor = extensions.dependency_descriptor(packet);
            let read = stream.frame(format.codec, seq, &peek, descriptor);
            is_anew = stream.change_codec(seq, format.codec);
            if is_video
                && let Some(whole) = stream.watch_key_frames(now.mono, seq, &header, &read)
                && let Some(requests) = self.key_frames(encoding)
            {
                requests.on_key_frame(whole);
            }
            frame = Some(read);
        }
        let arrival = Arrival {
            packet,
            header,
            extensions,
            encoding,
            stream: number,
            seq,
            codec: format.codec,
            frame,
            passage,
            departure: AbsSendTime::from(now.unix),
            padding: 0,
        };
        if is_video && let Some(stream) = self.stream_mut(encoding) {
            stream.note_order(&arrival);
        }
        Ok((arrival, is_anew))
    }
}
