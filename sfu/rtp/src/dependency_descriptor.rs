//! The dependency descriptor of scalable video: which frames a frame needs, and for whom it is.

mod bits;
mod dependencies;
mod error;
mod fields;
mod limited;
mod structure;

pub use dependencies::{Dependencies, FrameLayer, References};
pub use error::DescriptorError;
pub use limited::LimitedDescriptor;
pub use structure::TemplateStructure;

use bits::Bits;
use fields::{Flags, MANDATORY_LEN};

/// A dependency descriptor (AV1 RTP specification, appendix A.8), as far as forwarding needs it: to its frame's
/// references. Chains say again which of those must not be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// Whether the packet begins a frame.
    pub start_of_frame: bool,
    /// Whether the packet ends a frame.
    pub end_of_frame: bool,
    /// Frame number; wraps.
    pub frame_number: u16,
    /// Whether the template structure is attached: the first packet of a key frame.
    pub has_structure: bool,
    /// Which decode targets are active from here on, one bit each, where the descriptor says it.
    pub active_decode_targets: Option<u32>,
    /// What the frame is to decode targets, and which frames it needs.
    pub dependencies: Dependencies,
}

impl DependencyDescriptor {
    /// Reports whether a descriptor has a structure attached, without reading that.
    #[inline]
    pub fn is_structure_attached(bytes: &[u8]) -> bool {
        bytes
            .get(MANDATORY_LEN)
            .is_some_and(|flags| flags & 0x80 != 0)
    }

    /// Reads a descriptor; `known` is the structure that its frame follows when none is attached.
    ///
    /// # Errors
    ///
    /// Says what does not fit.
    #[inline]
    pub fn parse(bytes: &[u8], known: Option<&TemplateStructure>) -> Result<Self, DescriptorError> {
        let (mandatory, extended) = bytes
            .split_first_chunk::<MANDATORY_LEN>()
            .ok_or(DescriptorError::TooShort)?;
        let [flags, n0, n1] = *mandatory;
        let mut descriptor = Self {
            start_of_frame: flags & 0x80 != 0,
            end_of_frame: flags & 0x40 != 0,
            frame_number: u16::from_be_bytes([n0, n1]),
            has_structure: false,
            active_decode_targets: None,
            dependencies: Dependencies::default(),
        };
        let template_id = flags & 0x3f;
        if extended.is_empty() {
            let structure = known.ok_or(DescriptorError::NoStructure)?;
            let template = structure.template(template_id);
            descriptor.dependencies = *template.ok_or(DescriptorError::NoTemplate)?;
        } else {
            descriptor.parse_extended(extended, template_id, known)?;
        }
        Ok(descriptor)
    }

    fn parse_extended(
        &mut self,
        extended: &[u8],
        template_id: u8,
        known: Option<&TemplateStructure>,
    ) -> Result<(), DescriptorError> {
        let mut bits = Bits::new(extended);
        let flags = Flags::parse(&mut bits)?;
        let attached;
        let structure = if flags.structure {
            attached = TemplateStructure::parse_behind_flags(&mut bits)?;
            // AV1 RTP specification, appendix A.8.2: all targets are active unless said otherwise.
            self.active_decode_targets = Some(attached.all_decode_targets());
            self.has_structure = true;
            &attached
        } else {
            known.ok_or(DescriptorError::NoStructure)?
        };
        let targets = structure.decode_targets();
        if flags.active_decode_targets {
            self.active_decode_targets = Some(bits.take(u32::from(targets))?);
        }
        let template = structure.template(template_id);
        self.dependencies = *template.ok_or(DescriptorError::NoTemplate)?;
        if flags.custom_indications {
            self.dependencies.parse_indications(&mut bits, targets)?;
        }
        if flags.custom_references {
            self.dependencies.references = References::parse_custom(&mut bits)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
