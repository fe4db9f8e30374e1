//! What a packet is to those who choose layers, whatever its codec.

use sfu_model::Codec;
use sfu_rtp::payload::{Descriptor, Peek, Vp8Descriptor};

use crate::descriptor_reader::Described;

/// What a packet is to those who choose layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Whether a decoder can begin at this packet.
    pub(crate) key: bool,
    /// Whether a decoder that has seen what came before can recover at this packet.
    pub(crate) intra: bool,
    /// Whether the packet is of a picture, and not of parameter sets or the like alone.
    pub(crate) picture: bool,
    /// Whether the packet begins a frame of its layer.
    pub(crate) start: bool,
    /// Whether the packet is known to end a frame of its layer.
    pub(crate) end: bool,
    /// Spatial layer in a stream that has several, otherwise zero.
    pub(crate) spatial: u8,
    /// Temporal layer where its payload says which, otherwise zero.
    pub(crate) temporal: u8,
    /// Whether a receiver of the temporal layer below can go up to this one here.
    pub(crate) switching_point: bool,
    /// Whether a receiver of the spatial layer below can go up to this one here: it needs no earlier picture.
    pub(crate) spatial_switching_point: bool,
    pub(crate) vp8: Option<Vp8Descriptor>,
    /// What its dependency descriptor says.
    pub(crate) described: Option<Described>,
}

impl Frame {
    /// Takes what the payload of `codec` says. Layers count only where each packet names its own: an
    /// AV1 packet in the midst of a frame does not.
    #[inline]
    pub(crate) fn new(codec: Codec, peek: &Peek) -> Self {
        let mut frame = Self {
            key: peek.key_frame,
            intra: peek.intra,
            picture: peek.picture,
            start: peek.frame_start,
            end: false,
            spatial: 0,
            temporal: 0,
            switching_point: peek.switching_point,
            spatial_switching_point: false,
            vp8: None,
            described: None,
        };
        match (codec, &peek.descriptor) {
            (Codec::Vp8, Descriptor::Vp8(descriptor)) => {
                frame.temporal = peek.temporal.0;
                frame.vp8 = Some(*descriptor);
            }
            (Codec::Vp9, Descriptor::Vp9(descriptor)) => {
                frame.spatial = peek.spatial.0;
                frame.temporal = peek.temporal.0;
                frame.end = descriptor.frame_end;
                frame.spatial_switching_point = !descriptor.inter_picture_predicted;
            }
            (_, Descriptor::None | Descriptor::Vp8(_) | Descriptor::Vp9(_)) => {}
        }
        frame
    }

    /// Takes what its dependency descriptor says.
    pub(crate) fn describe(&mut self, codec: Codec, described: Described) {
        self.described = Some(described);
        if codec == Codec::Av1 {
            self.start = described.start;
            self.end = described.end;
            self.spatial = described.spatial;
        }
    }

    /// Returns the spatial and the temporal layer that it counts to.
    #[inline]
    pub(crate) fn layer(&self) -> (u8, u8) {
        match &self.described {
            Some(described) => (described.spatial, described.temporal),
            None => (self.spatial, self.temporal),
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::{SpatialLayer, TemporalLayer};

    use super::*;

    #[test]
    fn layers_that_only_some_packets_of_a_frame_name_do_not_count() {
        let peek = Peek {
            key_frame: false,
            intra: false,
            picture: true,
            frame_start: true,
            spatial: SpatialLayer(2),
            temporal: TemporalLayer(1),
            switching_point: false,
            descriptor: Descriptor::None,
        };
        for codec in [Codec::Av1, Codec::H264, Codec::H265] {
            let frame = Frame::new(codec, &peek);
            assert_eq!((frame.spatial, frame.temporal), (0, 0));
        }
    }
}
