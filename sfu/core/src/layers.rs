//! A set of layers.

use sfu_model::SpatialLayer;

use crate::moves::Moves;

/// A set of encodings, or of spatial layers: `0..=2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layers(u8);

impl Layers {
    /// All that there can be.
    pub(crate) const ALL: Self = Self::up_to(SpatialLayer::MAX.0);

    /// Returns all layers up to `limit`, that one included.
    #[inline]
    pub(crate) const fn up_to(limit: u8) -> Self {
        Self(0xff >> (7 - (limit & 7)))
    }

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

    /// Reports whether all members are members of `other` too.
    #[inline]
    pub(crate) fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Adds the members of another set.
    #[inline]
    pub(crate) fn unite(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns the same encodings, where they have gone.
    pub(crate) fn moved(self, moves: Moves) -> Self {
        let members = (0..).take(SpatialLayer::COUNT);
        let members = members.filter(|layer| self.contains(*layer));
        members.map(|layer| moves.of(layer)).collect()
    }

    /// Returns the highest layer up to `limit`; where all lie above it, the lowest.
    #[inline]
    pub(crate) fn best_up_to(self, limit: u8) -> Option<u8> {
        let best = match (self.0 & Self::up_to(limit).0).checked_ilog2() {
            Some(highest) => highest,
            None if self.0 == 0 => return None,
            None => self.0.trailing_zeros(),
        };
        u8::try_from(best).ok()
    }
}

impl FromIterator<u8> for Layers {
    fn from_iter<T: IntoIterator<Item = u8>>(members: T) -> Self {
        let mut layers = Self::default();
        members.into_iter().for_each(|layer| layers.insert(layer));
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(members: &[u8]) -> Layers {
        members.iter().copied().collect()
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
