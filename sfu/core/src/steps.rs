//! Sets of steps: which layers, everything below them included.

use sfu_model::{SpatialLayer, TemporalLayer};

use sfu_model::Step;

/// A set of steps, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps(u16);

impl Steps {
    /// How many steps there are.
    pub(crate) const COUNT: usize = SpatialLayer::COUNT * TemporalLayer::COUNT;

    /// Iterates over all steps, lowest first, by their places.
    pub(crate) fn all() -> impl Iterator<Item = Step> {
        let spatial = (0..=SpatialLayer::MAX.0).map(SpatialLayer);
        spatial.flat_map(|spatial| {
            let temporal = (0..=TemporalLayer::MAX.0).map(TemporalLayer);
            temporal.map(move |temporal| Step { spatial, temporal })
        })
    }

    /// Returns those steps whose decode target, by place, is one of `targets`.
    #[inline]
    pub(crate) fn of_targets(targets: u32, of_steps: &[u8; Self::COUNT]) -> Self {
        let steps = (0..).zip(of_steps);
        Self(steps.fold(0, |set, (place, target)| {
            set | u16::from(targets & (1 << (target & 31)) != 0) << place
        }))
    }

    #[inline]
    pub(crate) fn contains(self, step: Step) -> bool {
        self.0 & Self::bit(step) != 0
    }

    #[inline]
    fn bit(step: Step) -> u16 {
        let place = u32::from(step.spatial.0) * TemporalLayer::COUNT as u32;
        let bit = 1_u16.checked_shl(place + u32::from(step.temporal.0));
        bit.unwrap_or(0)
    }
}

#[cfg(test)]
impl FromIterator<Step> for Steps {
    fn from_iter<T: IntoIterator<Item = Step>>(members: T) -> Self {
        let members = members.into_iter();
        Self(members.fold(0, |set, step| set | Self::bit(step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_the_decode_target_of_its_place() {
        let of_steps = [0, 1, 2, 2, 3, 4, 5, 5, 3, 4, 5, 5];
        let set = Steps::of_targets(0b01_0010, &of_steps);
        let members: Vec<_> = Steps::all()
            .filter(|step| set.contains(*step))
            .map(|step| (step.spatial.0, step.temporal.0))
            .collect();
        assert_eq!(members, [(0, 1), (1, 1), (2, 1)]);
        assert_eq!(Steps::all().count(), Steps::COUNT);
    }
}
