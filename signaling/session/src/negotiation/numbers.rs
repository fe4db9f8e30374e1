use std::collections::BTreeSet;

use sfu_model::Ssrc;

/// A small deterministic generator for what need only differ: SSRCs, session ids, offer numbers.
/// Nothing secret may come from it.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    /// State of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    state: u64,
    /// SSRCs that the transport knows, ours and the client's.
    used: BTreeSet<Ssrc>,
}

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            used: BTreeSet::new(),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns an SSRC that is not in use; 0 never is one, as some stacks read it as "none".
    pub(super) fn ssrc(&mut self) -> Ssrc {
        loop {
            let ssrc = Ssrc(u32::try_from(self.next() >> 32).unwrap_or(u32::MAX));
            if ssrc.0 != 0 && self.used.insert(ssrc) {
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

    /// Lets an SSRC of ours be drawn again some day.
    pub(super) fn release(&mut self, ssrc: Ssrc) {
        self.used.remove(&ssrc);
    }

    const MAX_USED: usize = 16_384;
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
}
