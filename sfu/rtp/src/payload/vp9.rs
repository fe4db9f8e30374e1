use super::PayloadError;

/// VP9 payload descriptor (RFC 9628 section 4.2), as far as forwarding needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// Length of the descriptor in bytes, without a scalability structure.
    pub len: u8,
    /// `PictureID`: 15 bits, or 7.
    pub picture_id: Option<super::PictureId>,
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
    /// Reads the descriptor.
    ///
    /// # Errors
    ///
    /// Fails when `payload` ends within it.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        todo!()
    }

    /// Reports whether the packet begins a key frame: of the lowest spatial layer and not predicted.
    pub fn is_key_frame(&self) -> bool {
        todo!()
    }
}
