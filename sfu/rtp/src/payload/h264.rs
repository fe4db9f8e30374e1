//! H.264 (RFC 6184): where key frames begin, and where pictures do that a decoder can go on at.

use sfu_model::PictureSize;

use super::bytes::Bytes;
use super::{FrameStart, PayloadError, h264_sps};
use crate::limits::MAX_AGGREGATED_UNITS;

const TYPE: u8 = 0x1f;
/// Coded slice of a non-IDR picture (ITU-T H.264 table 7-1).
const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// Start bit of an FU header (RFC 6184 section 5.8).
const FU_START: u8 = 0x80;
/// Reads what begins in `payload`. A key frame begins with its sequence parameter set, in the same packet or
/// in one before it: an IDR slice alone is a picture that needs no other one, but nobody can decode it who
/// has not got the parameter sets.
///
/// # Errors
///
/// Fails when `payload` is empty or ends within its header.
#[inline]
pub fn peek(payload: &[u8]) -> Result<FrameStart, PayloadError> {
    let mut bytes = Bytes(payload);
    let kind = bytes.take()? & TYPE;
    match kind {
        STAP_A => Ok(peek_aggregated(bytes.0)),
        FU_A => {
            let header = bytes.take()?;
            if header & FU_START == 0 {
                return Ok(FrameStart {
                    picture: is_slice(header & TYPE),
                    ..FrameStart::default()
                });
            }
            Ok(peek_unit(header & TYPE, bytes.0))
        }
        _ => Ok(peek_unit(kind, bytes.0)),
    }
}

fn is_slice(kind: u8) -> bool {
    (SLICE..=IDR_SLICE).contains(&kind)
}

/// Reads a NAL unit by its type; `behind` is what follows its header.
fn peek_unit(kind: u8, behind: &[u8]) -> FrameStart {
    let picture = is_slice(kind);
    // `first_mb_in_slice` zero is the single bit 1 (ITU-T H.264 section 7.3.3).
    let frame_start = !picture || behind.first().is_some_and(|byte| byte & 0x80 != 0);
    FrameStart {
        key_frame: kind == SPS,
        intra: kind == IDR_SLICE && frame_start,
        picture,
        frame_start,
        ..FrameStart::default()
    }
}

fn peek_aggregated(units: &[u8]) -> FrameStart {
    let mut found = FrameStart::default();
    for (kind, behind) in aggregated(units) {
        let start = peek_unit(kind, behind);
        found.key_frame |= start.key_frame;
        found.intra |= start.intra;
        found.picture |= start.picture;
        found.frame_start |= start.frame_start;
    }
    found
}

/// Iterates over the units of a STAP-A (RFC 6184 section 5.7.1), each behind its 16-bit length: their types, and what
/// follows their headers.
fn aggregated(mut units: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let next = move || {
        let (len, rest) = units.split_first_chunk::<2>()?;
        let (unit, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        units = rest;
        Some(unit)
    };
    let units = std::iter::from_fn(next).take(MAX_AGGREGATED_UNITS);
    units.filter_map(|unit| {
        let (header, behind) = unit.split_first()?;
        Some((header & TYPE, behind))
    })
}

/// Returns the size of the pictures of a key frame, by its sequence parameter set in `payload`.
pub(super) fn picture_size(payload: &[u8]) -> Option<PictureSize> {
    let (header, behind) = payload.split_first()?;
    let sps = match header & TYPE {
        SPS => behind,
        STAP_A => aggregated(behind).find(|(kind, _)| *kind == SPS)?.1,
        _ => return None,
    };
    h264_sps::picture_size(sps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_key_frame(payload: &[u8]) -> bool {
        peek(payload).unwrap().key_frame
    }

    fn is_intra(payload: &[u8]) -> bool {
        peek(payload).unwrap().intra
    }

    #[test]
    fn a_key_frame_begins_with_its_parameter_sets() {
        assert!(is_key_frame(&[0x67, 0x42]));
        assert!(!is_key_frame(&[0x65, 0x88]), "an IDR slice alone");
        assert!(!is_key_frame(&[0x68, 0x88]), "a PPS alone");
        assert!(!peek(&[0x67, 0x42]).unwrap().picture);
    }

    #[test]
    fn the_first_idr_slice_begins_a_picture_that_needs_no_other_one() {
        assert!(is_intra(&[0x65, 0x88]));
        assert!(!is_intra(&[0x65, 0x40]), "a later slice of the picture");
        assert!(!is_intra(&[0x61, 0x88]));
        assert!(peek(&[0x61, 0x88]).unwrap().picture);
    }

    #[test]
    fn parameter_sets_are_found_in_an_aggregate() {
        assert!(is_key_frame(&[0x78, 0, 1, 0x09, 0, 2, 0x67, 0x42]));
        let whole = peek(&[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 1, 0, 2, 0x65, 0x88]);
        assert!(whole.is_ok_and(|start| start.key_frame && start.intra && start.picture));
        assert!(!is_key_frame(&[0x78, 0, 2, 0x68, 0x42, 0, 2, 0x61, 0x88]));
        assert!(
            !is_key_frame(&[0x78, 0, 9, 0x67, 0x42]),
            "longer than the packet"
        );
    }

    #[test]
    fn only_the_first_fragment_begins_a_picture() {
        assert!(is_intra(&[0x7c, 0x85, 0x88]));
        assert!(!is_intra(&[0x7c, 0x05, 0x88]));
        assert!(peek(&[0x7c, 0x05, 0x88]).unwrap().picture);
        assert!(!is_intra(&[0x7c, 0x81, 0x88]));
        assert_eq!(peek(&[0x7c]), Err(PayloadError::TooShort));
        assert_eq!(peek(&[]), Err(PayloadError::TooShort));
    }
}
