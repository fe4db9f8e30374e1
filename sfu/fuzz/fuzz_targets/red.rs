#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::payload::red::{RedReceiver, blocks, primary};
use sfu_rtp::{ExtendedSeqNo, RtpTimestamp};

// Payloads of up to 32 bytes, each behind a byte that says how far its number lies ahead.
fuzz_target!(|bytes: &[u8]| {
    let mut receiver = RedReceiver::default();
    let mut seq = ExtendedSeqNo(1_000);
    for chunk in bytes.chunks(33) {
        let Some((step, payload)) = chunk.split_first() else {
            return;
        };
        seq = seq.plus(u64::from(*step)).minus(64);
        let timestamp = RtpTimestamp((seq.0 * 960) as u32);
        receiver.on_packet(seq, timestamp, payload, |packet| {
            assert!(packet.seq <= seq && packet.bytes.len() <= payload.len());
        });
        assert!(
            blocks(payload)
                .map(|block| block.bytes.len())
                .sum::<usize>()
                <= payload.len()
        );
        assert_eq!(
            primary(payload).is_some(),
            blocks(payload).any(|block| block.primary)
        );
    }
});
