//! The templates that frames of a stream follow.

use sfu_model::{SpatialLayer, TemporalLayer};

use super::bits::Bits;
use super::dependencies::{Dependencies, FrameLayer, References};
use super::error::DescriptorError;
use super::fields::Flags;

/// The templates that frames of a stream follow, until the next key frame brings others (AV1 RTP
/// specification, appendix A.8.3). About 2,100 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateStructure {
    first_id: u8,
    template_count: u8,
    decode_targets: u8,
    templates: [Dependencies; Self::MAX_TEMPLATES],
    target_layers: [FrameLayer; Self::MAX_DECODE_TARGETS],
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
        if !Flags::parse(&mut bits)?.structure {
            return Err(DescriptorError::NoStructure);
        }
        Self::parse_behind_flags(&mut bits)
    }

    pub(super) fn parse_behind_flags(bits: &mut Bits<'_>) -> Result<Self, DescriptorError> {
        let mut structure = Self {
            first_id: bits.take_u8(6)?,
            template_count: 0,
            decode_targets: bits.take_u8(5)? + 1,
            templates: [Dependencies::default(); Self::MAX_TEMPLATES],
            target_layers: [FrameLayer::default(); Self::MAX_DECODE_TARGETS],
        };
        let max_spatial = structure.parse_layers(bits)?;
        let targets = structure.decode_targets;
        for template in structure.templates_mut() {
            template.parse_indications(bits, targets)?;
        }
        for template in structure.templates_mut() {
            template.references = References::parse_template(bits)?;
        }
        structure.skip_chains(bits)?;
        if bits.take_flag()? {
            // Width and height of each spatial layer.
            for _ in 0..=max_spatial {
                bits.take(32)?;
            }
        }
        structure.find_target_layers();
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

    /// `template_chains`: which frames protect which decode target. What a frame needs is known from its references.
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

    /// `decode_target_layers`: each target's layer is the highest of its frames.
    fn find_target_layers(&mut self) {
        let templates = self.templates.iter().take(usize::from(self.template_count));
        for template in templates {
            for (index, target) in self.target_layers.iter_mut().enumerate() {
                if template.present & (1 << index) != 0 {
                    target.spatial = target.spatial.max(template.layer.spatial);
                    target.temporal = target.temporal.max(template.layer.temporal);
                }
            }
        }
    }

    fn templates_mut(&mut self) -> impl Iterator<Item = &mut Dependencies> {
        let count = usize::from(self.template_count);
        self.templates.iter_mut().take(count)
    }

    fn templates(&self) -> impl Iterator<Item = &Dependencies> {
        self.templates.iter().take(usize::from(self.template_count))
    }

    /// Returns what frames of `template_id` are, unless they say otherwise themselves. `None` when the structure has no
    /// such template.
    #[inline]
    pub fn template(&self, template_id: u8) -> Option<&Dependencies> {
        // AV1 RTP specification, appendix A.8.4: ids count on from the structure's, modulo 64.
        let index = template_id.wrapping_sub(self.first_id) & 0x3f;
        if index >= self.template_count {
            return None;
        }
        self.templates.get(usize::from(index))
    }

    /// Returns the highest layer that decode target `index` needs.
    pub fn decode_target(&self, index: usize) -> Option<FrameLayer> {
        self.target_layers().nth(index)
    }

    /// Returns the number of decode targets: `1..=32`.
    pub fn decode_targets(&self) -> u8 {
        self.decode_targets
    }

    /// Iterates over the highest layer of each decode target.
    fn target_layers(&self) -> impl Iterator<Item = FrameLayer> + Clone {
        let known = self.target_layers.iter();
        known.take(usize::from(self.decode_targets)).copied()
    }

    /// Returns all decode targets, one bit each.
    pub fn all_decode_targets(&self) -> u32 {
        u32::MAX >> (32 - u32::from(self.decode_targets))
    }

    /// Returns those of the `active` decode targets that need no layer above `limit`, one bit each.
    pub fn targets_within(&self, limit: FrameLayer, active: u32) -> u32 {
        let layers = (0..).zip(self.target_layers());
        let within = layers.filter(|(_, layer)| layer.is_within(limit));
        within.fold(0, |mask, (index, _)| mask | 1 << index) & active
    }

    /// Returns the best of the `active` decode targets that needs no layer above `limit`; where all do, the least.
    pub fn best_target(&self, limit: FrameLayer, active: u32) -> Option<u8> {
        let active = (0..)
            .zip(self.target_layers())
            .filter(|(index, _)| active & (1 << index) != 0);
        let rank = |(_, layer): &(u8, FrameLayer)| (layer.spatial, layer.temporal);
        let within = active.clone().filter(|(_, layer)| layer.is_within(limit));
        let best = within.max_by_key(rank).or_else(|| active.min_by_key(rank));
        best.map(|(index, _)| index)
    }

    /// Reports whether one spatial layer is decoded without those below it, but for key frames
    /// (`L3T3_KEY`, `S3T3`).
    pub fn has_independent_layers(&self) -> bool {
        let is_below = |template: &Dependencies| {
            let layers = (0..).zip(self.target_layers());
            let of_it = layers.filter(|(index, _)| template.present & (1 << index) != 0);
            of_it.fold(false, |found, (_, layer)| {
                found || layer.spatial > template.layer.spatial
            })
        };
        let layered = self.target_layers().any(|layer| layer.spatial.0 > 0);
        let mut delta = self.templates().filter(|it| !it.references.is_empty());
        layered && !delta.any(is_below)
    }
}
