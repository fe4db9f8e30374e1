//! Entry points for fuzzers: each takes any bytes, and neither panics nor stalls. Not part of the API.

use sfu_model::MAX_DATAGRAM_BYTES;
use sfu_transport::framing::{Deframer, Framed};

use crate::acceptor::protocol::{Protocol, Unknown};

/// Reads a TCP stream, whole and cut into parts as its first byte says: the frames are the same.
pub fn framing(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else {
        return;
    };
    let whole = frames(stream, stream.len());
    let parts = frames(stream, usize::from(*cut));
    assert_eq!(whole, parts);
}

/// Finds out what a stream speaks, byte by byte: it is known soon, once, and for good.
pub fn protocol(input: &[u8]) {
    let whole = Protocol::of(input);
    let known = (0..=input.len()).find_map(|length| {
        let prefix = input.get(..length)?;
        let found = Protocol::of(prefix);
        (found != Ok(None)).then_some((length, found))
    });
    match known {
        Some((length, first)) => {
            assert!(length <= Protocol::DECIDED);
            assert_eq!(whole, first);
        }
        None => assert!(whole != Err(Unknown) && input.len() < Protocol::DECIDED),
    }
}

/// Returns the packets of a stream that comes in parts, and the lengths of those that were too long.
fn frames(stream: &[u8], part: usize) -> (Vec<Vec<u8>>, Vec<usize>) {
    let mut deframer = Deframer::new(MAX_DATAGRAM_BYTES);
    let (mut packets, mut too_long) = (Vec::new(), Vec::new());
    for part in stream.chunks(part.max(1)) {
        deframer.push(part);
        while let Some(frame) = deframer.next_frame() {
            match frame {
                Framed::Packet(packet) => packets.push(packet.to_vec()),
                Framed::TooLong { len } => too_long.push(len),
            }
        }
    }
    assert!(deframer.held() < MAX_DATAGRAM_BYTES + 2);
    (packets, too_long)
}
