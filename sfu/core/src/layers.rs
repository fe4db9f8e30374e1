/// A set of encodings, or of spatial layers: `0..=2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layers(u8);

impl Layers {
    #[inline]
    pub(crate) fn insert(&mut self, layer: u8) {
        self.0 |= 1 << (layer & 7);
    }

    #[inline]
    pub(crate) fn remove(&mut self, layer: u8) {
        self.0 &= !(1 << (layer & 7));
    }

    #[inline]
    pub(crate) fn contains(self, layer: u8) -> bool {
        self.0 & (1 << (layer & 7)) != 0
    }

    /// Adds the members of another set.
    #[inline]
    pub(crate) fn unite(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns the highest layer up to `limit`; where all lie above it, the lowest.
    #[inline]
    pub(crate) fn best_up_to(self, limit: u8) -> Option<u8> {
        let up_to = self.0 & (u8::MAX >> (7 - limit.min(7)));
        let best = match up_to.checked_ilog2() {
            Some(highest) => highest,
            None if self.0 == 0 => return None,
            None => self.0.trailing_zeros(),
        };
        u8::try_from(best).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(members: &[u8]) -> Layers {
        let mut layers = Layers::default();
        for member in members {
            layers.insert(*member);
        }
        layers
    }

    #[test]
    fn the_best_layer_is_the_highest_that_is_wanted() {
        assert_eq!(layers(&[0, 1, 2]).best_up_to(1), Some(1));
        assert_eq!(layers(&[0, 2]).best_up_to(1), Some(0));
        assert_eq!(layers(&[0]).best_up_to(2), Some(0));
    }

    #[test]
    fn a_higher_layer_is_better_than_none() {
        assert_eq!(layers(&[1, 2]).best_up_to(0), Some(1));
        assert_eq!(layers(&[]).best_up_to(2), None);
    }
}
