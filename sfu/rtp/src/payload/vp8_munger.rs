use super::Vp8Descriptor;

/// What the fields of a VP8 descriptor are replaced by. A field that the descriptor lacks stays
/// away; a picture id is always written with 15 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp8Rewrite {
    /// `PictureID`, 15 bits.
    pub picture_id: u16,
    /// `TL0PICIDX`.
    pub tl0_pic_idx: u8,
    /// `KEYIDX`, five bits.
    pub key_idx: u8,
}

impl Vp8Rewrite {
    /// Appends the descriptor with the fields replaced. `payload` is the one that it was read from.
    #[inline]
    pub fn write(&self, descriptor: &Vp8Descriptor, payload: &[u8], out: &mut Vec<u8>) {
        todo!()
    }
}

/// Numbers the pictures of one subscription without gaps over switches of source and dropped temporal
/// layers.
#[derive(Clone, Debug)]
pub struct Vp8Munger {}

impl Vp8Munger {
    /// Begins with the numbers of the first picture.
    pub fn new() -> Self {
        todo!()
    }

    /// Goes on with `first`, the first forwarded packet of another source or after a pause: its picture
    /// gets the numbers after the last.
    pub fn switch_source(&mut self, first: &Vp8Descriptor) {
        todo!()
    }

    /// Numbers a packet that is forwarded. `None` when its picture was left out, or is older than what
    /// is remembered.
    #[inline]
    pub fn forward(&mut self, descriptor: &Vp8Descriptor) -> Option<Vp8Rewrite> {
        todo!()
    }

    /// Leaves out the picture of a packet (a temporal layer that is not wanted): the next one closes up.
    #[inline]
    pub fn leave_out(&mut self, descriptor: &Vp8Descriptor) {
        todo!()
    }
}
