//! H.265 (RFC 7798): where key frames begin, and the temporal layer.

use super::bytes::Bytes;
use super::{FrameStart, PayloadError};
use crate::limits::MAX_AGGREGATED_UNITS;

/// First and last type of pictures that a decoder can begin at (ITU-T H.265 table 7-1).
const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
/// Types of slices: all below 32.
const MAX_SLICE: u8 = 31;
/// VPS and SPS.
const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 32..=33;
/// Aggregation packet (RFC 7798 section 4.4.2).
const AP: u8 = 48;
/// Fragmentation unit (RFC 7798 section 4.4.3).
const FU: u8 = 49;
const FU_START: u8 = 0x80;

/// Reads what begins in `payload`. A key frame begins with its parameter sets, in the same packet or in one
/// before it: an IRAP picture alone needs no other picture, but nobody can decode it who has not got
/// them.
///
/// # Errors
///
/// Fails when `payload` ends within its header, or names temporal layer -1.
#[inline]
pub fn peek(payload: &[u8]) -> Result<FrameStart, PayloadError> {
    let mut bytes = Bytes(payload);
    let kind = kind_of(bytes.take()?);
    // RFC 7798 section 1.1.4: TID is one more than the temporal layer.
    let temporal = (bytes.take()? & 0x07)
        .checked_sub(1)
        .ok_or(PayloadError::Invalid)?;
    let start = match kind {
        AP => peek_aggregated(bytes.0),
        FU => {
            let header = bytes.take()?;
            if header & FU_START == 0 {
                FrameStart {
                    picture: is_slice(header & 0x3f),
                    ..FrameStart::default()
                }
            } else {
                peek_unit(header & 0x3f, bytes.0)
            }
        }
        _ => peek_unit(kind, bytes.0),
    };
    Ok(FrameStart { temporal, ..start })
}

fn kind_of(first: u8) -> u8 {
    (first >> 1) & 0x3f
}

fn is_slice(kind: u8) -> bool {
    kind <= MAX_SLICE
}

/// Reads a NAL unit by its type; `behind` is what follows its header.
fn peek_unit(kind: u8, behind: &[u8]) -> FrameStart {
    let picture = is_slice(kind);
    // `first_slice_segment_in_pic_flag` is the first bit of a slice (ITU-T H.265 section 7.3.6.1).
    let frame_start = !picture || behind.first().is_some_and(|byte| byte & 0x80 != 0);
    FrameStart {
        key_frame: PARAMETER_SETS.contains(&kind),
        intra: IRAP.contains(&kind) && frame_start,
        picture,
        frame_start,
        ..FrameStart::default()
    }
}

/// Reads the units of an aggregation packet, each behind its 16-bit length.
fn peek_aggregated(mut units: &[u8]) -> FrameStart {
    let mut found = FrameStart::default();
    for _ in 0..MAX_AGGREGATED_UNITS {
        let Some((len, rest)) = units.split_first_chunk::<2>() else {
            break;
        };
        let Some((unit, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
        else {
            break;
        };
        if let Some(([first, _], behind)) = unit.split_first_chunk::<2>() {
            let start = peek_unit(kind_of(*first), behind);
            found.key_frame |= start.key_frame;
            found.intra |= start.intra;
            found.picture |= start.picture;
            found.frame_start |= start.frame_start;
        }
        units = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_key_frame(payload: &[u8]) -> bool {
        peek(payload).unwrap().key_frame
    }

    #[test]
    fn a_key_frame_begins_with_its_parameter_sets() {
        assert!(is_key_frame(&[32 << 1, 1, 0]));
        assert!(!is_key_frame(&[19 << 1, 1, 0x80]), "a picture alone");
        assert!(!is_key_frame(&[34 << 1, 1, 0x80]), "a PPS alone");
        assert!(!peek(&[32 << 1, 1, 0]).unwrap().picture);
    }

    #[test]
    fn the_first_slice_of_an_irap_picture_begins_one_that_needs_no_other() {
        let is_intra = |payload: &[u8]| peek(payload).unwrap().intra;
        assert!(is_intra(&[19 << 1, 1, 0x80]));
        assert!(!is_intra(&[19 << 1, 1, 0x00]), "a later slice");
        assert!(!is_intra(&[1 << 1, 1, 0x80]));
        assert!(is_intra(&[FU << 1, 1, 0x80 | 19, 0x80]));
        assert!(!is_intra(&[FU << 1, 1, 19, 0x80]));
        assert!(peek(&[FU << 1, 1, 19, 0x80]).unwrap().picture);
    }

    #[test]
    fn key_frames_are_found_in_aggregates() {
        assert!(is_key_frame(&[
            AP << 1,
            1,
            0,
            3,
            32 << 1,
            1,
            7,
            0,
            3,
            2,
            1,
            0x80
        ]));
    }

    #[test]
    fn the_temporal_layer_is_read() {
        assert_eq!(peek(&[1 << 1, 3, 0x80]).unwrap().temporal, 2);
        assert_eq!(peek(&[1 << 1, 0, 0x80]), Err(PayloadError::Invalid));
        assert_eq!(peek(&[1 << 1]), Err(PayloadError::TooShort));
    }
}
