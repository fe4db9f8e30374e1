//! AV1 (the AOM's "RTP Payload Format For AV1"): where coded video sequences begin, and the layer
//! of the first OBU.

use super::bytes::Bytes;
use super::{FrameStart, PayloadError};

/// Aggregation header: `Z`, the first OBU goes on from the packet before.
const Z: u8 = 0x80;
/// `W`: the number of OBUs, or zero: then each has a length in front.
const W: u8 = 0x30;
/// `N`: the packet begins a coded video sequence.
const N: u8 = 0x08;
/// Types of OBUs (AV1 specification section 6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
/// A length takes at most eight bytes (AV1 specification section 4.10.5).
const MAX_LEB128: usize = 8;

/// A packet in which nothing begins.
const REST: FrameStart = FrameStart {
    key_frame: false,
    intra: false,
    picture: true,
    frame_start: false,
    spatial: 0,
    temporal: 0,
};

/// Reads what begins in `payload`: a key frame begins where a coded video sequence does, with its
/// sequence header.
///
/// # Errors
///
/// Fails when `payload` is empty or ends within its header.
#[inline]
pub fn peek(payload: &[u8]) -> Result<FrameStart, PayloadError> {
    let mut bytes = Bytes(payload);
    let aggregation = bytes.take()?;
    if aggregation & Z != 0 {
        return Ok(REST);
    }
    if aggregation & W != 0x10 {
        skip_leb128(&mut bytes)?;
    }
    let obu = bytes.take()?;
    let kind = (obu >> 3) & 0x0f;
    let layers = if obu & 0x04 == 0 { 0 } else { bytes.take()? };
    let key_frame = aggregation & N != 0 && matches!(kind, SEQUENCE_HEADER | TEMPORAL_DELIMITER);
    Ok(FrameStart {
        key_frame,
        intra: key_frame,
        picture: true,
        frame_start: true,
        spatial: (layers >> 3) & 0x03,
        temporal: layers >> 5,
    })
}

fn skip_leb128(bytes: &mut Bytes<'_>) -> Result<(), PayloadError> {
    for _ in 0..MAX_LEB128 {
        if bytes.take()? & 0x80 == 0 {
            return Ok(());
        }
    }
    Err(PayloadError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_header_in_a_new_sequence_is_a_key_frame() {
        let lone = [0x18, SEQUENCE_HEADER << 3, 0];
        let first_of_two = [0x28, 0x0b, SEQUENCE_HEADER << 3, 0];
        assert!(peek(&lone).unwrap().key_frame);
        assert!(peek(&first_of_two).unwrap().key_frame);
        assert!(!peek(&[0x10, SEQUENCE_HEADER << 3]).unwrap().key_frame);
        assert!(!peek(&[0x18, 6 << 3]).unwrap().key_frame, "a frame");
    }

    #[test]
    fn the_rest_of_an_obu_begins_nothing() {
        assert_eq!(peek(&[0x90, 0xff]), Ok(REST));
    }

    #[test]
    fn layers_are_read_from_the_extension() {
        let start = peek(&[0x10, (6 << 3) | 0x04, (1 << 5) | (2 << 3)]).unwrap();
        assert_eq!((start.spatial, start.temporal), (2, 1));
    }

    #[test]
    fn truncated_and_endless_lengths_are_refused() {
        assert_eq!(peek(&[]), Err(PayloadError::TooShort));
        assert_eq!(peek(&[0x20, 0x80]), Err(PayloadError::TooShort));
        assert_eq!(peek(&[0xff; 12][..]), Ok(REST));
        let mut endless = [0xff; 12];
        endless[0] = 0;
        assert_eq!(peek(&endless), Err(PayloadError::Invalid));
    }
}
