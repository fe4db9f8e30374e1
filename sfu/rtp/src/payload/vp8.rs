use super::PayloadError;

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

impl Vp8Descriptor {
    /// Reads the descriptor and the first byte of the VP8 payload header.
    ///
    /// # Errors
    ///
    /// Fails when `payload` ends within them.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        todo!()
    }
}
