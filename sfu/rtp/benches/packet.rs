//! What one packet costs, received and forwarded: `cargo bench -p sfu-rtp`.
//!
//! Prints nanoseconds of the best of many batches: what the code costs when nothing disturbs it.

#![expect(clippy::print_stdout, reason = "a bench reports to who runs it")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sfu_model::{Codec, Extension, ExtensionId, ExtensionMap, Mid, PayloadType, Ssrc, Token};
use sfu_rtp::limits::{ARRIVALS_INTERVAL, CACHED_VIDEO_PACKETS};
use sfu_rtp::payload::{Vp8Descriptor, Vp8Munger, peek};
use sfu_rtp::{
    AbsSendTime, ExtendedSeqNo, ExtensionRanges, ExtensionTable, Munger, NackTracker, Outgoing,
    OutgoingExtensions, OutgoingPayload, PacketCache, ReceptionStats, Rewrite, RtpHeader,
    RtpTimestamp, SentPacket, SeqNo, Sequencer, StreamNumber, TwccRecorder, write_rtp,
};

const HEADER: Outgoing = Outgoing {
    ssrc: Ssrc(1),
    seq: SeqNo(1),
    timestamp: RtpTimestamp(1),
    payload_type: PayloadType(96),
    marker: false,
};

fn main() {
    for payload_len in [120, 1_180] {
        println!("payload of {payload_len} bytes");
        let packet = Packet::new(payload_len);
        receive(&packet);
        forward(&packet);
    }
}

/// A VP8 packet with four extensions.
struct Packet {
    bytes: Vec<u8>,
    payload: Vec<u8>,
    map: ExtensionMap,
}

impl Packet {
    fn new(payload_len: usize) -> Self {
        let mut payload = vec![0x90, 0xe0, 0x92, 0x34, 7, 0x60, 1];
        payload.resize(payload_len, 7);
        let map = [
            (Extension::Mid, ExtensionId(1)),
            (Extension::TransportCc, ExtensionId(2)),
            (Extension::AbsSendTime, ExtensionId(3)),
            (Extension::AbsCaptureTime, ExtensionId(4)),
        ]
        .into_iter()
        .collect();
        let mut bytes = Vec::new();
        let plain = OutgoingPayload::plain(&payload);
        write_rtp(&mut bytes, &HEADER, &map, &extensions(), &plain);
        Self {
            bytes,
            payload,
            map,
        }
    }
}

fn extensions() -> OutgoingExtensions<'static> {
    OutgoingExtensions {
        mid: Token::new(b"3").ok().map(Mid),
        transport_cc: Some(SeqNo(1)),
        abs_send_time: Some(AbsSendTime(5)),
        abs_capture_time: Some(&[1; 8]),
        ..OutgoingExtensions::default()
    }
}

fn receive(packet: &Packet) {
    let now = Instant::now();
    let table = ExtensionTable::from(&packet.map);
    measure("parse, find extensions, peek", |_| {
        let bytes = black_box(&packet.bytes[..]);
        if let Ok(header) = RtpHeader::parse(bytes) {
            black_box(ExtensionRanges::find(&header, bytes, &table));
            black_box(peek(Codec::Vp8, header.payload(bytes)).is_ok());
        }
    });
    let mut cache = PacketCache::new(CACHED_VIDEO_PACKETS);
    measure("cache", |i| {
        cache.insert(now, ExtendedSeqNo(i), black_box(&packet.bytes));
    });
    let mut stats = ReceptionStats::new(90_000);
    let mut losses = NackTracker::new();
    measure("count, look for losses", |i| {
        stats.on_packet(now, ExtendedSeqNo(i), RtpTimestamp(low(i / 4 * 3_000)));
        black_box(losses.on_packet(now, ExtendedSeqNo(i)));
    });
    let mut arrivals = TwccRecorder::new();
    let mut feedback = Vec::new();
    measure("record arrival, feedback of every 100", |i| {
        arrivals.on_packet(now, ExtendedSeqNo(i).seq(), Ssrc(1));
        if i % 100 == 99 {
            feedback.clear();
            let due = now + ARRIVALS_INTERVAL;
            arrivals.write_feedback(due, Ssrc(1), &mut feedback);
        }
    });
}

fn forward(packet: &Packet) {
    let now = Instant::now();
    let extensions = extensions();
    let mut out = Vec::with_capacity(2_048);
    measure("copy alone", |_| {
        out.clear();
        out.extend_from_slice(black_box(&packet.bytes));
        black_box(&out);
    });
    let Ok(descriptor) = Vp8Descriptor::parse(&packet.payload) else {
        return;
    };
    let mut munger = Munger::new(SeqNo(5), 90_000);
    munger.switch_source(now, ExtendedSeqNo(1 << 16), RtpTimestamp(0), None);
    let mut pictures = Vp8Munger::new();
    let mut sequencer = Sequencer::new(512);
    measure("munge, write, record", |i| {
        let source_seq = ExtendedSeqNo(1 << 16).plus(i);
        let munged = munger.forward(now, source_seq, RtpTimestamp(low(i)));
        let vp8 = pictures.forward(black_box(&descriptor));
        let (Some(munged), Some(rewrite)) = (munged, vp8) else {
            return;
        };
        let header = Outgoing {
            seq: munged.seq.seq(),
            timestamp: munged.timestamp,
            ..HEADER
        };
        let payload = OutgoingPayload {
            vp8: Some((descriptor, rewrite)),
            ..OutgoingPayload::plain(black_box(&packet.payload))
        };
        out.clear();
        write_rtp(&mut out, &header, &packet.map, &extensions, &payload);
        let sent = SentPacket {
            source: StreamNumber(0),
            source_seq,
            timestamp: munged.timestamp,
            marker: false,
            rewrite: Rewrite::Vp8(rewrite),
        };
        sequencer.record(now, munged.seq, sent);
        black_box(&out);
    });
}

/// Runs `step` with the numbers 0, 1, 2, … and prints what one takes in the best batch.
fn measure(name: &str, mut step: impl FnMut(u64)) {
    const BATCHES: u64 = 50;
    const BATCH: u32 = 50_000;
    let mut best = Duration::MAX;
    for batch in 0..BATCHES {
        let first = batch * u64::from(BATCH);
        let start = Instant::now();
        for i in first..first + u64::from(BATCH) {
            step(i);
        }
        best = best.min(start.elapsed());
    }
    let nanos = best.as_secs_f64() * 1e9 / f64::from(BATCH);
    println!("  {name}: {nanos:.1} ns");
}

fn low(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}
