//! Numbers that need only differ: SSRCs, session ids, the first number of an offer.

use std::collections::BTreeSet;

use sfu_model::Ssrc;

/// A small deterministic generator for what need only differ: SSRCs, session ids, offer numbers.
/// Nothing secret may come from it.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    /// State of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    state: u64,
    /// The SSRC that was drawn last.
    ssrc: u32,
    /// SSRCs of the client.
    used: BTreeSet<Ssrc>,
}

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        let mut numbers = Self {
            state: seed,
            ssrc: 0,
            used: BTreeSet::new(),
        };
        numbers.ssrc = u32::try_from(numbers.next() >> 32).unwrap_or(u32::MAX);
        numbers
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns an SSRC that the client does not use and that was not drawn before: packets under a
    /// repeated one could be sealed under a number that has sealed others by the same keys (RFC 7714
    /// section 8.4). 0 never is one, as some stacks read it as "none".
    pub(super) fn ssrc(&mut self) -> Ssrc {
        loop {
            // Steps of an odd length meet every number once before the first comes again.
            self.ssrc = self.ssrc.wrapping_add(Self::STEP);
            let ssrc = Ssrc(self.ssrc);
            if ssrc.0 != 0 && !self.used.contains(&ssrc) {
                return ssrc;
            }
        }
    }

    /// Keeps away from an SSRC that the client chose. What it names is bounded by its descriptions,
    /// but not over their number: beyond [`Numbers::MAX_USED`] a collision is its own fault.
    pub(super) fn avoid(&mut self, ssrc: Ssrc) {
        if self.used.len() < Self::MAX_USED {
            self.used.insert(ssrc);
        }
    }

    const MAX_USED: usize = 16_384;

    /// 2^32 divided by the golden ratio: few steps are far from each other.
    const STEP: u32 = 0x9e37_79b9;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssrc_that_is_in_use_is_not_given_out() {
        let taken = Numbers::new(1).ssrc();
        let mut numbers = Numbers::new(1);
        numbers.avoid(taken);
        assert_ne!(numbers.ssrc(), taken);
    }

    #[test]
    fn an_ssrc_is_drawn_once() {
        let mut numbers = Numbers::new(1);
        let mut drawn = BTreeSet::new();
        assert!((0..200_000).all(|_| drawn.insert(numbers.ssrc())));
    }
}
