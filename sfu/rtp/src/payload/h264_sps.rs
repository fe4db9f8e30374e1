//! The sequence parameter set of H.264 (ITU-T H.264 section 7.3.2.1.1), as far as the size of pictures.

use sfu_model::PictureSize;

/// Sides of a macroblock, in pixels.
const MACROBLOCK: u32 = 16;

/// Most macroblocks of a side: level 6.2 has no longer one (ITU-T H.264 table A-1).
const MAX_SIDE: u32 = 1_055;

/// Profiles whose parameter sets say more of colours (ITU-T H.264 section 7.3.2.1.1).
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Reads the size of pictures in a sequence parameter set, `sps` being what follows the header of its NAL unit. Sides are
/// rounded up to macroblocks. `None` for one that ends early, or that has scaling matrices or an order of pictures that
/// no encoder for calls makes.
pub(super) fn picture_size(sps: &[u8]) -> Option<PictureSize> {
    let mut bits = Bits::new(sps);
    let profile = bits.number(8)?;
    let (_constraints, _level) = (bits.number(8)?, bits.number(8)?);
    let _id = bits.exp_golomb()?;
    if HIGH_PROFILES.contains(&profile) {
        skip_colours(&mut bits)?;
    }
    let _log2_max_frame_num = bits.exp_golomb()?;
    match bits.exp_golomb()? {
        0 => {
            let _log2_max_pic_order_cnt = bits.exp_golomb()?;
        }
        2 => {}
        _ => return None,
    }
    let _max_references = bits.exp_golomb()?;
    let _gaps = bits.number(1)?;
    let [width, height] = [bits.exp_golomb()?, bits.exp_golomb()?].map(|less_one| less_one + 1);
    let fields = 2 - bits.number(1)?;
    (width <= MAX_SIDE && height <= MAX_SIDE).then_some(PictureSize {
        width: width * MACROBLOCK,
        height: height * fields * MACROBLOCK,
    })
}

fn skip_colours(bits: &mut Bits<'_>) -> Option<()> {
    const SEPARATE_PLANES: u32 = 3;
    if bits.exp_golomb()? == SEPARATE_PLANES {
        bits.number(1)?;
    }
    let _depths = (bits.exp_golomb()?, bits.exp_golomb()?);
    let _bypass = bits.number(1)?;
    (bits.number(1)? == 0).then_some(())
}

/// The bits of a NAL unit, without those that keep start codes out of it (ITU-T H.264 section 7.4.1).
struct Bits<'a> {
    bytes: &'a [u8],
    /// Zero bytes in front of the next one.
    zeros: u8,
    current: u8,
    /// Bits of `current` that are still to come.
    left: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            zeros: 0,
            current: 0,
            left: 0,
        }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.current = self.byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.current >> self.left) & 1)
    }

    fn byte(&mut self) -> Option<u8> {
        const EMULATION_PREVENTION: u8 = 3;
        let mut next = || {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            Some(*byte)
        };
        let mut byte = next()?;
        if self.zeros == 2 && byte == EMULATION_PREVENTION {
            self.zeros = 0;
            byte = next()?;
        }
        self.zeros = match byte {
            0 => (self.zeros + 1).min(2),
            _ => 0,
        };
        Some(byte)
    }

    fn number(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0, |number, _| Some(number << 1 | self.bit()?))
    }

    /// Reads `ue(v)` (ITU-T H.264 section 9.1): as many bits as zeros came first. Longer ones than a size may have are none.
    fn exp_golomb(&mut self) -> Option<u32> {
        const LONGEST: u32 = 16;
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > LONGEST {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.number(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Option<PictureSize> {
        Some(PictureSize { width, height })
    }

    #[test]
    fn parameter_sets_of_browsers_and_cameras_are_read() {
        // Constrained baseline, order of pictures 2: OpenH264 in a browser.
        let baseline = [0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x50, 0x1e, 0xd0];
        assert_eq!(picture_size(&baseline), size(640, 480));
        // High, with bits that keep a start code out: x264.
        let high = [
            0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03,
            0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x19, 0x60,
        ];
        assert_eq!(picture_size(&high), size(1280, 720));
    }

    #[test]
    fn a_parameter_set_that_ends_early_says_nothing() {
        let baseline = [0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x50, 0x1e, 0xd0];
        for len in 0..7 {
            assert_eq!(picture_size(&baseline[..len]), None, "{len} bytes");
        }
        assert_eq!(picture_size(&[0; 64]), None, "no number is so long");
    }

    #[test]
    fn bytes_that_keep_start_codes_out_are_left_out() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3]);
        assert_eq!(bits.number(24), Some(1));
        assert_eq!(bits.number(16), Some(0));
        assert_eq!(bits.number(1), None);
    }
}
