//! Writes redundant audio (RFC 2198): earlier packets again in front of the latest.

use sfu_model::PayloadType;

/// Most bytes of a payload that is made: with its headers it fits every path that carries sound.
pub const MAX_PAYLOAD: usize = 1_100;

/// Longest redundant block: its length has ten bits (RFC 2198 section 3).
const MAX_BLOCK: usize = 0x3ff;

/// Oldest redundant block, in ticks of the clock: its offset has 14 bits.
const MAX_AGE: u32 = 0x3fff;

/// Another block's header follows this one.
const F: u8 = 0x80;

/// What an earlier packet held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earlier<'a> {
    /// How far before the primary's timestamp its own lies, in ticks of the clock.
    pub age: u32,
    /// Its primary encoding.
    pub bytes: &'a [u8],
}

impl Earlier<'_> {
    /// Reports whether a block can say it: nothing is said of silence, or of what is too long or too old.
    fn fits(&self) -> bool {
        (1..=MAX_BLOCK).contains(&self.bytes.len()) && (1..=MAX_AGE).contains(&self.age)
    }
}

/// Replaces `out` with a payload of `primary` behind those of `earlier` that fit, oldest first. Returns whether there is
/// one: not where it would be too long, or without any redundancy.
pub fn write_red(
    out: &mut Vec<u8>,
    payload_type: PayloadType,
    earlier: &[Earlier<'_>],
    primary: &[u8],
) -> bool {
    out.clear();
    for block in earlier.iter().filter(|block| block.fits()) {
        // 14 bits of offset, ten of length.
        let len = u32::try_from(block.bytes.len()).unwrap_or(0);
        let [_, b1, b2, b3] = (block.age << 10 | len).to_be_bytes();
        out.extend_from_slice(&[F | payload_type.0, b1, b2, b3]);
    }
    out.push(payload_type.0 & !F);
    for block in earlier.iter().filter(|block| block.fits()) {
        out.extend_from_slice(block.bytes);
    }
    out.extend_from_slice(primary);
    out.len() <= MAX_PAYLOAD && earlier.iter().any(Earlier::fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::red::blocks;

    const OPUS: PayloadType = PayloadType(111);

    fn read(payload: &[u8]) -> Vec<(u16, Vec<u8>)> {
        blocks(payload)
            .map(|block| (block.timestamp_offset, block.bytes.to_vec()))
            .collect()
    }

    #[test]
    fn what_is_written_reads_back() {
        let earlier = [(1_920, &b"old"[..]), (960, b"newer")];
        let earlier = earlier.map(|(age, bytes)| Earlier { age, bytes });
        let mut out = vec![9];
        assert!(write_red(&mut out, OPUS, &earlier, b"newest"));
        let expected = [(1_920, &b"old"[..]), (960, b"newer"), (0, b"newest")];
        assert_eq!(
            read(&out),
            expected.map(|(age, bytes)| (age, bytes.to_vec()))
        );
    }

    #[test]
    fn what_no_block_can_say_is_left_out() {
        let long = [7; MAX_BLOCK + 1];
        let earlier = [
            (MAX_AGE + 1, &b"too old"[..]),
            (960, &long[..]),
            (960, b""),
            (0, b"of no other time"),
            (480, b"old"),
        ];
        let earlier = earlier.map(|(age, bytes)| Earlier { age, bytes });
        let mut out = Vec::new();
        assert!(write_red(&mut out, OPUS, &earlier, b"newest"));
        assert_eq!(
            read(&out),
            [(480, b"old".to_vec()), (0, b"newest".to_vec())]
        );
        assert!(!write_red(&mut out, OPUS, &earlier[..4], b"newest"));
    }

    #[test]
    fn a_payload_that_would_be_too_long_is_not_made() {
        let music = [7; 600];
        let earlier = [Earlier {
            age: 960,
            bytes: &music,
        }];
        assert!(!write_red(&mut Vec::new(), OPUS, &earlier, &music));
    }
}
