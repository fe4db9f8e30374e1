//! How large the pictures are that a key frame begins.

use sfu_model::{Codec, PictureSize};

use super::{Vp8Descriptor, Vp9Descriptor, h264};

/// Returns the size that `payload`, the first packet of a key frame, says its pictures have. `None` where it says
/// nothing that is read here: H.265 and AV1 are not.
pub fn picture_size(codec: Codec, payload: &[u8]) -> Option<PictureSize> {
    match codec {
        Codec::Vp8 => vp8_size(payload),
        Codec::Vp9 => vp9_size(payload),
        Codec::H264 => h264::picture_size(payload),
        Codec::H265 | Codec::Av1 | Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma => None,
    }
}

/// Reads the uncompressed data chunk of a VP8 key frame (RFC 6386 section 9.1): a tag of three bytes, a start code, and
/// 14 bits for each side, the lowest first, above which is how to scale it.
fn vp8_size(payload: &[u8]) -> Option<PictureSize> {
    let descriptor = Vp8Descriptor::parse(payload).ok()?;
    let frame = payload.get(usize::from(descriptor.len)..)?;
    let [_, _, _, 0x9d, 0x01, 0x2a, sides @ ..] = frame.first_chunk::<10>()? else {
        return None;
    };
    let [width, height] = [[sides[0], sides[1]], [sides[2], sides[3]]]
        .map(|side| u32::from(u16::from_le_bytes(side) & 0x3fff));
    Some(PictureSize { width, height })
}

/// Reads the scalability structure of VP9 (RFC 9628 section 4.2.1), which has the size of each spatial layer, the
/// highest one last.
fn vp9_size(payload: &[u8]) -> Option<PictureSize> {
    const SIZES: u8 = 0x10;
    let descriptor = Vp9Descriptor::parse(payload).ok()?;
    let structure = payload.get(usize::from(descriptor.len)..)?;
    let (header, sizes) = structure.split_first()?;
    if !descriptor.has_scalability_structure || header & SIZES == 0 {
        return None;
    }
    let highest = usize::from(header >> 5);
    let [w, x, y, z] = *sizes.get(4 * highest..)?.first_chunk::<4>()?;
    let [width, height] = [[w, x], [y, z]].map(|side| u32::from(u16::from_be_bytes(side)));
    Some(PictureSize { width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Option<PictureSize> {
        Some(PictureSize { width, height })
    }

    #[test]
    fn a_key_frame_of_vp8_says_how_large_it_is() {
        // The scales above the sides do not count.
        let frame = [0x10, 0x50, 0, 0, 0x9d, 1, 0x2a, 0x80, 0x42, 0x68, 0x81];
        assert_eq!(picture_size(Codec::Vp8, &frame), size(640, 360));
        assert_eq!(picture_size(Codec::Vp8, &frame[..10]), None);
        let other = [0x10, 0x50, 0, 0, 0x9d, 1, 0x2b, 0x80, 0x42, 0x68, 0x81];
        assert_eq!(picture_size(Codec::Vp8, &other), None);
    }

    #[test]
    fn the_structure_of_vp9_says_how_large_the_highest_layer_is() {
        let sizes = [0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68];
        let one = [&[0x0a, 0x10][..], &sizes[..4]].concat();
        assert_eq!(picture_size(Codec::Vp9, &one), size(320, 180));
        let two = [&[0x0a, 0x30][..], &sizes].concat();
        assert_eq!(picture_size(Codec::Vp9, &two), size(640, 360));
        assert_eq!(picture_size(Codec::Vp9, &two[..9]), None);
        assert_eq!(
            picture_size(Codec::Vp9, &[0x0a, 0x00]),
            None,
            "it has no sizes"
        );
    }
}
