use std::time::{Duration, Instant};

use sfu_model::{Codec, MediaKind, PayloadType, Ssrc};
use sfu_rtp::limits::MAX_NACK_PAIRS;
use sfu_rtp::rtcp::{NackPair, ReportBlock, write_nack, write_pli};
use sfu_rtp::{
    ExtendedSeqNo, NackArrival, NackTracker, NtpTime, ReceptionStats, RtpHeader, SeqUnwrapper,
    payload,
};

use crate::{Arrival, Completeness, Stamp, Tally};

/// A stream that the server's description announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Audio or video.
    pub kind: MediaKind,
    /// The stream.
    pub ssrc: Ssrc,
    /// Its retransmissions.
    pub rtx: Option<Ssrc>,
    /// How it may be coded.
    pub codecs: Vec<(PayloadType, Codec)>,
    /// Whether lost packets are asked for.
    pub nack: bool,
}

/// One received stream.
#[derive(Debug)]
pub(crate) struct InboundStream {
    config: Inbound,
    unwrapper: SeqUnwrapper,
    nack: NackTracker,
    reception: ReceptionStats,
    window: Option<Window>,
    last_frame: Option<Instant>,
    /// When the latest stamp came, and the layer that it names.
    last_stamp: Option<(Instant, u8)>,
    key_frame: KeyFrame,
}

/// Whether a decoder could work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyFrame {
    /// It needs a key frame; the next request is due then.
    Awaited {
        ask_at: Option<Instant>,
    },
    Seen,
}

/// What came between two moments.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// One before the first packet.
    before: ExtendedSeqNo,
    last: Option<ExtendedSeqNo>,
    received: u64,
}

/// By which way a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Original,
    Retransmitted,
}

impl InboundStream {
    /// How long a key frame is waited for before it is asked for (again).
    const KEY_FRAME_PATIENCE: Duration = Duration::from_millis(300);

    pub(crate) fn new(config: Inbound) -> Self {
        let clock_rate = match config.kind {
            MediaKind::Audio => 48_000,
            MediaKind::Video => 90_000,
        };
        let key_frame = match config.kind {
            MediaKind::Audio => KeyFrame::Seen,
            MediaKind::Video => KeyFrame::Awaited { ask_at: None },
        };
        Self {
            config,
            unwrapper: SeqUnwrapper::default(),
            nack: NackTracker::new(),
            reception: ReceptionStats::new(clock_rate),
            window: None,
            last_frame: None,
            last_stamp: None,
            key_frame,
        }
    }

    pub(crate) fn config(&self) -> &Inbound {
        &self.config
    }

    /// Takes an authenticated packet; `epoch` is the zero of stamps.
    pub(crate) fn handle(
        &mut self,
        (arrival, epoch): (&Arrival, Instant),
        header: &RtpHeader,
        packet: &[u8],
        way: Way,
        tally: &mut Tally,
    ) {
        let now = arrival.now.mono;
        let seq = self.unwrapper.unwrap(header.seq);
        if self.nack.on_packet(now, seq) == NackArrival::Old {
            tally.duplicates += 1;
            return;
        }
        if way == Way::Original {
            self.reception.on_packet(arrival.at, seq, header.timestamp);
        }
        if let Some(window) = &mut self.window {
            let inside = seq > window.before && window.last.is_none_or(|last| seq <= last);
            window.received += u64::from(inside);
        }
        let payload = header.payload(packet);
        if matches!(self.key_frame, KeyFrame::Awaited { .. }) && !payload.is_empty() {
            self.look_for_key_frame(now, header, payload);
        }
        match self.config.kind {
            MediaKind::Audio => {
                tally.audio_packets += 1;
                self.handle_stamp(arrival, epoch, payload, tally);
            }
            MediaKind::Video if header.marker && !payload.is_empty() => {
                self.handle_frame(arrival.at, tally);
                self.handle_stamp(arrival, epoch, payload, tally);
            }
            MediaKind::Video => {}
        }
    }

    fn look_for_key_frame(&mut self, now: Instant, header: &RtpHeader, payload: &[u8]) {
        let mut codecs = self.config.codecs.iter();
        let codec = codecs.find(|(payload_type, _)| *payload_type == header.payload_type);
        let peek = codec.and_then(|(_, codec)| payload::peek(*codec, payload).ok());
        match (peek, self.key_frame) {
            (Some(peek), _) if peek.key_frame => self.key_frame = KeyFrame::Seen,
            (_, KeyFrame::Awaited { ask_at: None }) => {
                let ask_at = Some(now + Self::KEY_FRAME_PATIENCE);
                self.key_frame = KeyFrame::Awaited { ask_at };
            }
            (_, KeyFrame::Awaited { .. } | KeyFrame::Seen) => {}
        }
    }

    fn handle_frame(&mut self, at: Instant, tally: &mut Tally) {
        tally.frames += 1;
        if let Some(last) = self.last_frame.replace(at) {
            let pause = at.saturating_duration_since(last);
            if pause > Tally::FREEZE {
                tally.freezes += 1;
                tally.frozen += pause;
            }
        }
    }

    /// Notes the pause that lasts until `at`, which may be a moment at which nothing came.
    pub(crate) fn note_pause(&self, at: Instant, tally: &mut Tally) {
        if let Some((last, layer)) = self.last_stamp {
            tally.note_pause(self.config.kind, layer, at.saturating_duration_since(last));
        }
    }

    fn handle_stamp(
        &mut self,
        arrival: &Arrival,
        epoch: Instant,
        payload: &[u8],
        tally: &mut Tally,
    ) {
        let Some(stamp) = Stamp::read(payload) else {
            return;
        };
        let Some(made_at) = epoch.checked_add(stamp.made_at) else {
            return;
        };
        tally.latency.record(arrival.since(made_at));
        self.note_pause(arrival.at, tally);
        self.last_stamp = Some((arrival.at, stamp.layer));
        if self.config.kind == MediaKind::Video
            && let Some(frames) = tally.frames_of_layer.get_mut(usize::from(stamp.layer))
        {
            *frames += 1;
        }
    }

    pub(crate) fn handle_sender_report(&mut self, at: Instant, ntp: NtpTime) {
        self.reception.on_sender_report(at, ntp);
    }

    /// Writes what is to be asked for.
    pub(crate) fn handle_timeout(&mut self, now: Instant, sender: Ssrc, out: &mut Vec<u8>) {
        if self.config.nack {
            let mut pairs = [NackPair::default(); MAX_NACK_PAIRS];
            let count = self.nack.take_due(now, &mut pairs);
            if let Some(pairs) = pairs.get(..count).filter(|pairs| !pairs.is_empty()) {
                write_nack(out, sender, self.config.ssrc, pairs);
            }
            if self.nack.take_given_up() && self.config.kind == MediaKind::Video {
                self.key_frame = KeyFrame::Awaited { ask_at: Some(now) };
            }
        }
        if let KeyFrame::Awaited { ask_at: Some(at) } = self.key_frame
            && at <= now
        {
            write_pli(out, sender, self.config.ssrc);
            let ask_at = Some(now + Self::KEY_FRAME_PATIENCE);
            self.key_frame = KeyFrame::Awaited { ask_at };
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let nack = self.nack.poll_timeout().filter(|_| self.config.nack);
        let key_frame = match self.key_frame {
            KeyFrame::Awaited { ask_at } => ask_at,
            KeyFrame::Seen => None,
        };
        nack.into_iter().chain(key_frame).min()
    }

    pub(crate) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        self.reception.report(now, self.config.ssrc)
    }

    /// Begins to count at the next packet.
    pub(crate) fn begin_window(&mut self) {
        let highest = self.unwrapper.highest();
        self.window = highest.map(|before| Window {
            before,
            last: None,
            received: 0,
        });
    }

    /// Expects no more packets than those that the newest one promises; late ones still count.
    pub(crate) fn end_window(&mut self) {
        let highest = self.unwrapper.highest();
        if let Some(window) = &mut self.window {
            window.last = highest;
        }
    }

    pub(crate) fn completeness(&self) -> Completeness {
        let Some(window) = self.window else {
            return Completeness::default();
        };
        let last = window.last.or_else(|| self.unwrapper.highest());
        let expected = last.map_or(0, |last| last.ahead_of(window.before));
        let rate = match self.config.kind {
            MediaKind::Audio => 48,
            MediaKind::Video => 90,
        };
        Completeness {
            streams: 1,
            expected: u64::try_from(expected).unwrap_or(0),
            received: window.received,
            jitter_micros: u64::from(self.reception.jitter()) * 1_000 / rate,
        }
    }
}
