#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sfu_bandwidth::{Estimator, MAX_ESTIMATE, MIN_ESTIMATE, TransportSeqNo};
use sfu_model::Bitrate;

// Eight bytes are one thing that happens: its kind, how much later, and what a peer tells.
fuzz_target!(|bytes: &[u8]| {
    let mut now = Instant::now();
    let mut estimator = Estimator::new(now, Bitrate(300_000));
    let mut next = 0_u16;
    for step in bytes.as_chunks::<8>().0 {
        let [kind, later, a, b, c, d, e, f] = *step;
        now += Duration::from_millis(u64::from(later));
        let seq = u16::from_be_bytes([a, b]);
        let value = u64::from(u32::from_be_bytes([c, d, e, f]));
        match kind & 7 {
            0 => estimator.on_remb(now, Bitrate(value << (kind >> 3))),
            1 => estimator.on_report(now, a, Some(Duration::from_micros(value))),
            2 => estimator.on_stream(now, value, u64::from(seq)),
            3 => estimator.on_sent(now, TransportSeqNo(seq), usize::from(c), None),
            4 => estimator.want(now, Bitrate(value)),
            5 => {
                for _ in 0..a {
                    estimator.on_sent(now, TransportSeqNo(next), usize::from(b) << 3, None);
                    next = next.wrapping_add(1);
                }
            }
            _ => {
                let arrival = |i: u16| {
                    let arrives = (value >> (i & 31)) & 1 == 1;
                    arrives.then(|| Duration::from_micros(value + u64::from(e) * u64::from(i)))
                };
                let from = next.wrapping_sub(u16::from(a));
                let statuses = (0..u16::from(b) << 1).map(|i| {
                    let seq = TransportSeqNo(from.wrapping_add(i));
                    (seq, arrival(i))
                });
                estimator.on_feedback(now, statuses);
            }
        }
        estimator.handle_timeout(now);
        while let Some(probe) = estimator.poll_probe(now) {
            estimator.on_sent(
                now,
                TransportSeqNo(next),
                probe.packet_bytes(),
                Some(probe.cluster),
            );
            next = next.wrapping_add(1);
        }
        assert!((MIN_ESTIMATE..=MAX_ESTIMATE).contains(&estimator.estimate()));
    }
});
