use std::time::Duration;

/// When the source made a frame, and what the frame is: carried at the end of the frame's last packet,
/// where decoders do not look.
///
/// An SFU rewrites headers, header extensions and payload descriptors, but not the coded frame, so the stamp
/// travels inside of it:
///
/// * VP8: behind the last partition, whose decoder reads no further than it needs (RFC 6386 section 7.3).
/// * H264: a filler data NAL unit (type 12), which decoders drop.
/// * Opus: the padding of a packet of code 3 (RFC 6716 section 3.2.5).
///
/// ```text
/// "SLT"  15 x 0x4n: nanoseconds  0x4n: layer and key frame  0x80
/// ```
///
/// Every byte but the last is 0x40 or more: no zeros that H264 would have to escape. The last byte is the end of
/// an H264 NAL unit (rbsp_trailing_bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When the frame was made, since the process's epoch.
    pub made_at: Duration,
    /// Simulcast layer, the lowest is 0; at most 7.
    pub layer: u8,
    /// Whether a decoder can begin here.
    pub key_frame: bool,
}

const MAGIC: &[u8; 3] = b"SLT";
const NANO_DIGITS: usize = 15;
const DIGIT: u8 = 0x40;
const KEY_FRAME: u8 = 8;
const END: u8 = 0x80;

impl Stamp {
    /// Length in bytes.
    pub const LEN: usize = MAGIC.len() + NANO_DIGITS + 2;

    /// Appends the stamp to the last payload of a frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        let nanos = self.made_at.as_nanos();
        for place in (0..NANO_DIGITS).rev() {
            out.push(DIGIT | ((nanos >> (4 * place)) & 0xf) as u8);
        }
        let key_frame = if self.key_frame { KEY_FRAME } else { 0 };
        out.push(DIGIT | key_frame | (self.layer & 7));
        out.push(END);
    }

    /// Reads the stamp at the end of a payload; `None` when there is none.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let stamp: &[u8; Self::LEN] = payload.last_chunk()?;
        let (magic, rest) = stamp.split_first_chunk::<3>()?;
        let (nanos, rest) = rest.split_first_chunk::<NANO_DIGITS>()?;
        if magic != MAGIC {
            return None;
        }
        let nanos = nanos
            .iter()
            .fold(0, |nanos, digit| nanos << 4 | u64::from(digit & 0xf));
        let what = rest.first()?;
        Some(Self {
            made_at: Duration::from_nanos(nanos),
            layer: what & 7,
            key_frame: what & KEY_FRAME != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        made_at: Duration::from_nanos(0x123_4567_89ab_cdef),
        layer: 2,
        key_frame: true,
    };

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let mut payload = b"frame".to_vec();
        STAMP.write(&mut payload);
        assert_eq!(payload.len(), 5 + Stamp::LEN);
        assert_eq!(Stamp::read(&payload), Some(STAMP));
    }

    #[test]
    fn media_without_a_stamp_has_none() {
        assert_eq!(Stamp::read(b"SLT"), None);
        assert_eq!(Stamp::read(&[0x40; 64]), None);
    }

    #[test]
    fn a_stamp_needs_no_emulation_prevention() {
        let mut payload = Vec::new();
        Stamp {
            made_at: Duration::ZERO,
            layer: 0,
            key_frame: false,
        }
        .write(&mut payload);
        assert!(payload.iter().all(|byte| *byte >= 0x40));
    }
}
