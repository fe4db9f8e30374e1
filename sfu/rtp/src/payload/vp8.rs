//! The VP8 payload descriptor (RFC 7741).

use super::PayloadError;
use super::bytes::Bytes;

/// VP8 payload descriptor (RFC 7741 section 4.2) and the key frame bit behind it.
///
/// ```text
///      0 1 2 3 4 5 6 7
///     +-+-+-+-+-+-+-+-+
///     |X|R|N|S|R| PID | (REQUIRED)
///     +-+-+-+-+-+-+-+-+
/// X:  |I|L|T|K| RSV   | (OPTIONAL)
///     +-+-+-+-+-+-+-+-+
/// I:  |M| PictureID   | (OPTIONAL)
///     +-+-+-+-+-+-+-+-+
/// M:  |   PictureID   | (OPTIONAL)
///     +-+-+-+-+-+-+-+-+
/// L:  |   TL0PICIDX   | (OPTIONAL)
///     +-+-+-+-+-+-+-+-+
/// T/K:|TID|Y| KEYIDX  | (OPTIONAL)
///     +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// Length of the descriptor in bytes: `1..=6`.
    pub len: u8,
    /// `S` and a `PID` of zero: the packet begins a frame.
    pub frame_start: bool,
    /// The first packet of a key frame.
    pub key_frame: bool,
    /// `N`: no other frame needs this one.
    pub non_reference: bool,
    /// `PictureID`: 15 bits, or 7.
    pub picture_id: Option<PictureId>,
    /// `TL0PICIDX`: counts frames of the lowest temporal layer.
    pub tl0_pic_idx: Option<u8>,
    /// `TID`, the temporal layer: `0..=3`.
    pub temporal: Option<u8>,
    /// `Y`, layer sync: the frame needs only frames of the lowest temporal layer.
    pub layer_sync: bool,
    /// `KEYIDX`, five bits: counts key frames.
    pub key_idx: Option<u8>,
}

/// A picture's number, in one of two lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureId {
    /// Seven bits, one byte.
    Short(u8),
    /// Fifteen bits, two bytes.
    Long(u16),
}

impl PictureId {
    /// Reads one or two bytes: the first bit says which (`M`).
    #[inline]
    pub(super) fn parse(bytes: &mut Bytes<'_>) -> Result<Self, PayloadError> {
        let first = bytes.take()?;
        if first & 0x80 == 0 {
            return Ok(Self::Short(first));
        }
        let second = bytes.take()?;
        Ok(Self::Long(u16::from_be_bytes([first & 0x7f, second])))
    }
}

impl Vp8Descriptor {
    pub(super) const X: u8 = 0x80;
    const N: u8 = 0x20;
    const S: u8 = 0x10;
    const PID: u8 = 0x07;
    const I: u8 = 0x80;
    const L: u8 = 0x40;
    const T: u8 = 0x20;
    const K: u8 = 0x10;

    /// Reads the descriptor and the first byte of the VP8 payload header.
    ///
    /// # Errors
    ///
    /// Fails when `payload` ends within them.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut bytes = Bytes(payload);
        let required = bytes.take()?;
        let present = if required & Self::X == 0 {
            0
        } else {
            bytes.take()?
        };
        let mut descriptor = Self {
            len: 0,
            frame_start: required & Self::S != 0 && required & Self::PID == 0,
            key_frame: false,
            non_reference: required & Self::N != 0,
            picture_id: None,
            tl0_pic_idx: None,
            temporal: None,
            layer_sync: false,
            key_idx: None,
        };
        if present & Self::I != 0 {
            descriptor.picture_id = Some(PictureId::parse(&mut bytes)?);
        }
        if present & Self::L != 0 {
            descriptor.tl0_pic_idx = Some(bytes.take()?);
        }
        if present & (Self::T | Self::K) != 0 {
            let byte = bytes.take()?;
            if present & Self::T != 0 {
                descriptor.temporal = Some(byte >> 6);
                descriptor.layer_sync = byte & 0x20 != 0;
            }
            if present & Self::K != 0 {
                descriptor.key_idx = Some(byte & 0x1f);
            }
        }
        // At most six bytes were taken.
        descriptor.len = ((payload.len() - bytes.0.len()) & 0xff) as u8;
        // RFC 7741 section 4.3: the inverse key frame flag is the lowest bit of the payload header.
        let header = bytes.take()?;
        descriptor.key_frame = descriptor.frame_start && header & 1 == 0;
        Ok(descriptor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_chrome_is_read() {
        let payload = [0x90, 0xe0, 0x92, 0x34, 0x07, 0x60, 0x01, 0x02];
        let descriptor = Vp8Descriptor::parse(&payload).unwrap();
        assert_eq!(
            descriptor,
            Vp8Descriptor {
                len: 6,
                frame_start: true,
                key_frame: false,
                non_reference: false,
                picture_id: Some(PictureId::Long(0x1234)),
                tl0_pic_idx: Some(7),
                temporal: Some(1),
                layer_sync: true,
                key_idx: None,
            }
        );
    }

    #[test]
    fn only_the_first_packet_of_a_key_frame_is_a_key_frame() {
        assert!(Vp8Descriptor::parse(&[0x10, 0x50]).unwrap().key_frame);
        assert!(!Vp8Descriptor::parse(&[0x00, 0x50]).unwrap().key_frame);
        assert!(!Vp8Descriptor::parse(&[0x11, 0x50]).unwrap().key_frame);
        assert!(!Vp8Descriptor::parse(&[0x10, 0x51]).unwrap().key_frame);
    }

    #[test]
    fn a_short_picture_id_and_a_key_index_are_read() {
        let descriptor = Vp8Descriptor::parse(&[0x80, 0x90, 0x7f, 0xff, 0x00]).unwrap();
        assert_eq!(descriptor.picture_id, Some(PictureId::Short(127)));
        assert_eq!((descriptor.key_idx, descriptor.temporal), (Some(31), None));
        assert!(!descriptor.layer_sync);
    }

    #[test]
    fn every_truncation_is_refused() {
        let payload = [0x90, 0xf0, 0x92, 0x34, 0x07, 0x60, 0x01];
        for len in 0..payload.len() {
            assert_eq!(
                Vp8Descriptor::parse(&payload[..len]),
                Err(PayloadError::TooShort)
            );
        }
        assert!(Vp8Descriptor::parse(&payload).is_ok());
    }
}
