//! Reading bytes one after the other.

use super::PayloadError;

/// Takes bytes off the front of a payload.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Bytes<'_> {
    #[inline]
    pub(super) fn take(&mut self) -> Result<u8, PayloadError> {
        let (&first, rest) = self.0.split_first().ok_or(PayloadError::TooShort)?;
        self.0 = rest;
        Ok(first)
    }
}
