//! What stands at the beginning of a descriptor.

use super::bits::Bits;
use super::error::DescriptorError;

/// Length of `mandatory_descriptor_fields`.
pub(super) const MANDATORY_LEN: usize = 3;

/// The flags of `extended_descriptor_fields`.
pub(super) struct Flags {
    pub(super) structure: bool,
    pub(super) active_decode_targets: bool,
    pub(super) custom_indications: bool,
    pub(super) custom_references: bool,
    pub(super) custom_chains: bool,
}

impl Flags {
    pub(super) fn parse(bits: &mut Bits<'_>) -> Result<Self, DescriptorError> {
        Ok(Self {
            structure: bits.take_flag()?,
            active_decode_targets: bits.take_flag()?,
            custom_indications: bits.take_flag()?,
            custom_references: bits.take_flag()?,
            custom_chains: bits.take_flag()?,
        })
    }
}
