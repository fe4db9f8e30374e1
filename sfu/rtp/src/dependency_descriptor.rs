//! The dependency descriptor of scalable video: which frames a frame needs.

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts bits one behind the other.
    #[derive(Default)]
    struct BitWriter(Vec<bool>);

    impl BitWriter {
        fn put(&mut self, count: u32, value: u32) -> &mut Self {
            self.0
                .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn bytes(&self) -> Vec<u8> {
            let byte = |bits: &[bool]| {
                let bits = bits.iter().enumerate();
                bits.fold(0, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i))
            };
            self.0.chunks(8).map(byte).collect()
        }
    }

    /// The descriptor of a key frame of two spatial and two temporal layers, ids from 60 on; its
    /// decode targets are (0, 0), (0, 1), (1, 0) and (1, 1).
    fn key_frame(active_decode_targets: Option<u32>) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.put(1, 1).put(1, 0).put(6, 60).put(16, 0x1234);
        let active = u32::from(active_decode_targets.is_some());
        bits.put(1, 1).put(1, active).put(3, 0);
        // template_id_offset, dt_cnt_minus_one
        bits.put(6, 60).put(5, 3);
        // next_layer_idc: T0 and T1 of S0, T0, another T0 and T1 of S1
        for idc in [1, 2, 0, 1, 3] {
            bits.put(2, idc);
        }
        let indications = [
            [2, 2, 2, 2],
            [0, 1, 0, 1],
            [0, 0, 2, 2],
            [0, 0, 3, 3],
            [0, 0, 0, 1],
        ];
        for indication in indications.into_iter().flatten() {
            bits.put(2, indication);
        }
        // template_fdiffs: none, and twice one
        for differences in [0, 2, 0, 1, 1] {
            for _ in 0..differences {
                bits.put(1, 1).put(4, 1);
            }
            bits.put(1, 0);
        }
        // Two chains of 0..=4: ns(5) of 2 is "10"; each target's chain is ns(2): one bit.
        bits.put(2, 0b10).put(4, 0b0011);
        for _ in 0..5 * 2 {
            bits.put(4, 1);
        }
        bits.put(1, 1);
        for side in [319, 179, 639, 359] {
            bits.put(16, side);
        }
        bits.put(4 * active, active_decode_targets.unwrap_or(0));
        bits.bytes()
    }

    fn layer(spatial: u8, temporal: u8) -> FrameLayer {
        FrameLayer {
            spatial: SpatialLayer(spatial),
            temporal: TemporalLayer(temporal),
        }
    }

    #[test]
    fn the_mandatory_part_is_three_bytes() {
        let descriptor = DependencyDescriptor::parse(&[0x45, 0x12, 0x34]).unwrap();
        assert_eq!(
            (descriptor.start_of_frame, descriptor.end_of_frame),
            (false, true)
        );
        assert_eq!(
            (descriptor.template_id, descriptor.frame_number),
            (5, 0x1234)
        );
        assert!(!descriptor.has_structure);
        assert_eq!(descriptor.active_decode_targets, None);
    }

    #[test]
    fn a_key_frame_has_its_structure_attached() {
        let bytes = key_frame(None);
        let descriptor = DependencyDescriptor::parse(&bytes).unwrap();
        assert!(descriptor.has_structure && descriptor.start_of_frame);
        assert_eq!(descriptor.active_decode_targets, Some(0b1111));
        let structure = TemplateStructure::parse(&bytes).unwrap();
        let layers: Vec<_> = (58..64).chain(0..2).map(|id| structure.layer(id)).collect();
        assert_eq!(
            layers,
            [
                None,
                None,
                Some(layer(0, 0)),
                Some(layer(0, 1)),
                Some(layer(1, 0)),
                Some(layer(1, 0)),
                Some(layer(1, 1)),
                None
            ]
        );
    }

    #[test]
    fn decode_targets_have_the_layers_of_their_frames() {
        let structure = TemplateStructure::parse(&key_frame(None)).unwrap();
        let targets: Vec<_> = (0..5).map(|i| structure.decode_target(i)).collect();
        let expected = [layer(0, 0), layer(0, 1), layer(1, 0), layer(1, 1)].map(Some);
        assert_eq!(targets[..4], expected);
        assert_eq!((targets[4], structure.decode_targets()), (None, 4));
        assert!(structure.belongs_to(61, 1) && !structure.belongs_to(61, 2));
        assert!(!structure.belongs_to(61, 32) && !structure.belongs_to(1, 0));
    }

    #[test]
    fn active_decode_targets_are_read_behind_the_structure_and_by_it() {
        let bytes = key_frame(Some(0b0011));
        let descriptor = DependencyDescriptor::parse(&bytes).unwrap();
        assert_eq!(descriptor.active_decode_targets, Some(0b0011));

        let structure = TemplateStructure::parse(&bytes).unwrap();
        let mut bits = BitWriter::default();
        bits.put(24, 0).put(1, 0).put(1, 1).put(3, 0).put(4, 0b0111);
        let later = bits.bytes();
        let known = DependencyDescriptor::parse_with(&later, Some(&structure)).unwrap();
        assert_eq!(known.active_decode_targets, Some(0b0111));
        let unknown = DependencyDescriptor::parse(&later).unwrap();
        assert_eq!(unknown.active_decode_targets, None);
    }

    #[test]
    fn every_truncation_is_refused_or_mandatory_alone() {
        let bytes = key_frame(Some(0b0011));
        for len in 0..bytes.len() {
            let parsed = DependencyDescriptor::parse(&bytes[..len]);
            assert_eq!(parsed.is_ok(), len == 3, "{len} bytes");
            assert!(TemplateStructure::parse(&bytes[..len]).is_err());
        }
        assert_eq!(
            TemplateStructure::parse(&[0, 0, 0, 0]),
            Err(DescriptorError::NoStructure)
        );
    }

    #[test]
    fn endless_templates_are_refused() {
        let mut bytes = vec![0x80, 0, 1, 0x80];
        bytes.resize(200, 0);
        assert_eq!(
            TemplateStructure::parse(&bytes),
            Err(DescriptorError::TooMany)
        );
    }

    #[test]
    fn non_symmetric_numbers_of_five_values_take_two_or_three_bits() {
        let bytes = [0b0001_1011, 0b1111_0000];
        let mut bits = Bits::new(&bytes);
        let values: Vec<_> = (0..5)
            .map(|_| bits.take_non_symmetric(5).unwrap())
            .collect();
        assert_eq!(values, [0, 1, 2, 4, 4]);
        assert_eq!(bits.take_non_symmetric(1).unwrap(), 0);
    }
}
