//! A descriptor for a receiver that is sent some of the decode targets only.

use super::bits::{BitWriter, Bits};
use super::error::DescriptorError;
use super::fields::{Flags, MANDATORY_LEN};
use super::structure::TemplateStructure;

/// A descriptor that says itself which decode targets are active.
#[derive(Clone, Copy, Debug)]
pub struct LimitedDescriptor {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl LimitedDescriptor {
    /// Longest value of a header extension (RFC 8285 section 4.3).
    const MAX_LEN: usize = 255;

    /// Makes a descriptor that says that exactly `active` decode targets are (`active_decode_targets_bitmask`), and
    /// else what `bytes` say. `known` is the structure that its frame follows when none is attached.
    ///
    /// # Errors
    ///
    /// `bytes` are no descriptor, or there is no room.
    pub fn new(
        bytes: &[u8],
        known: &TemplateStructure,
        active: u32,
    ) -> Result<Self, DescriptorError> {
        let mut limited = Self {
            bytes: [0; Self::MAX_LEN],
            len: 0,
        };
        let (mandatory, extended) = bytes
            .split_first_chunk::<MANDATORY_LEN>()
            .ok_or(DescriptorError::TooShort)?;
        let (head, rest) = limited
            .bytes
            .split_first_chunk_mut::<MANDATORY_LEN>()
            .ok_or(DescriptorError::TooLong)?;
        *head = *mandatory;
        let mut out = BitWriter::new(rest);
        write_extended(extended, known, active, &mut out)?;
        limited.len = head.len() + out.len();
        Ok(limited)
    }

    /// Returns it as it is sent.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

fn write_extended(
    extended: &[u8],
    known: &TemplateStructure,
    active: u32,
    out: &mut BitWriter<'_>,
) -> Result<(), DescriptorError> {
    let bare = [0];
    let mut read = Bits::new(if extended.is_empty() { &bare } else { extended });
    let flags = Flags::parse(&mut read)?;
    let custom = [
        flags.custom_indications,
        flags.custom_references,
        flags.custom_chains,
    ];
    for flag in [flags.structure, true].into_iter().chain(custom) {
        out.put(1, u32::from(flag))?;
    }
    let mut targets = u32::from(known.decode_targets());
    if flags.structure {
        let mut from = read;
        let attached = TemplateStructure::parse_behind_flags(&mut read)?;
        targets = u32::from(attached.decode_targets());
        let len = read.taken() - from.taken();
        out.copy(&mut from, len)?;
    }
    if flags.active_decode_targets {
        read.take(targets)?;
    }
    out.put(targets, active)?;
    if custom.contains(&true) {
        let left = read.left();
        out.copy(&mut read, left)?;
    }
    Ok(())
}
