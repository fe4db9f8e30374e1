#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sfu_model::Ssrc;
use sfu_rtp::rtcp::NackPair;
use sfu_rtp::{
    Munger, NackTracker, PacketCache, ReceptionStats, Rewrite, RtpTimestamp, SentPacket, SeqNo,
    SeqUnwrapper, Sequencer, StreamNumber, TwccRecorder,
};

// Six bytes a packet: what happens, how much later, its number, its timestamp.
fuzz_target!(|bytes: &[u8]| {
    let mut now = Instant::now();
    let mut unwrapper = SeqUnwrapper::default();
    let mut stats = ReceptionStats::new(90_000);
    let mut losses = NackTracker::new();
    let mut cache = PacketCache::new(64);
    let mut munger = Munger::new(SeqNo(65_500), 90_000);
    let mut sequencer = Sequencer::new(64);
    let mut arrivals = TwccRecorder::new();
    let mut feedback = Vec::new();
    for packet in bytes.chunks_exact(6) {
        let [what, later, q0, q1, t0, t1] = *packet else {
            return;
        };
        now += Duration::from_millis(u64::from(later));
        let wire = SeqNo(u16::from_be_bytes([q0, q1]));
        let timestamp = RtpTimestamp(u32::from_be_bytes([t0, t1, 0, 0]));
        let seq = unwrapper.unwrap(wire);
        stats.on_packet(now, seq, timestamp);
        losses.on_packet(now, seq);
        losses.take_due(now, &mut [NackPair::default(); 32]);
        cache.insert(now, seq, packet);
        assert!(cache.get(seq).is_none_or(|kept| kept == packet));
        arrivals.on_packet(now, wire, Ssrc(1));
        feedback.clear();
        arrivals.write_feedback(now, Ssrc(2), &mut feedback);
        stats.report(now, Ssrc(1));
        match what % 8 {
            0 => munger.switch_source(now, seq, timestamp, Some(timestamp)),
            1 | 2 => {
                munger.leave_out(seq, timestamp);
            }
            _ => {}
        }
        if let Some(munged) = munger.forward(now, seq, timestamp) {
            let sent = SentPacket {
                source: StreamNumber(u16::from(what)),
                source_seq: seq,
                timestamp: munged.timestamp,
                marker: false,
                rewrite: Rewrite::None,
            };
            sequencer.record(now, munged.seq, sent);
            let again = sequencer.retransmit(now, munged.seq.seq(), Duration::ZERO);
            assert_eq!(again, Ok(sent));
        }
    }
});
