//! Bits that are read and written one behind the other, the highest of a byte first.

use super::error::DescriptorError;

/// Takes bits off the front of bytes.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    taken: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0 }
    }

    /// Returns how many were taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Returns how many are left.
    pub(super) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.taken)
    }

    /// Takes up to 32 bits.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, DescriptorError> {
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

    pub(super) fn take_flag(&mut self) -> Result<bool, DescriptorError> {
        Ok(self.take(1)? == 1)
    }

    /// Takes up to 8 bits.
    pub(super) fn take_u8(&mut self, count: u32) -> Result<u8, DescriptorError> {
        Ok((self.take(count)? & 0xff) as u8)
    }

    /// Takes a number in `0..values` (`ns(n)`, AV1 specification section 4.10.7).
    pub(super) fn take_non_symmetric(&mut self, values: u32) -> Result<u32, DescriptorError> {
        let width = u32::BITS - values.leading_zeros();
        let short = (1_u32 << width).saturating_sub(values);
        let value = self.take(width.saturating_sub(1))?;
        if value < short {
            return Ok(value);
        }
        Ok((value << 1) - short + self.take(1)?)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), DescriptorError> {
        self.taken += count;
        if self.taken > self.bytes.len() * 8 {
            return Err(DescriptorError::TooShort);
        }
        Ok(())
    }
}

/// Puts bits one behind the other into bytes that are zero.
pub(super) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    put: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, put: 0 }
    }

    /// Puts the lowest `count` bits of `value`, at most 32.
    pub(super) fn put(&mut self, count: u32, value: u32) -> Result<(), DescriptorError> {
        let mut left = count;
        while left > 0 {
            let byte = self.bytes.get_mut(self.put / 8);
            let byte = byte.ok_or(DescriptorError::TooLong)?;
            // `free` is 1..=8 and `chunk` at most that.
            let free = 8 - (self.put % 8) as u32;
            let chunk = free.min(left);
            let bits = (value >> (left - chunk)) & ((1 << chunk) - 1);
            *byte |= ((bits << (free - chunk)) & 0xff) as u8;
            self.put += chunk as usize;
            left -= chunk;
        }
        Ok(())
    }

    /// Puts the next `count` bits of `from`.
    pub(super) fn copy(
        &mut self,
        from: &mut Bits<'_>,
        count: usize,
    ) -> Result<(), DescriptorError> {
        let mut left = count;
        while left > 0 {
            // At most 32.
            let chunk = left.min(32) as u32;
            self.put(chunk, from.take(chunk)?)?;
            left -= chunk as usize;
        }
        Ok(())
    }

    /// Returns how many bytes have bits in them.
    pub(super) fn len(&self) -> usize {
        self.put.div_ceil(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_is_put_is_taken_again() {
        let mut bytes = [0; 16];
        let mut writer = BitWriter::new(&mut bytes);
        let fields = [(1, 1), (5, 0b10110), (32, 0xdead_beef), (3, 0), (11, 0x5a5)];
        for (count, value) in fields {
            writer.put(count, value).unwrap();
        }
        assert_eq!(writer.len(), 7);
        let mut bits = Bits::new(&bytes);
        for (count, value) in fields {
            assert_eq!(bits.take(count), Ok(value));
        }
        assert_eq!((bits.taken(), bits.left()), (52, 16 * 8 - 52));
        let mut copied = [0; 7];
        BitWriter::new(&mut copied)
            .copy(&mut Bits::new(&bytes), 52)
            .unwrap();
        assert_eq!(copied, bytes[..7]);
        let full = BitWriter::new(&mut [0; 1]).put(9, 0);
        assert_eq!(full, Err(DescriptorError::TooLong));
    }
}
