use super::frame::{Frame, SampleError};
use crate::Stamp;

/// Reads the packets of Opus in Ogg (RFC 7845), without its two header packets.
pub(super) fn frames(file: &[u8]) -> Result<Vec<Frame>, SampleError> {
    let packets = packets(file)?;
    if !packets
        .first()
        .is_some_and(|head| head.starts_with(b"OpusHead"))
    {
        return Err(SampleError::Format);
    }
    packets
        .iter()
        .skip(2)
        .map(|packet| padded(packet))
        .collect()
}

/// Splits pages (RFC 3533 section 6) into packets: a lacing value below 255 ends one.
fn packets(file: &[u8]) -> Result<Vec<Vec<u8>>, SampleError> {
    const PAGE_HEADER: usize = 27;
    let mut packets = Vec::new();
    let mut packet = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let (header, after) = rest
            .split_first_chunk::<PAGE_HEADER>()
            .ok_or(SampleError::Truncated)?;
        if !header.starts_with(b"OggS") {
            return Err(SampleError::Format);
        }
        let segments = header.last().copied().unwrap_or_default();
        let (lacing, after) = after
            .split_at_checked(usize::from(segments))
            .ok_or(SampleError::Truncated)?;
        rest = after;
        for len in lacing {
            let (segment, after) = rest
                .split_at_checked(usize::from(*len))
                .ok_or(SampleError::Truncated)?;
            packet.extend_from_slice(segment);
            rest = after;
            if *len < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
    }
    Ok(packets)
}

/// RFC 6716 section 3.1: the code of a packet that tells its number of frames.
const CODE: u8 = 3;
/// RFC 6716 section 3.2.5: the packet ends with padding.
const PADDED: u8 = 0x40;

/// Writes a packet of one frame as one of code 3 that ends with padding (RFC 6716 section 3.2.5). The padding
/// itself, a [`Stamp`], is not there yet.
fn padded(packet: &[u8]) -> Result<Frame, SampleError> {
    let (toc, frame) = packet.split_first().ok_or(SampleError::Truncated)?;
    let frame = match toc & CODE {
        0 => frame,
        CODE => without_padding(frame)?,
        _ => return Err(SampleError::Format),
    };
    let padding = u8::try_from(Stamp::LEN).map_err(|_| SampleError::Format)?;
    let mut part = vec![toc | CODE, PADDED | 1, padding];
    part.extend_from_slice(frame);
    Ok(Frame {
        key: true,
        parts: vec![part],
    })
}

/// Returns the only frame of a packet of code 3, which encoders write to fill a constant bitrate.
fn without_padding(body: &[u8]) -> Result<&[u8], SampleError> {
    let (flags, mut rest) = body.split_first().ok_or(SampleError::Truncated)?;
    if flags & 0x3f != 1 {
        return Err(SampleError::Format);
    }
    let mut padding = 0;
    let mut more = flags & PADDED != 0;
    while more {
        let (len, after) = rest.split_first().ok_or(SampleError::Truncated)?;
        // 255 stands for 254 bytes, and a further length follows.
        more = *len == 255;
        padding += usize::from(if more { 254 } else { *len });
        rest = after;
    }
    let len = rest
        .len()
        .checked_sub(padding)
        .ok_or(SampleError::Truncated)?;
    rest.get(..len).ok_or(SampleError::Truncated)
}
