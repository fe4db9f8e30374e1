#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_model::{Extension, ExtensionId, ExtensionMap, Ssrc};
use sfu_rtp::flexfec::{RepairPacket, Repairs};
use sfu_rtp::limits::CACHED_VIDEO_PACKETS;
use sfu_rtp::{ExtendedSeqNo, ExtensionTable, PacketCache, RtpHeader};
use std::time::Instant;

const SSRC: Ssrc = Ssrc(0x0101_0101);

// Chunks of up to 48 bytes, each behind a byte: below 128 the payload of a repair packet, else a packet of the stream
// whose number lies as far ahead.
fuzz_target!(|bytes: &[u8]| {
    let now = Instant::now();
    let map: ExtensionMap = [(Extension::TransportCc, ExtensionId(1))]
        .into_iter()
        .collect();
    let table = ExtensionTable::from(&map);
    let mut cache = PacketCache::new(CACHED_VIDEO_PACKETS);
    let mut repairs = Repairs::default();
    let mut seq = ExtendedSeqNo(65_536);
    for chunk in bytes.chunks(49) {
        let Some((kind, rest)) = chunk.split_first() else {
            return;
        };
        match kind.checked_sub(128) {
            None => {
                let taken = repairs.on_repair(SSRC, rest);
                let read = RepairPacket::parse(rest);
                assert!(taken.is_err() || read.is_ok_and(|packet| packet.mask != 0));
            }
            Some(step) => {
                seq = seq.plus(u64::from(step)).minus(16);
                cache.insert(now, seq, rest);
                repairs.on_packet(seq);
            }
        }
        // Each restores one packet, and takes part no more.
        for left in (0..=64).rev() {
            let Some(restored) = repairs.poll(&cache, &table) else {
                break;
            };
            assert!(left > 0);
            let number = restored
                .get(2..4)
                .map(|seq| u16::from_be_bytes([seq[0], seq[1]]));
            assert!(number.is_some() && restored.len() <= 12 + 48);
            if RtpHeader::parse(&restored).is_ok_and(|header| header.ssrc != SSRC) {
                panic!("a packet of another stream");
            }
            repairs.take_back(restored);
        }
    }
});
