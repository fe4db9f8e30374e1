use super::frame::{Frame, MAX_PART, SampleError};
use super::split::split;
use crate::Stamp;

/// NAL unit types (ITU-T H.264 table 7-1, RFC 6184 section 5.2).
const NON_IDR_SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// nal_ref_idc.
const IMPORTANCE: u8 = 0x60;
const TYPE: u8 = 0x1f;

/// What the last packet of a frame carries beside its slice: its own header, two lengths, and a filler NAL unit
/// whose bytes are a [`Stamp`].
const AGGREGATE: usize = 1 + 2 + 2 + 1 + Stamp::LEN;

/// Reads the pictures of H264 in Annex B byte stream format.
pub(super) fn frames(file: &[u8]) -> Result<Vec<Frame>, SampleError> {
    let mut frames = Vec::new();
    let mut picture: Vec<&[u8]> = Vec::new();
    for unit in units(file) {
        let begins = picture.iter().any(|unit| is_slice(unit)) && begins_picture(unit);
        if begins {
            frames.push(packetize(&std::mem::take(&mut picture))?);
        }
        picture.push(unit);
    }
    if !picture.is_empty() {
        frames.push(packetize(&picture)?);
    }
    Ok(frames)
}

/// Splits at start codes; a unit ends before the zeros in front of the next.
fn units(file: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    for (at, window) in file.windows(3).enumerate() {
        if window == [0, 0, 1] {
            starts.push(at);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([file.len()]);
    let ranges = starts.iter().zip(ends);
    let units = ranges.filter_map(|(start, end)| file.get(start + 3..end));
    let trimmed = units.map(|unit| {
        let len = unit
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        unit.get(..len).unwrap_or_default()
    });
    trimmed.filter(|unit| !unit.is_empty()).collect()
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |first| first & TYPE)
}

fn is_slice(unit: &[u8]) -> bool {
    matches!(kind(unit), NON_IDR_SLICE | IDR_SLICE)
}

/// Parameter sets come before a picture; a slice begins one if its first macroblock is number 0, whose
/// Exp-Golomb code is a single 1.
fn begins_picture(unit: &[u8]) -> bool {
    !is_slice(unit) || unit.get(1).is_some_and(|byte| byte & 0x80 != 0)
}

/// Writes a picture as libwebrtc would: small units together, long ones in fragments.
fn packetize(units: &[&[u8]]) -> Result<Frame, SampleError> {
    let (last, others) = units.split_last().ok_or(SampleError::NoKeyFrame)?;
    let mut parts = Vec::new();
    let mut small: Vec<&[u8]> = Vec::new();
    for unit in others {
        match is_slice(unit) {
            false => small.push(unit),
            true => {
                flush(&mut small, &mut parts);
                fragment(unit, &mut parts);
            }
        }
    }
    flush(&mut small, &mut parts);
    if last.len() + AGGREGATE > MAX_PART {
        fragment(last, &mut parts);
        parts.push(vec![FILLER]);
    } else {
        parts.push(with_filler(last));
    }
    Ok(Frame {
        key: units.iter().any(|unit| kind(unit) == IDR_SLICE),
        parts,
    })
}

/// Aggregates parameter sets.
fn flush(small: &mut Vec<&[u8]>, parts: &mut Vec<Vec<u8>>) {
    if small.is_empty() {
        return;
    }
    let mut part = vec![STAP_A | IMPORTANCE];
    for unit in small.drain(..) {
        push_unit(unit, &mut part);
    }
    parts.push(part);
}

fn push_unit(unit: &[u8], part: &mut Vec<u8>) {
    let len = u16::try_from(unit.len()).unwrap_or(u16::MAX);
    part.extend_from_slice(&len.to_be_bytes());
    part.extend_from_slice(unit);
}

/// Aggregates a slice with the head of a filler unit.
fn with_filler(slice: &[u8]) -> Vec<u8> {
    let importance = slice.first().map_or(0, |first| first & IMPORTANCE);
    let mut part = vec![STAP_A | importance];
    push_unit(slice, &mut part);
    let len = u16::try_from(1 + Stamp::LEN).unwrap_or(u16::MAX);
    part.extend_from_slice(&len.to_be_bytes());
    part.push(FILLER);
    part
}

/// Writes a unit as it is, or in fragments (RFC 6184 section 5.8).
fn fragment(unit: &[u8], parts: &mut Vec<Vec<u8>>) {
    const START: u8 = 0x80;
    const END: u8 = 0x40;
    if unit.len() <= MAX_PART {
        parts.push(unit.to_vec());
        return;
    }
    let Some((header, body)) = unit.split_first() else {
        return;
    };
    let pieces = split(body, MAX_PART - 2, 0);
    let last = pieces.len() - 1;
    for (at, piece) in pieces.into_iter().enumerate() {
        let place = match at {
            0 => START,
            at if at == last => END,
            _ => 0,
        };
        let mut part = vec![FU_A | header & 0xe0, place | header & TYPE];
        part.extend_from_slice(&piece);
        parts.push(part);
    }
}
