//! Entry points for fuzzers: each takes any bytes, and neither panics nor stalls. Not part of the API.

use sfu_transport::framing::Deframer;

use crate::limits::MAX_PACKET;

/// Reads a TCP stream, whole and cut into parts as its first byte says: the packets are the same.
pub fn framing(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else {
        return;
    };
    let whole = packets(stream, stream.len());
    let parts = packets(stream, usize::from(*cut));
    assert_eq!(whole, parts);
}

/// Returns the packets of a stream that comes in parts, and whether it ended with one too long.
fn packets(stream: &[u8], part: usize) -> (Vec<Vec<u8>>, bool) {
    let mut deframer = Deframer::new(MAX_PACKET);
    let mut packets = Vec::new();
    for part in stream.chunks(part.max(1)) {
        deframer.push(part);
        loop {
            match deframer.next_packet() {
                Ok(Some(packet)) => packets.push(packet.to_vec()),
                Ok(None) => break,
                Err(_) => return (packets, true),
            }
        }
    }
    assert!(deframer.into_rest().len() < MAX_PACKET + 2);
    (packets, false)
}
