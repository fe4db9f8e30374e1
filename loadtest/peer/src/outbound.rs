use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_model::{Codec, Extension, ExtensionMap, MediaKind, Now, PayloadType, Ssrc};
use sfu_rtp::rtcp::{SenderReport, write_sender_report};
use sfu_rtp::{AbsSendTime, NtpTime, RtpTimestamp, SeqNo};

use crate::packet::{PacketHeader, write_header};
use crate::{Sample, Stamp, Tally};

/// A track to publish, as it was negotiated.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Audio or video.
    pub kind: MediaKind,
    /// The media section.
    pub mid: String,
    /// Format of the media.
    pub payload_type: PayloadType,
    /// Format of retransmissions.
    pub rtx_type: Option<PayloadType>,
    /// Ids of header extensions.
    pub extensions: ExtensionMap,
    /// Simulcast layers, the lowest first; or the only encoding.
    pub layers: Vec<OutboundLayer>,
    /// Loudness of the audio, in -dBov (RFC 6464 section 3).
    pub audio_level: u8,
}

/// One encoding of a track.
#[derive(Clone, Debug)]
pub struct OutboundLayer {
    /// What it loops.
    pub sample: Arc<Sample>,
    /// Which layer its stamps name.
    pub layer: u8,
    /// Its name, where there are several.
    pub rid: Option<&'static str>,
    /// The stream.
    pub ssrc: Ssrc,
    /// Its retransmissions.
    pub rtx: Option<Ssrc>,
}

/// Whether anybody receives an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It is sent.
    Wanted,
    /// Nothing of it is sent, as by an encoder that is switched off.
    Unwanted,
}

/// What the packets of a transport share.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Packets before encryption.
    pub(crate) packets: VecDeque<Vec<u8>>,
    /// The transport-wide number of the next.
    pub(crate) transport_cc: SeqNo,
    /// Buffers to be filled again.
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    const MAX_SPARE: usize = 256;

    pub(crate) fn new() -> Self {
        Self {
            packets: VecDeque::new(),
            transport_cc: SeqNo(0),
            spare: Vec::new(),
        }
    }

    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < Self::MAX_SPARE {
            self.spare.push(buffer);
        }
    }
}

/// A track that is being published.
#[derive(Debug)]
pub(crate) struct OutboundTrack {
    config: Outbound,
    layers: Vec<Encoding>,
    next_frame_at: Instant,
    next_report_at: Instant,
    /// Frames sent, which tells the time of the next.
    frames: u64,
    begun_at: Instant,
}

#[derive(Debug)]
struct Encoding {
    config: OutboundLayer,
    seq: SeqNo,
    rtx_seq: SeqNo,
    timestamp: RtpTimestamp,
    demand: Demand,
    next_frame: usize,
    since_key: Duration,
    picture: u16,
    packets: u32,
    octets: u32,
    /// The latest packets' payloads and how they were sent, by sequence number.
    history: Vec<Sent>,
}

#[derive(Clone, Debug, Default)]
struct Sent {
    seq: SeqNo,
    timestamp: RtpTimestamp,
    marker: bool,
    payload: Vec<u8>,
}

impl OutboundTrack {
    /// Between sender reports.
    const REPORT_INTERVAL: Duration = Duration::from_secs(1);
    /// From the beginning of an encoding to its first report.
    const FIRST_REPORT: Duration = Duration::from_millis(200);
    /// A key frame that was asked for sooner after the last one is not sent again, as libwebrtc's encoders.
    const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(300);

    pub(crate) fn new(now: Instant, config: Outbound) -> Self {
        let layers = config.layers.iter().cloned();
        let history = match config.kind {
            MediaKind::Audio => 64,
            MediaKind::Video => 512,
        };
        Self {
            layers: layers.map(|layer| Encoding::new(layer, history)).collect(),
            config,
            next_frame_at: now,
            next_report_at: now + Self::FIRST_REPORT,
            frames: 0,
            begun_at: now,
        }
    }

    pub(crate) fn mid(&self) -> &str {
        &self.config.mid
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.next_frame_at.min(self.next_report_at)
    }

    /// Sends the frames that were made by `now`.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Now,
        since_epoch: Duration,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        while self.next_frame_at <= now.mono {
            for layer in &mut self.layers {
                layer.send_frame(now, since_epoch, &self.config, out, tally);
            }
            self.frames += 1;
            self.next_frame_at = self.begun_at + self.elapsed();
        }
    }

    /// Returns how long the frames sent so far last.
    fn elapsed(&self) -> Duration {
        let Some(sample) = self.config.layers.first().map(|layer| &layer.sample) else {
            return Duration::MAX;
        };
        let ticks = self.frames * u64::from(sample.ticks);
        Duration::from_nanos(ticks * 1_000_000_000 / u64::from(sample.codec.clock_rate()))
    }

    pub(crate) fn write_reports(&mut self, now: Now, out: &mut Vec<u8>) {
        if self.next_report_at > now.mono {
            return;
        }
        self.next_report_at = now.mono + Self::REPORT_INTERVAL;
        let behind = self.next_frame_at.saturating_duration_since(now.mono);
        let sending = |layer: &&Encoding| layer.packets > 0 && layer.demand == Demand::Wanted;
        for layer in self.layers.iter().filter(sending) {
            layer.write_report(now, behind, out);
        }
    }

    /// Sends again what the server asks for; tells whether the stream is one of this track.
    pub(crate) fn handle_nack(
        &mut self,
        now: Now,
        media: Ssrc,
        lost: impl Iterator<Item = SeqNo>,
        out: &mut Outbox,
    ) -> u64 {
        let mut layers = self.layers.iter_mut();
        let Some(layer) = layers.find(|layer| layer.config.ssrc == media) else {
            return 0;
        };
        lost.map(|seq| u64::from(layer.resend(now, seq, &self.config, out)))
            .sum()
    }

    /// Stops one of the encodings, or begins it anew with a key frame. Its packets are numbered on without a gap, and its
    /// timestamps tell of the time between.
    pub(crate) fn set_demand(&mut self, now: Instant, media: Ssrc, demand: Demand) {
        let mut layers = self.layers.iter_mut();
        let Some(layer) = layers.find(|layer| layer.config.ssrc == media) else {
            return;
        };
        if layer.demand == Demand::Unwanted && demand == Demand::Wanted {
            layer.next_frame = 0;
            self.next_report_at = self.next_report_at.min(now + Self::FIRST_REPORT);
        }
        layer.demand = demand;
    }

    /// Begins the loop anew, with its key frame; tells whether the stream is one of this track.
    pub(crate) fn handle_key_frame_request(&mut self, media: Ssrc) -> bool {
        let mut layers = self.layers.iter_mut();
        let Some(layer) = layers.find(|layer| layer.config.ssrc == media) else {
            return false;
        };
        if layer.since_key >= Self::KEY_FRAME_INTERVAL {
            layer.next_frame = 0;
        }
        true
    }
}

impl Encoding {
    fn new(config: OutboundLayer, history: usize) -> Self {
        let Ssrc(random) = config.ssrc;
        Self {
            seq: SeqNo((random >> 17) as u16),
            rtx_seq: SeqNo((random & 0x7fff) as u16),
            timestamp: RtpTimestamp(random.rotate_left(7)),
            demand: Demand::Wanted,
            next_frame: 0,
            since_key: Duration::ZERO,
            picture: (random & 0x7fff) as u16,
            packets: 0,
            octets: 0,
            history: vec![Sent::default(); history],
            config,
        }
    }

    fn send_frame(
        &mut self,
        now: Now,
        since_epoch: Duration,
        track: &Outbound,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let sample = Arc::clone(&self.config.sample);
        let Some(frame) = sample.frames.get(self.next_frame) else {
            return;
        };
        if self.demand == Demand::Unwanted {
            self.timestamp = self.timestamp.plus(sample.ticks);
            return;
        }
        let rate = sample.codec.clock_rate();
        self.since_key +=
            Duration::from_nanos(u64::from(sample.ticks) * 1_000_000_000 / u64::from(rate));
        if frame.key {
            self.since_key = Duration::ZERO;
        }
        let stamp = Stamp {
            made_at: since_epoch,
            layer: self.config.layer,
            key_frame: frame.key,
        };
        let last = frame.parts.len().saturating_sub(1);
        for (at, part) in frame.parts.iter().enumerate() {
            let mut payload = self.take_slot();
            if sample.codec == Codec::Vp8 {
                write_vp8_descriptor(&mut payload, at == 0, self.picture);
            }
            payload.extend_from_slice(part);
            if at == last {
                stamp.write(&mut payload);
            }
            let sent = Sent {
                seq: self.seq,
                timestamp: self.timestamp,
                marker: at == last && track.kind == MediaKind::Video,
                payload,
            };
            let len = self.send(now, sent, track, out);
            tally.count_sent(track.kind, self.config.layer, len);
        }
        self.timestamp = self.timestamp.plus(sample.ticks);
        self.picture = (self.picture + 1) & 0x7fff;
        self.next_frame = (self.next_frame + 1) % sample.frames.len();
    }

    fn slot(&self, seq: SeqNo) -> usize {
        usize::from(seq.0) % self.history.len().max(1)
    }

    /// Takes the buffer of the oldest packet.
    fn take_slot(&mut self) -> Vec<u8> {
        let slot = self.slot(self.seq);
        let mut payload = match self.history.get_mut(slot) {
            Some(sent) => std::mem::take(&mut sent.payload),
            None => Vec::new(),
        };
        payload.clear();
        payload
    }

    /// Sends a packet, and returns its length before encryption.
    fn send(&mut self, now: Now, sent: Sent, track: &Outbound, out: &mut Outbox) -> usize {
        let mut packet = out.buffer();
        let header = PacketHeader {
            ssrc: self.config.ssrc,
            seq: sent.seq,
            timestamp: sent.timestamp,
            payload_type: track.payload_type,
            marker: sent.marker,
            mid: &track.mid,
            rid: self.config.rid.map(|rid| (Extension::Rid, rid)),
            send_time: AbsSendTime::from(now.unix),
            transport_cc: out.transport_cc,
            audio_level: (track.kind == MediaKind::Audio).then_some(0x80 | track.audio_level),
        };
        write_header(&header, &track.extensions, &mut packet);
        packet.extend_from_slice(&sent.payload);
        let len = packet.len();
        out.transport_cc = out.transport_cc.next();
        out.packets.push_back(packet);
        self.packets = self.packets.wrapping_add(1);
        let octets = u32::try_from(sent.payload.len()).unwrap_or(0);
        self.octets = self.octets.wrapping_add(octets);
        let slot = self.slot(sent.seq);
        if let Some(kept) = self.history.get_mut(slot) {
            *kept = sent;
        }
        self.seq = self.seq.next();
        len
    }

    /// Sends a packet again, by RTX (RFC 4588) where it was negotiated.
    fn resend(&mut self, now: Now, lost: SeqNo, track: &Outbound, out: &mut Outbox) -> bool {
        let slot = self.slot(lost);
        let Some(sent) = self.history.get(slot) else {
            return false;
        };
        if sent.seq != lost || sent.payload.is_empty() {
            return false;
        }
        let rtx = self.config.rtx.zip(track.rtx_type);
        let (ssrc, payload_type) = rtx.unwrap_or((self.config.ssrc, track.payload_type));
        let mut packet = out.buffer();
        let name = match rtx {
            Some(_) => Extension::RepairedRid,
            None => Extension::Rid,
        };
        let header = PacketHeader {
            ssrc,
            seq: if rtx.is_some() { self.rtx_seq } else { lost },
            timestamp: sent.timestamp,
            payload_type,
            marker: sent.marker,
            mid: &track.mid,
            rid: self.config.rid.map(|rid| (name, rid)),
            send_time: AbsSendTime::from(now.unix),
            transport_cc: out.transport_cc,
            audio_level: (track.kind == MediaKind::Audio).then_some(0x80 | track.audio_level),
        };
        // Without RTX the very bytes of the first time have to go out: other ones under the same number would
        // give the keys away (RFC 7714 section 8.4). They differ in the header, so nothing is sent.
        if rtx.is_none() {
            out.recycle(packet);
            return false;
        }
        write_header(&header, &track.extensions, &mut packet);
        packet.extend_from_slice(&lost.0.to_be_bytes());
        packet.extend_from_slice(&sent.payload);
        out.transport_cc = out.transport_cc.next();
        out.packets.push_back(packet);
        self.rtx_seq = self.rtx_seq.next();
        true
    }

    /// Writes a sender report; the next frame is `behind` away.
    fn write_report(&self, now: Now, behind: Duration, out: &mut Vec<u8>) {
        let rate = u128::from(self.config.sample.codec.clock_rate());
        let ticks = behind.as_nanos() * rate / 1_000_000_000;
        let ticks = u32::try_from(ticks).unwrap_or(0);
        let report = SenderReport {
            ssrc: self.config.ssrc,
            ntp: NtpTime::from(now.unix),
            timestamp: RtpTimestamp(self.timestamp.0.wrapping_sub(ticks)),
            packets: self.packets,
            octets: self.octets,
        };
        write_sender_report(out, &report, &[]);
    }
}

/// Writes a descriptor with a picture number of 15 bits (RFC 7741 section 4.2).
fn write_vp8_descriptor(out: &mut Vec<u8>, starts: bool, picture: u16) {
    const X: u8 = 0x80;
    const S: u8 = 0x10;
    const I: u8 = 0x80;
    const M: u16 = 0x8000;
    let [p0, p1] = (M | picture).to_be_bytes();
    out.extend_from_slice(&[X | if starts { S } else { 0 }, I, p0, p1]);
}
