//! Fresh numbers and secrets, all derived from the seed of the shard.

use std::fmt;

use aws_lc_rs::digest;

/// Fresh secrets and random numbers, derived from the shard's seed: every one is a hash of the seed
/// and of how many were drawn before.
pub(crate) struct Seed {
    root: [u8; 32],
    drawn: u64,
}

impl Seed {
    pub(crate) fn new(root: [u8; 32]) -> Self {
        Self { root, drawn: 0 }
    }

    /// Returns the next 32 random bytes.
    pub(crate) fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.root);
        context.update(&self.drawn.to_be_bytes());
        let mut bytes = [0; 32];
        for (byte, hashed) in bytes.iter_mut().zip(context.finish().as_ref()) {
            *byte = *hashed;
        }
        bytes
    }

    /// Returns a random number.
    pub(crate) fn draw_u32(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.draw();
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed")
            .field("drawn", &self.drawn)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_and_follow_from_the_seed() {
        let (mut one, mut same, mut other) =
            (Seed::new([1; 32]), Seed::new([1; 32]), Seed::new([2; 32]));
        let (first, second) = (one.draw(), one.draw());
        assert_ne!(first, second);
        assert_eq!((same.draw(), same.draw()), (first, second));
        assert_ne!(other.draw(), first);
    }
}
