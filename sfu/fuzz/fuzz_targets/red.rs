#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_model::PayloadType;
use sfu_rtp::payload::REDUNDANT_BLOCKS;
use sfu_rtp::payload::red::{RedReceiver, blocks, plain_depth, primary};
use sfu_rtp::payload::red_writer::{Earlier, MAX_PAYLOAD, write_red};
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
        let inner = primary(payload).map_or(PayloadType(111), |block| block.payload_type);
        receiver.on_packet(seq, timestamp, (payload, inner), |packet| {
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
        write_again(payload, inner);
    }
});

/// What is written out of the blocks of a payload reads as they are.
fn write_again(payload: &[u8], inner: PayloadType) {
    let Some(newest) = primary(payload) else {
        return;
    };
    let read = blocks(payload).filter(|block| !block.primary);
    let earlier: Vec<Earlier<'_>> = read
        .map(|block| Earlier {
            age: u32::from(block.timestamp_offset),
            bytes: block.bytes,
        })
        .collect();
    let mut out = Vec::new();
    if !write_red(&mut out, inner, &earlier, newest.bytes) {
        return;
    }
    assert!(out.len() <= MAX_PAYLOAD);
    let said = earlier
        .iter()
        .filter(|it| it.age > 0 && !it.bytes.is_empty());
    let said: Vec<_> = said.map(|it| (it.age, it.bytes)).collect();
    let depth = plain_depth(&out, inner, REDUNDANT_BLOCKS);
    assert_eq!(depth.is_some(), said.len() <= REDUNDANT_BLOCKS);
    let written: Vec<_> = blocks(&out)
        .filter(|block| !block.primary)
        .map(|block| (u32::from(block.timestamp_offset), block.bytes))
        .collect();
    assert_eq!(written, said);
    assert_eq!(primary(&out).map(|block| block.bytes), Some(newest.bytes));
}
