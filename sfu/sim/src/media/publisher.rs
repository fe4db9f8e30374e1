use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sfu_model::{Codec, CodecBinding, MediaKind, Now, PayloadType, ReceiveMedia, Ssrc};
use sfu_rtp::{
    AbsSendTime, Outgoing, OutgoingExtensions, OutgoingPayload, RtpTimestamp, SeqNo, write_rtp,
};

use super::Encoder;
use super::packet::{Picture, write_payload, write_redundant};

/// One encoding of a track that a client publishes: Opus, with redundancy (RED) or without, VP8, or VP9 of all layers.
#[derive(Debug)]
pub struct Publisher {
    media: ReceiveMedia,
    codec: CodecBinding,
    ssrc: Ssrc,
    rtx_ssrc: Option<Ssrc>,
    /// When it captures next; `None` when it has ended.
    next_at: Option<Instant>,
    seq: SeqNo,
    rtx_seq: SeqNo,
    timestamp: RtpTimestamp,
    number: u32,
    encoder: Encoder,
    /// Pictures, and those of the lowest temporal layer.
    picture: u16,
    base: u8,
    key_frame_due: bool,
    /// The Opus of the packet before.
    earlier: Option<Vec<u8>>,
    /// What was sent lately, for retransmissions: header and payload.
    history: VecDeque<(Outgoing, Vec<u8>)>,
    published: Published,
}

/// What a publisher has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Packets, retransmissions not counted.
    pub packets: u32,
    /// Packets that were sent again.
    pub retransmissions: u32,
    /// Key frames.
    pub key_frames: u32,
}

/// What the packets of a transport share.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Plaintext packets to be sent.
    pub(crate) packets: VecDeque<Vec<u8>>,
    /// The transport-wide number of the next.
    pub(crate) transport_cc: SeqNo,
}

impl Publisher {
    /// Most packets that can be sent again.
    const HISTORY: usize = 512;
    /// Loudness of every packet: voice, -20 dBov (RFC 6464 section 3).
    const LEVEL: [u8; 1] = [0x80 | 20];
    /// Bytes of a payload, where nothing else is said.
    pub(crate) const BODY: usize = 60;

    /// Begins a track at `now`: `media` as it was negotiated, with the SSRC that the client chose.
    ///
    /// # Panics
    ///
    /// Panics if `media` has neither a codec nor an encoding.
    pub fn new(now: Instant, media: ReceiveMedia, ssrc: Ssrc, rtx_ssrc: Option<Ssrc>) -> Self {
        let codec = media.codecs.first().copied();
        Self {
            codec: codec.expect("a section has a codec"),
            media,
            ssrc,
            rtx_ssrc,
            next_at: Some(now),
            // Numbers and times wrap early.
            seq: SeqNo(65_500),
            rtx_seq: SeqNo(65_530),
            timestamp: RtpTimestamp(u32::MAX - 20_000),
            number: 0,
            encoder: Encoder::even(Self::BODY),
            picture: 32_700,
            base: 250,
            key_frame_due: true,
            earlier: None,
            history: VecDeque::new(),
            published: Published::default(),
        }
    }

    /// Makes it one encoding of several: the lowest is the first.
    #[must_use]
    pub fn of_encoding(mut self, encoding: u8, encoder: Encoder) -> Self {
        self.number = u32::from_be_bytes([encoding, 0, 0, 0]);
        self.encoder = encoder;
        self
    }

    /// Returns what it has done.
    pub fn published(&self) -> Published {
        self.published
    }

    /// Returns how it was negotiated.
    pub fn media(&self) -> &ReceiveMedia {
        &self.media
    }

    pub(crate) fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// Reports whether a stream is this one, or its retransmissions.
    pub(crate) fn owns(&self, ssrc: Ssrc) -> bool {
        ssrc == self.ssrc || Some(ssrc) == self.rtx_ssrc
    }

    /// Captures no more. What is still missing is sent again.
    pub(crate) fn end(&mut self) {
        self.next_at = None;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    /// Sends what was captured by `now`.
    pub(crate) fn handle_timeout(&mut self, now: Now, out: &mut Outbox) {
        if self.published.packets == 0 {
            // The transport has just come up.
            self.next_at = self.next_at.map(|at| at.max(now.mono));
        }
        while let Some(at) = self.next_at
            && at <= now.mono
        {
            let interval = match self.media.kind {
                MediaKind::Audio => {
                    self.send(now, None, (Self::BODY, true), out);
                    Duration::from_millis(20)
                }
                MediaKind::Video => {
                    self.send_picture(now, out);
                    Encoder::INTERVAL
                }
            };
            self.next_at = Some(at + interval);
            let rate = self.codec.codec.clock_rate();
            self.timestamp = self.timestamp.after(interval, rate);
        }
    }

    fn send_picture(&mut self, now: Now, out: &mut Outbox) {
        let key_frame = std::mem::take(&mut self.key_frame_due);
        self.published.key_frames += u32::from(key_frame);
        let plan = self.encoder.next(key_frame);
        self.base = self.base.wrapping_add(u8::from(plan.temporal == 0));
        let count = plan.layers.len();
        for (spatial, (parts, body)) in (0..).zip(plan.layers) {
            for part in 0..parts {
                let picture = Picture {
                    id: self.picture,
                    base: self.base,
                    key_frame,
                    temporal: plan.temporal,
                    sync: plan.sync,
                    spatial,
                    begins: part == 0,
                    ends: part + 1 == parts,
                };
                let is_last = picture.ends && usize::from(spatial) + 1 == count;
                self.send(now, Some(picture), (body, is_last), out);
            }
        }
        self.picture = (self.picture + 1) & 0x7fff;
    }

    fn send(
        &mut self,
        now: Now,
        picture: Option<Picture>,
        (body, marker): (usize, bool),
        out: &mut Outbox,
    ) {
        let mut payload = write_payload(self.codec.codec, self.number, picture, body);
        if self.codec.codec == Codec::Red {
            let redundant = write_redundant(self.opus(), self.earlier.as_deref(), &payload);
            self.earlier = Some(std::mem::replace(&mut payload, redundant));
        }
        let header = Outgoing {
            ssrc: self.ssrc,
            seq: self.seq,
            timestamp: self.timestamp,
            payload_type: self.codec.payload_type,
            marker,
        };
        self.write(now, &header, &OutgoingPayload::plain(&payload), out);
        self.seq = self.seq.next();
        self.number += 1;
        self.published.packets += 1;
        if self.history.len() == Self::HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((header, payload));
    }

    /// Returns the payload type of what is in its redundancy.
    fn opus(&self) -> PayloadType {
        let mut codecs = self.media.codecs.iter();
        let opus = codecs.find(|binding| binding.codec == Codec::Opus);
        opus.map_or(self.codec.payload_type, |opus| opus.payload_type)
    }

    /// Sends again what the server asks for.
    pub(crate) fn handle_nack(&mut self, now: Now, lost: SeqNo, out: &mut Outbox) {
        let mut history = self.history.iter();
        let Some((header, payload)) = history.find(|(header, _)| header.seq == lost).cloned()
        else {
            return;
        };
        self.published.retransmissions += 1;
        let (Some(ssrc), Some(payload_type)) = (self.rtx_ssrc, self.codec.rtx) else {
            self.write(now, &header, &OutgoingPayload::plain(&payload), out);
            return;
        };
        let payload = OutgoingPayload {
            original_seq: Some(lost),
            ..OutgoingPayload::plain(&payload)
        };
        let header = Outgoing {
            ssrc,
            seq: self.rtx_seq,
            payload_type,
            ..header
        };
        self.rtx_seq = self.rtx_seq.next();
        self.write(now, &header, &payload, out);
    }

    /// Makes the next picture a key frame.
    pub(crate) fn handle_key_frame_request(&mut self) {
        self.key_frame_due = true;
    }

    fn write(&self, now: Now, header: &Outgoing, payload: &OutgoingPayload<'_>, out: &mut Outbox) {
        let mut values = OutgoingExtensions {
            mid: Some(self.media.mid),
            ..OutgoingExtensions::default()
        };
        if self.media.kind == MediaKind::Audio {
            values.audio_level = Some(&Self::LEVEL);
        }
        if self.media.transport_cc {
            values.abs_send_time = Some(AbsSendTime::from(now.unix));
            values.transport_cc = Some(out.transport_cc);
            out.transport_cc = out.transport_cc.next();
        }
        let mut packet = Vec::new();
        write_rtp(
            &mut packet,
            header,
            &self.media.extensions,
            &values,
            payload,
        );
        out.packets.push_back(packet);
    }
}
