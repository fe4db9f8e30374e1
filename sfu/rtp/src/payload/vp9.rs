//! The VP9 payload descriptor (RFC 9628).

use super::bytes::Bytes;
use super::{PayloadError, PictureId};

/// VP9 payload descriptor (RFC 9628 section 4.2), as far as forwarding needs it.
///
/// ```text
///      0 1 2 3 4 5 6 7
///     +-+-+-+-+-+-+-+-+
///     |I|P|L|F|B|E|V|Z| (REQUIRED)
///     +-+-+-+-+-+-+-+-+
/// I:  |M| PICTURE ID  | (REQUIRED)
///     +-+-+-+-+-+-+-+-+
/// M:  | EXTENDED PID  | (RECOMMENDED)
///     +-+-+-+-+-+-+-+-+
/// L:  | TID |U| SID |D| (Conditionally RECOMMENDED)
///     +-+-+-+-+-+-+-+-+
///     |   TL0PICIDX   | (Conditionally REQUIRED: not with F)
///     +-+-+-+-+-+-+-+-+
/// F:  | P_DIFF      |N| (Conditionally REQUIRED: P and F, up to 3 times)
///     +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// Length of the descriptor in bytes, without a scalability structure.
    pub len: u8,
    /// `PictureID`: 15 bits, or 7.
    pub picture_id: Option<PictureId>,
    /// `P`: the frame is predicted from earlier pictures.
    pub inter_picture_predicted: bool,
    /// `F`: references are given in the descriptor.
    pub flexible: bool,
    /// `B`: the packet begins a frame of its layer.
    pub frame_start: bool,
    /// `E`: the packet ends a frame of its layer.
    pub frame_end: bool,
    /// `V`: a scalability structure follows.
    pub has_scalability_structure: bool,
    /// `Z`: no higher spatial layer needs the frame.
    pub not_reference_for_upper: bool,
    /// `TID`: the temporal layer.
    pub temporal: Option<u8>,
    /// `U`: a receiver can go up to this temporal layer here.
    pub switching_up_point: bool,
    /// `SID`: the spatial layer.
    pub spatial: Option<u8>,
    /// `D`: the frame needs the spatial layer below it.
    pub inter_layer_predicted: bool,
    /// `TL0PICIDX` (non-flexible mode).
    pub tl0_pic_idx: Option<u8>,
}

impl Vp9Descriptor {
    const I: u8 = 0x80;
    const P: u8 = 0x40;
    const L: u8 = 0x20;
    const F: u8 = 0x10;
    const B: u8 = 0x08;
    const E: u8 = 0x04;
    const V: u8 = 0x02;
    const Z: u8 = 0x01;
    /// RFC 9628 section 4.2: at most three reference indices.
    const MAX_REFERENCES: usize = 3;

    /// Reads the descriptor.
    ///
    /// # Errors
    ///
    /// Fails when `payload` ends within it, or lists more than three references.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut bytes = Bytes(payload);
        let flags = bytes.take()?;
        let mut descriptor = Self {
            len: 0,
            picture_id: None,
            inter_picture_predicted: flags & Self::P != 0,
            flexible: flags & Self::F != 0,
            frame_start: flags & Self::B != 0,
            frame_end: flags & Self::E != 0,
            has_scalability_structure: flags & Self::V != 0,
            not_reference_for_upper: flags & Self::Z != 0,
            temporal: None,
            switching_up_point: false,
            spatial: None,
            inter_layer_predicted: false,
            tl0_pic_idx: None,
        };
        if flags & Self::I != 0 {
            descriptor.picture_id = Some(PictureId::parse(&mut bytes)?);
        }
        if flags & Self::L != 0 {
            let layers = bytes.take()?;
            descriptor.temporal = Some(layers >> 5);
            descriptor.switching_up_point = layers & 0x10 != 0;
            descriptor.spatial = Some((layers >> 1) & 0x07);
            descriptor.inter_layer_predicted = layers & 0x01 != 0;
            if !descriptor.flexible {
                descriptor.tl0_pic_idx = Some(bytes.take()?);
            }
        }
        if descriptor.flexible && descriptor.inter_picture_predicted {
            let mut references = 1;
            while bytes.take()? & 0x01 != 0 {
                references += 1;
                if references > Self::MAX_REFERENCES {
                    return Err(PayloadError::Invalid);
                }
            }
        }
        // At most eight bytes were taken.
        descriptor.len = ((payload.len() - bytes.0.len()) & 0xff) as u8;
        Ok(descriptor)
    }

    /// Reports whether the packet begins a key frame: of the lowest spatial layer and not predicted.
    pub fn is_key_frame(&self) -> bool {
        self.frame_start && !self.inter_picture_predicted && self.spatial.unwrap_or(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_non_flexible_layer_is_read() {
        let payload = [0xac, 0x81, 0x00, 1 << 5 | 0x10 | 2 << 1 | 1, 9, 0xaa];
        let descriptor = Vp9Descriptor::parse(&payload).unwrap();
        assert_eq!(descriptor.len, 5);
        assert_eq!(descriptor.picture_id, Some(PictureId::Long(0x100)));
        assert_eq!(
            (descriptor.temporal, descriptor.spatial),
            (Some(1), Some(2))
        );
        assert!(descriptor.switching_up_point && descriptor.inter_layer_predicted);
        assert_eq!(descriptor.tl0_pic_idx, Some(9));
        assert!(!descriptor.is_key_frame(), "of an upper spatial layer");
    }

    #[test]
    fn an_unpredicted_frame_of_the_lowest_layer_is_a_key_frame() {
        assert!(Vp9Descriptor::parse(&[0x08]).unwrap().is_key_frame());
        assert!(!Vp9Descriptor::parse(&[0x48]).unwrap().is_key_frame());
        assert!(!Vp9Descriptor::parse(&[0x00]).unwrap().is_key_frame());
    }

    #[test]
    fn more_than_three_references_are_refused() {
        assert_eq!(Vp9Descriptor::parse(&[0x50, 3, 3, 2]).unwrap().len, 4);
        assert_eq!(
            Vp9Descriptor::parse(&[0x50, 3, 3, 3, 2]),
            Err(PayloadError::Invalid)
        );
    }
}
