//! The layers of a track from the least to the best, and what each costs.

use sfu_model::{Bitrate, Importance, SpatialLayer, Step, TemporalLayer};

/// What it costs to be sent a track up to each of its layers; zero where there is no such layer by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerCosts {
    costs: [[Bitrate; TemporalLayer::COUNT]; SpatialLayer::COUNT],
}

impl LayerCosts {
    /// Sets what everything up to a layer costs.
    pub(crate) fn set(&mut self, step: Step, cost: Bitrate) {
        let spatial = self.costs.get_mut(usize::from(step.spatial.0));
        if let Some(slot) = spatial.and_then(|costs| costs.get_mut(usize::from(step.temporal.0))) {
            *slot = cost;
        }
    }

    /// Returns what everything up to a layer costs; zero if there is no such layer.
    #[cfg(test)]
    pub(crate) fn get(&self, step: Step) -> Bitrate {
        let row = self.costs.get(usize::from(step.spatial.0));
        let cost = row.and_then(|row| row.get(usize::from(step.temporal.0)));
        cost.copied().unwrap_or_default()
    }

    /// Returns the best layers that there are of those that are wanted; where all lie above these, the lowest.
    pub(crate) fn best_up_to(&self, wanted: Step) -> Option<Step> {
        let is_wanted =
            |step: &Step| step.spatial <= wanted.spatial && step.temporal <= wanted.temporal;
        let steps = self.iter().map(|rung| rung.step);
        steps
            .filter(is_wanted)
            .last()
            .or_else(|| Some(self.iter().next()?.step))
    }

    /// Iterates over the layers that there are with what they cost, lowest first.
    fn iter(&self) -> impl Iterator<Item = Rung> {
        let rows = (0..).zip(&self.costs);
        let all = rows.flat_map(|(spatial, row)| {
            (0..).zip(row).map(move |(temporal, cost)| Rung {
                step: Step {
                    spatial: SpatialLayer(spatial),
                    temporal: TemporalLayer(temporal),
                },
                cost: cost.0,
            })
        });
        all.filter(|rung| rung.cost > 0)
    }
}

/// One step of a ladder with its cost in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) step: Step,
    pub(super) cost: u64,
}

/// The steps by which a track gets better: each costs more than the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ladder {
    rungs: [Rung; TemporalLayer::COUNT * SpatialLayer::COUNT],
    len: usize,
}

impl Ladder {
    /// Makes the ladder of a track whose layers cost so much, up to what is wanted.
    ///
    /// Above the lowest resolution a camera is not shown at less than half of its frame rate: better small
    /// than jerky. A screen gets its resolution first. Where all that there is lies above what is wanted, the lowest of
    /// it is the ladder.
    pub(super) fn new(costs: &LayerCosts, importance: Importance, wanted: Step) -> Self {
        let mut ladder = Self::default();
        let is_wanted = |rung: &Rung| {
            rung.step.spatial <= wanted.spatial && rung.step.temporal <= wanted.temporal
        };
        let rungs = costs.iter().filter(is_wanted);
        rungs
            .filter(|rung| costs.shows_well(importance, wanted, rung.step))
            .for_each(|rung| ladder.push(rung));
        if ladder.is_empty()
            && let Some(lowest) = costs.iter().next()
        {
            ladder.push(lowest);
        }
        ladder.drop_what_costs_no_less();
        ladder
    }

    fn push(&mut self, rung: Rung) {
        if let Some(slot) = self.rungs.get_mut(self.len) {
            *slot = rung;
            self.len += 1;
        }
    }

    /// Leaves out each step that costs as much as a better one.
    fn drop_what_costs_no_less(&mut self) {
        let rungs = self.rungs;
        let mut better = u64::MAX;
        let mut kept = Self::default();
        for rung in rungs.iter().take(self.len).rev() {
            if rung.cost < better {
                better = rung.cost;
                kept.push(*rung);
            }
        }
        if let Some(rungs) = kept.rungs.get_mut(..kept.len) {
            rungs.reverse();
        }
        *self = kept;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the `count`th step, the first is 1.
    pub(super) fn step(&self, count: usize) -> Option<Rung> {
        let rungs = self.rungs.get(..self.len)?;
        rungs.get(count.checked_sub(1)?).copied()
    }

    /// Returns what `count` steps cost.
    pub(super) fn cost(&self, count: usize) -> u64 {
        self.step(count).map_or(0, |rung| rung.cost)
    }

    /// Returns what all steps cost.
    pub(super) fn top_cost(&self) -> u64 {
        self.cost(self.len)
    }

    /// Returns how many steps lead up to `held` at most.
    pub(super) fn place_of(&self, held: Option<Step>) -> usize {
        let rungs = self.rungs.iter().take(self.len);
        held.map_or(0, |held| rungs.filter(|rung| rung.step <= held).count())
    }
}

impl LayerCosts {
    /// Reports whether a track of this importance, of which so much is wanted, is shown well by a step.
    fn shows_well(&self, importance: Importance, wanted: Step, step: Step) -> bool {
        match importance {
            Importance::ScreenShare => {
                // Frames come once the highest resolution is there.
                let top = self.iter().map(|rung| rung.step.spatial);
                let top = top.filter(|spatial| *spatial <= wanted.spatial).max();
                step.temporal.0 == 0 || Some(step.spatial) == top
            }
            Importance::Speaking | Importance::Ordinary => {
                let highest = self.highest_temporal(step.spatial);
                step.spatial.0 == 0 || step.temporal.0 + 1 >= highest.0
            }
        }
    }

    fn highest_temporal(&self, spatial: SpatialLayer) -> TemporalLayer {
        let of_it = self.iter().filter(|rung| rung.step.spatial == spatial);
        of_it
            .map(|rung| rung.step.temporal)
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{claim, step};
    use super::*;

    /// Costs in kbit/s by spatial layer, then temporal layer.
    fn steps(importance: Importance, costs: &[&[u64]]) -> Vec<(u8, u8)> {
        let claim = claim(importance, costs);
        let ladder = Ladder::new(&claim.costs, importance, claim.wanted);
        (1..=ladder.len)
            .filter_map(|count| ladder.step(count))
            .map(|rung| (rung.step.spatial.0, rung.step.temporal.0))
            .collect()
    }

    #[test]
    fn a_camera_grows_once_it_moves_at_half_its_rate() {
        let costs: [&[u64]; 2] = [&[60, 90, 150], &[200, 300, 500]];
        let expected = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)];
        assert_eq!(steps(Importance::Ordinary, &costs), expected);
    }

    #[test]
    fn a_screen_is_sharp_before_it_moves() {
        let costs: [&[u64]; 2] = [&[60, 90, 150], &[200, 300, 500]];
        let expected = [(0, 0), (1, 0), (1, 1), (1, 2)];
        assert_eq!(steps(Importance::ScreenShare, &costs), expected);
    }

    #[test]
    fn a_step_that_costs_as_much_as_a_better_one_is_left_out() {
        let costs: [&[u64]; 2] = [&[100, 300], &[250, 280]];
        let expected = [(0, 0), (1, 0), (1, 1)];
        assert_eq!(steps(Importance::Ordinary, &costs), expected);
    }

    #[test]
    fn where_all_is_above_what_is_wanted_the_lowest_is_the_ladder() {
        let claim = claim(Importance::Ordinary, &[&[], &[200, 300], &[900]]);
        let ladder = Ladder::new(&claim.costs, Importance::Ordinary, step(0, 3));
        assert_eq!(ladder.len, 1);
        assert_eq!(ladder.step(1).unwrap().step, step(1, 0));
    }
}
