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
    /// Which decode targets are active, one bit each, where the descriptor says it and its length is
    /// known (see [`DependencyDescriptor::parse_with`]).
    pub active_decode_targets: Option<u32>,
}

impl DependencyDescriptor {
    /// Reads a descriptor. Active decode targets are read behind an attached structure only.
    ///
    /// # Errors
    ///
    /// Says what does not fit.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        Self::parse_with(bytes, None)
    }

    /// Reads a descriptor; `known` is the structure that its frames follow when none is attached.
    ///
    /// # Errors
    ///
    /// Says what does not fit.
    #[inline]
    pub fn parse_with(
        bytes: &[u8],
        known: Option<&TemplateStructure>,
    ) -> Result<Self, DescriptorError> {
        let (mandatory, extended) = bytes
            .split_first_chunk::<3>()
            .ok_or(DescriptorError::TooShort)?;
        let [flags, n0, n1] = *mandatory;
        let mut descriptor = Self {
            start_of_frame: flags & 0x80 != 0,
            end_of_frame: flags & 0x40 != 0,
            template_id: flags & 0x3f,
            frame_number: u16::from_be_bytes([n0, n1]),
            has_structure: false,
            active_decode_targets: None,
        };
        if !extended.is_empty() {
            descriptor.parse_extended(extended, known)?;
        }
        Ok(descriptor)
    }

    fn parse_extended(
        &mut self,
        extended: &[u8],
        known: Option<&TemplateStructure>,
    ) -> Result<(), DescriptorError> {
        let mut bits = Bits::new(extended);
        let flags = ExtendedFlags::parse(&mut bits)?;
        self.has_structure = flags.structure;
        let targets = if flags.structure {
            // AV1 RTP specification, appendix A.8.2: all targets are active unless said otherwise.
            let structure = TemplateStructure::parse_behind_flags(&mut bits)?;
            self.active_decode_targets = Some(structure.all_decode_targets());
            Some(structure.decode_targets)
        } else {
            known.map(|structure| structure.decode_targets)
        };
        if let (true, Some(targets)) = (flags.active_decode_targets, targets) {
            self.active_decode_targets = Some(bits.take(u32::from(targets))?);
        }
        Ok(())
    }
}

struct ExtendedFlags {
    structure: bool,
    active_decode_targets: bool,
}

impl ExtendedFlags {
    fn parse(bits: &mut Bits<'_>) -> Result<Self, DescriptorError> {
        let flags = Self {
            structure: bits.take(1)? == 1,
            active_decode_targets: bits.take(1)? == 1,
        };
        // custom_dtis_flag, custom_fdiffs_flag, custom_chains_flag: about this frame alone.
        bits.take(3)?;
        Ok(flags)
    }
}

/// The layer of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameLayer {
    /// Spatial layer, capped at [`SpatialLayer::MAX`].
    pub spatial: SpatialLayer,
    /// Temporal layer, capped at [`TemporalLayer::MAX`].
    pub temporal: TemporalLayer,
}

/// The templates that frames of a stream follow, until the next key frame brings others (AV1 RTP
/// specification, appendix A.8.3). About 600 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateStructure {
    first_id: u8,
    template_count: u8,
    decode_targets: u8,
    templates: [Template; Self::MAX_TEMPLATES],
    target_layers: [FrameLayer; Self::MAX_DECODE_TARGETS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Template {
    layer: FrameLayer,
    /// Decode targets that the frame belongs to, one bit each.
    present: u32,
}

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
        let extended = bytes.get(3..).ok_or(DescriptorError::TooShort)?;
        if extended.is_empty() {
            return Err(DescriptorError::NoStructure);
        }
        let mut bits = Bits::new(extended);
        if !ExtendedFlags::parse(&mut bits)?.structure {
            return Err(DescriptorError::NoStructure);
        }
        Self::parse_behind_flags(&mut bits)
    }

    fn parse_behind_flags(bits: &mut Bits<'_>) -> Result<Self, DescriptorError> {
        let mut structure = Self {
            first_id: bits.take_u8(6)?,
            template_count: 0,
            decode_targets: bits.take_u8(5)? + 1,
            templates: [Template::default(); Self::MAX_TEMPLATES],
            target_layers: [FrameLayer::default(); Self::MAX_DECODE_TARGETS],
        };
        let max_spatial = structure.parse_layers(bits)?;
        structure.parse_indications(bits)?;
        structure.skip_frame_differences(bits)?;
        structure.skip_chains(bits)?;
        if bits.take(1)? == 1 {
            // Width and height of each spatial layer.
            for _ in 0..=max_spatial {
                bits.take(32)?;
            }
        }
        Ok(structure)
    }

    /// `template_layers`: each template's layer follows from that of the one before. Returns the
    /// highest spatial layer.
    fn parse_layers(&mut self, bits: &mut Bits<'_>) -> Result<u8, DescriptorError> {
        let (mut spatial, mut temporal) = (0_u8, 0_u8);
        for template in &mut self.templates {
            self.template_count += 1;
            template.layer = FrameLayer {
                spatial: SpatialLayer(spatial).min(SpatialLayer::MAX),
                temporal: TemporalLayer(temporal).min(TemporalLayer::MAX),
            };
            // next_layer_idc
            match bits.take(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (spatial, temporal) = (spatial + 1, 0),
                _ => return Ok(spatial),
            }
        }
        Err(DescriptorError::TooMany)
    }

    /// `template_dtis`: what each template is to each decode target; and from that, each target's
    /// layer (`decode_target_layers`).
    fn parse_indications(&mut self, bits: &mut Bits<'_>) -> Result<(), DescriptorError> {
        let templates = self.templates.iter_mut();
        for template in templates.take(usize::from(self.template_count)) {
            let targets = self.target_layers.iter_mut().enumerate();
            for (index, target) in targets.take(usize::from(self.decode_targets)) {
                // 0 is "not present", the others are discardable, switch and required.
                if bits.take(2)? != 0 {
                    template.present |= 1 << index;
                    target.spatial = target.spatial.max(template.layer.spatial);
                    target.temporal = target.temporal.max(template.layer.temporal);
                }
            }
        }
        Ok(())
    }

    /// `template_fdiffs`
    fn skip_frame_differences(&self, bits: &mut Bits<'_>) -> Result<(), DescriptorError> {
        for _ in 0..self.template_count {
            while bits.take(1)? == 1 {
                bits.take(4)?;
            }
        }
        Ok(())
    }

    /// `template_chains`
    fn skip_chains(&self, bits: &mut Bits<'_>) -> Result<(), DescriptorError> {
        let chains = bits.take_non_symmetric(u32::from(self.decode_targets) + 1)?;
        if chains == 0 {
            return Ok(());
        }
        for _ in 0..self.decode_targets {
            bits.take_non_symmetric(chains)?;
        }
        bits.skip(4 * usize::from(self.template_count) * chains as usize)
    }

    /// Returns the layer of frames of `template_id`. `None` when the structure has no such template.
    #[inline]
    pub fn layer(&self, template_id: u8) -> Option<FrameLayer> {
        self.template(template_id).map(|template| template.layer)
    }

    /// Reports whether decode target `index` needs, or may use, frames of `template_id`.
    #[inline]
    pub fn belongs_to(&self, template_id: u8, index: usize) -> bool {
        self.template(template_id)
            .is_some_and(|template| index < 32 && template.present & (1 << index) != 0)
    }

    #[inline]
    fn template(&self, template_id: u8) -> Option<&Template> {
        // AV1 RTP specification, appendix A.8.4: ids count on from the structure's, modulo 64.
        let index = template_id.wrapping_sub(self.first_id) & 0x3f;
        if index >= self.template_count {
            return None;
        }
        self.templates.get(usize::from(index))
    }

    /// Returns the highest layer that decode target `index` needs.
    pub fn decode_target(&self, index: usize) -> Option<FrameLayer> {
        let known = self.target_layers.get(..self.decode_targets())?;
        known.get(index).copied()
    }

    /// Returns the number of decode targets: `1..=32`.
    pub fn decode_targets(&self) -> usize {
        usize::from(self.decode_targets)
    }

    fn all_decode_targets(&self) -> u32 {
        u32::MAX >> (32 - u32::from(self.decode_targets))
    }
}

/// Takes bits off the front of bytes, the highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    taken: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0 }
    }

    /// Takes up to 32 bits.
    fn take(&mut self, count: u32) -> Result<u32, DescriptorError> {
        let mut value = 0;
        let mut left = count;
        while left > 0 {
            let byte = self
                .bytes
                .get(self.taken / 8)
                .ok_or(DescriptorError::TooShort)?;
            // `free` is 1..=8 and `chunk` at most that.
            let free = 8 - (self.taken % 8) as u32;
            let chunk = free.min(left);
            let bits = (u32::from(*byte) >> (free - chunk)) & ((1 << chunk) - 1);
            value = value << chunk | bits;
            self.taken += chunk as usize;
            left -= chunk;
        }
        Ok(value)
    }

    /// Takes up to 8 bits.
    fn take_u8(&mut self, count: u32) -> Result<u8, DescriptorError> {
        Ok((self.take(count)? & 0xff) as u8)
    }

    /// Takes a number in `0..values` (`ns(n)`, AV1 specification section 4.10.7).
    fn take_non_symmetric(&mut self, values: u32) -> Result<u32, DescriptorError> {
        let width = u32::BITS - values.leading_zeros();
        let short = (1_u32 << width).saturating_sub(values);
        let value = self.take(width.saturating_sub(1))?;
        if value < short {
            return Ok(value);
        }
        Ok((value << 1) - short + self.take(1)?)
    }

    fn skip(&mut self, count: usize) -> Result<(), DescriptorError> {
        self.taken += count;
        if self.taken > self.bytes.len() * 8 {
            return Err(DescriptorError::TooShort);
        }
        Ok(())
    }
}

/// Why bytes are not a dependency descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorError {
    /// It ends early.
    TooShort,
    /// More templates than there can be.
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
