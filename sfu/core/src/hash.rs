//! A hash for small keys that are ours or authenticated.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map for small keys that only we, or authenticated peers, put in: lookups by strangers' keys
/// cost the same for every key, so nobody can make them collide from outside.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// Multiplies and rotates, eight bytes at a time: a few nanoseconds for an address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FastHasher {
    state: u64,
}

impl FastHasher {
    /// 2^64 divided by the golden ratio, odd: spreads neighbouring keys over the table.
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

    #[inline]
    fn add(&mut self, word: u64) {
        self.state = (self.state.rotate_left(5) ^ word).wrapping_mul(Self::MULTIPLIER);
    }
}

impl Hasher for FastHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let tail = rest
                .iter()
                .fold(1_u64, |tail, byte| tail << 8 | u64::from(*byte));
            self.add(tail);
        }
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    #[inline]
    fn write_u16(&mut self, value: u16) {
        self.add(u64::from(value));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // The table takes low bits for the place and high bits for the tag.
        self.state ^ (self.state >> 32)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use super::*;

    fn hash(value: impl Hash) -> u64 {
        let mut hasher = FastHasher::default();
        value.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn neighbouring_keys_spread_over_the_table() {
        let mut places = vec![0_u32; 1024];
        for port in 0..1024_u16 {
            let address = std::net::SocketAddr::from(([10, 0, 0, 1], 40_000 + port));
            let place = usize::try_from(hash(address) % 1024).unwrap();
            places[place] += 1;
        }
        assert!(places.iter().all(|count| *count < 16));
    }

    #[test]
    fn a_short_tail_is_part_of_the_key() {
        assert_ne!(hash([0_u8; 9]), hash([0_u8; 10]));
    }
}
