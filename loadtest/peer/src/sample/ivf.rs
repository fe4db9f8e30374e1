use super::frame::{Frame, MAX_PART, SampleError};
use super::split::split;
use crate::Stamp;

/// Reads the frames of VP8 in IVF: a header that tells its own length, then length, time and bytes of each
/// frame, in little-endian order.
pub(super) fn frames(file: &[u8]) -> Result<Vec<Frame>, SampleError> {
    const MAGIC: &[u8; 4] = b"DKIF";
    const FRAME_HEADER: usize = 12;
    let (header, _) = file
        .split_first_chunk::<32>()
        .ok_or(SampleError::Truncated)?;
    let [m0, m1, m2, m3, _, _, l0, l1, f0, f1, f2, f3, ..] = *header;
    if [m0, m1, m2, m3] != *MAGIC || [f0, f1, f2, f3] != *b"VP80" {
        return Err(SampleError::Format);
    }
    let len = usize::from(u16::from_le_bytes([l0, l1]));
    let mut rest = file.get(len..).ok_or(SampleError::Truncated)?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (head, after) = rest
            .split_first_chunk::<FRAME_HEADER>()
            .ok_or(SampleError::Truncated)?;
        let [l0, l1, l2, l3, ..] = *head;
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let (frame, after) = after.split_at_checked(len).ok_or(SampleError::Truncated)?;
        frames.push(Frame {
            // RFC 6386 section 9.1: the lowest bit is clear in key frames.
            key: frame.first().is_some_and(|first| first & 1 == 0),
            parts: split(frame, MAX_PART, Stamp::LEN),
        });
        rest = after;
    }
    Ok(frames)
}
