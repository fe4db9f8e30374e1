use std::fmt;

use sfu_model::{SpatialLayer, TemporalLayer};

/// The mandatory part of a dependency descriptor and its flags (AV1 RTP specification, appendix A.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// Whether the packet begins a frame.
    pub start_of_frame: bool,
    /// Whether the packet ends a frame.
    pub end_of_frame: bool,
    /// Which template of the structure the frame follows: `0..=63`.
    pub template_id: u8,
    /// Frame number; wraps.
    pub frame_number: u16,
    /// Whether the template structure is attached: the first packet of a key frame.
    pub has_structure: bool,
    /// Which decode targets are active, where the descriptor says it.
    pub active_decode_targets: Option<u32>,
}

impl DependencyDescriptor {
    /// Reads a descriptor. The active decode targets behind a structure are read through it.
    ///
    /// # Errors
    ///
    /// Says what does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        todo!()
    }
}

/// The layer of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLayer {
    /// Spatial layer, capped at [`SpatialLayer::MAX`].
    pub spatial: SpatialLayer,
    /// Temporal layer, capped at [`TemporalLayer::MAX`].
    pub temporal: TemporalLayer,
}

/// The templates that frames of a stream follow, until the next key frame brings others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateStructure {}

impl TemplateStructure {
    /// Most templates.
    pub const MAX_TEMPLATES: usize = 64;
    /// Most decode targets.
    pub const MAX_DECODE_TARGETS: usize = 32;

    /// Reads the structure of a descriptor that has one.
    ///
    /// # Errors
    ///
    /// Says what does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        todo!()
    }

    /// Returns the layer of frames of `template_id`. `None` when the structure has no such template.
    pub fn layer(&self, template_id: u8) -> Option<FrameLayer> {
        todo!()
    }

    /// Returns the highest layer that decode target `index` needs.
    pub fn decode_target(&self, index: usize) -> Option<FrameLayer> {
        todo!()
    }

    /// Returns the number of decode targets.
    pub fn decode_targets(&self) -> usize {
        todo!()
    }
}

/// Why bytes are not a dependency descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorError {
    /// It ends early.
    TooShort,
    /// More templates, decode targets or layers than there can be.
    TooMany,
    /// There is no structure attached.
    NoStructure,
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "dependency descriptor ends early",
            Self::TooMany => "dependency descriptor exceeds its bounds",
            Self::NoStructure => "dependency descriptor has no template structure",
        })
    }
}

impl std::error::Error for DescriptorError {}
