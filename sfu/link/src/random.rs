use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What everything random comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

/// How often something happens: so many times in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMille(pub u32);

/// Numbers that are the same in every run with the same seed.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Makes one of many independent sources of a seed: what one draws does not change what
    /// another will draw.
    pub fn new(seed: Seed, stream: u64) -> Self {
        let mut source = ChaCha8Rng::seed_from_u64(seed.0);
        source.set_stream(stream);
        Self(source)
    }

    /// Returns whether it happens this time.
    pub fn happens(&mut self, chance: PerMille) -> bool {
        self.0.next_u32() % 1_000 < chance.0
    }

    /// Returns a duration shorter than `limit`, to the microsecond; zero if that is zero.
    pub fn duration_below(&mut self, limit: Duration) -> Duration {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.0.next_u64().checked_rem(micros).unwrap_or(0))
    }

    /// Returns bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_repeats_itself_and_no_other() {
        let draw = |seed, stream| Random::new(Seed(seed), stream).bytes::<16>();
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
    }

    #[test]
    fn what_happens_fifty_times_in_a_thousand_does_so() {
        let mut random = Random::new(Seed(1), 0);
        let count = (0..10_000).filter(|_| random.happens(PerMille(50))).count();
        assert!((400..600).contains(&count), "{count}");
    }
}
