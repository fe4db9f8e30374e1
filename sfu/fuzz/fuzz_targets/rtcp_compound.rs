#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::rtcp::{Compound, NackPair, Packet};

fuzz_target!(|bytes: &[u8]| {
    for packet in Compound::new(bytes) {
        match packet {
            Ok(Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. }) => {
                assert!(blocks.count() <= 31);
            }
            Ok(Packet::SourceDescription(items)) => assert!(items.count() <= bytes.len()),
            Ok(Packet::Goodbye(ssrcs)) => assert!(ssrcs.count() <= 31),
            Ok(Packet::Nack { pairs, .. }) => {
                assert!(pairs.flat_map(NackPair::lost).count() <= bytes.len() * 5);
            }
            Ok(Packet::TransportFeedback(feedback)) => {
                let mut left = feedback.status_count;
                feedback.statuses().for_each(|_| left -= 1);
            }
            Ok(Packet::FullIntraRequest(entries)) => assert!(entries.count() <= bytes.len()),
            Ok(Packet::Remb(remb)) => assert!(remb.ssrcs.count() <= 255),
            Ok(Packet::PictureLossIndication { .. } | Packet::Other { .. }) | Err(_) => {}
        }
    }
});
