//! What a frame is to decode targets, and which frames it needs.

use sfu_model::{SpatialLayer, TemporalLayer};

use super::bits::Bits;
use super::error::DescriptorError;

/// The layer of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameLayer {
    /// Spatial layer, capped at [`SpatialLayer::MAX`].
    pub spatial: SpatialLayer,
    /// Temporal layer, capped at [`TemporalLayer::MAX`].
    pub temporal: TemporalLayer,
}

impl FrameLayer {
    /// Reports whether a receiver of everything up to `limit` gets it.
    pub fn is_within(self, limit: Self) -> bool {
        self.spatial <= limit.spatial && self.temporal <= limit.temporal
    }
}

/// What a frame is to decode targets, and which frames it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Its layer.
    pub layer: FrameLayer,
    /// Decode targets that it belongs to, one bit each.
    pub present: u32,
    /// Decode targets that can be decoded from here on by who can decode it, one bit each.
    pub switch: u32,
    /// The frames that it needs.
    pub references: References,
}

/// The frames that a frame needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Bit `n`: the one with a number lower by `n`, which is `1..=63`. Bit 0: one that is further back.
    distances: u64,
}

impl References {
    const FAR: u64 = 1;

    /// Reports whether it needs no other frame.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Returns bit `n` for the frame with a number lower by `n`, which is `1..=63`.
    #[inline]
    pub fn near(self) -> u64 {
        self.distances & !Self::FAR
    }

    /// Reports whether it needs one that is further back.
    #[inline]
    pub fn has_far(self) -> bool {
        self.distances & Self::FAR != 0
    }

    fn insert(&mut self, distance: u32) {
        self.distances |= 1_u64.checked_shl(distance).unwrap_or(Self::FAR);
    }

    /// `template_fdiffs` of one template: numbers of four bits, a flag before each.
    pub(super) fn parse_template(bits: &mut Bits<'_>) -> Result<Self, DescriptorError> {
        let mut references = Self::default();
        while bits.take_flag()? {
            references.insert(bits.take(4)? + 1);
        }
        Ok(references)
    }

    /// `frame_fdiffs`: numbers of up to twelve bits, their length before each.
    pub(super) fn parse_custom(bits: &mut Bits<'_>) -> Result<Self, DescriptorError> {
        let mut references = Self::default();
        loop {
            match bits.take(2)? {
                0 => return Ok(references),
                nibbles => references.insert(bits.take(4 * nibbles)? + 1),
            }
        }
    }
}

impl FromIterator<u32> for References {
    /// Makes those of frames with numbers lower by `distances`, each `1..`.
    fn from_iter<T: IntoIterator<Item = u32>>(distances: T) -> Self {
        let mut references = Self::default();
        distances
            .into_iter()
            .for_each(|distance| references.insert(distance));
        references
    }
}

impl Dependencies {
    /// `template_dtis` of one template, or `frame_dtis`: what it is to each of `targets`.
    pub(super) fn parse_indications(
        &mut self,
        bits: &mut Bits<'_>,
        targets: u8,
    ) -> Result<(), DescriptorError> {
        const NOT_PRESENT: u32 = 0;
        const SWITCH: u32 = 2;
        (self.present, self.switch) = (0, 0);
        for target in 0..targets {
            let indication = bits.take(2)?;
            self.present |= u32::from(indication != NOT_PRESENT) << target;
            self.switch |= u32::from(indication == SWITCH) << target;
        }
        Ok(())
    }
}
