//! Divides what a subscriber's link carries between the tracks that it is sent.
//!
//! **Goal.** The best pictures that fit, the more important first; none frozen for the sake of another, as long as
//! there is room for the least of each; no layer that comes and goes.
//!
//! **Inputs.** The estimate of the link, less what sound and repair take; of each track what the
//! subscriber wants of it, how important it is, what each of its layers costs by now ([`LayerCosts`]), what it was
//! granted last, and whether it may be paused ([`Claim`]). Sound is no claim: it is always sent.
//!
//! **Phases.**
//!
//! 1. *A picture for everyone.* In the order of their importance claims get their lowest step. One that does not fit is
//!    paused if it may be; otherwise it gets the lowest step all the same, and the link is overdrawn: a poor picture that
//!    stutters is what the application asked for.
//! 2. *More for the important.* In classes of importance, the highest class first: its claims go up their ladders in
//!    turns, the cheapest step first, as long as the sum fits. So equals share, and a screen share is served before
//!    cameras are, and the cameras of those who speak (`speakers.rs`) before others.
//! 3. *Hysteresis.* A step that a claim held already may fill the link. One that it did not hold must leave a
//!    part of it free ([`HEADROOM`]), and none is taken right after something was taken away. What a link had to give back soon
//!    after it was taken is left for a while ([`Patience`]), which doubles each time; less than that is not. So a link
//!    between two steps does not swing between them. When it is found to carry clearly more, nothing waits. Of claims that
//!    cost about the same those that held a step keep it.
//! 4. *One move after the other.* Steps up come one at a time, or as many as take a quarter of the link together, with a pause
//!    after them: each begins with a key frame, and what several of them fill is taken for a link that is full.
//!
//! **Ladders** ([`ladder`]). Which layer is the next better one: a camera goes up in resolution once it moves at
//! half its frame rate, a screen in resolution first, for text is read and not watched.
//!
//! **Example.** A link of 1,000 kbit/s, a screen share whose layers cost 200 and 900 kbit/s, two cameras of 100, 300 and
//! 900. Everyone gets the lowest: 200 + 100 + 100 = 400. The screen share wants 700 more, which does not fit. The cameras go
//! on in turns: one to 300 (600 in all), the other to 300 (800 in all), a moment later. The next step of either is 600 more. What
//! the screen share would need, and a tenth of it free, is what the link is probed for: 1,667 kbit/s.

mod claim;
mod ladder;
mod patience;

use std::cmp::Reverse;
use std::time::Instant;

use sfu_model::{Bitrate, Pausing};

pub(crate) use claim::{Claim, Grant};
pub(crate) use ladder::LayerCosts;
use patience::{Patience, Rise};

use ladder::Ladder;

/// What part of the link stays free when something is taken that was not held before: one in this many.
const HEADROOM: u64 = 10;

/// Of equals, who held a step keeps it before another gets one that is not cheaper by one part in this many: costs are
/// measured, and what is cheapest changes all the time.
const KEPT: u64 = 3;

/// The allocation of one subscriber's link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allocation {
    patience: Patience,
}

/// What an allocation came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What the grants cost together.
    pub(crate) granted: Bitrate,
    /// What the link should carry for the next better picture: what it is probed for. Nothing if everyone has what they want.
    pub(crate) wanted: Option<Bitrate>,
    /// When a better picture that fits may be taken, if one has to wait for its time.
    pub(crate) again: Option<Instant>,
}

/// Whether the link carries what everyone wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scarcity {
    /// It does: a layer that begins to be sent is taken up at once.
    None,
    /// It does not.
    SomeWantMore,
}

/// One claim while the link is being divided.
#[derive(Debug)]
struct Share<'a> {
    claim: &'a mut Claim,
    ladder: Ladder,
    /// How many steps of the ladder it has.
    steps: usize,
    /// How many of them it had before.
    held: usize,
}

impl Allocation {
    /// Divides `budget` between `claims`, and writes into each what it is granted.
    pub(crate) fn divide(
        &mut self,
        now: Instant,
        budget: Bitrate,
        claims: &mut [Claim],
    ) -> Outcome {
        claims.sort_by_key(|claim| Reverse(claim.precedence()));
        let mut shares: Vec<Share<'_>> = claims.iter_mut().map(Share::new).collect();
        let mut division = Division {
            budget: budget.0,
            spent: 0,
            rise: self.patience.rise(now, budget.0),
            raised: 0,
            again: None,
        };
        division.give_everyone_a_picture(&mut shares);
        for class in shares.chunk_by_mut(|a, b| a.claim.importance == b.claim.importance) {
            while division.raise_one(class) {}
        }
        let lowered = shares.iter().any(|share| share.steps < share.held);
        let raised = shares.iter().any(|share| share.steps > share.held);
        let before = shares.iter().map(Share::held_cost).sum();
        self.patience.note(now, before, lowered, raised);
        let wanted = division.goal(&shares);
        let scarcity = match wanted {
            Some(_) => Scarcity::SomeWantMore,
            None => Scarcity::None,
        };
        shares.into_iter().for_each(|share| share.settle(scarcity));
        Outcome {
            granted: Bitrate(division.spent),
            wanted: wanted.map(Bitrate),
            again: division.again,
        }
    }
}

impl<'a> Share<'a> {
    fn new(claim: &'a mut Claim) -> Self {
        let ladder = Ladder::new(&claim.costs, claim.importance, claim.wanted);
        let held = ladder.place_of(claim.held());
        Self {
            claim,
            ladder,
            steps: 0,
            held,
        }
    }

    /// Returns what the steps that it has cost.
    fn cost(&self) -> u64 {
        self.ladder.cost(self.steps)
    }

    /// Returns what the steps that it had cost by now.
    fn held_cost(&self) -> u64 {
        self.ladder.cost(self.held)
    }

    /// Returns what one step more costs in addition.
    fn next_cost(&self) -> Option<u64> {
        let next = self.ladder.step(self.steps + 1)?;
        Some(next.cost.saturating_sub(self.cost()))
    }

    fn settle(self, scarcity: Scarcity) {
        self.claim.grant = match (scarcity, self.ladder.step(self.steps)) {
            (Scarcity::None, _) => Grant::Unlimited,
            (Scarcity::SomeWantMore, Some(rung)) => Grant::Layers(rung.step),
            (Scarcity::SomeWantMore, None) if self.ladder.is_empty() => Grant::Unlimited,
            (Scarcity::SomeWantMore, None) => Grant::Paused,
        };
    }
}

/// The link while it is being divided.
#[derive(Debug)]
struct Division {
    budget: u64,
    spent: u64,
    /// What anybody may take beyond what they held, and what they have taken of it.
    rise: Rise,
    raised: u64,
    /// When somebody may who would have, but for that.
    again: Option<Instant>,
}

impl Division {
    fn give_everyone_a_picture(&mut self, shares: &mut [Share<'_>]) {
        for share in shares {
            let Some(cost) = share.next_cost() else {
                continue;
            };
            if share.claim.pausing == Pausing::Never || self.fits(cost, share.held > 0) {
                self.take(share, cost);
            }
        }
    }

    /// Raises that of some claims whose next step is the cheapest and fits. Returns whether there was one.
    fn raise_one(&mut self, class: &mut [Share<'_>]) -> bool {
        let next = class
            .iter_mut()
            .filter(|share| share.steps > 0)
            .filter_map(|share| Some((share.next_cost()?, share)))
            .filter(|(cost, share)| self.fits(*cost, share.steps < share.held))
            .min_by_key(|(cost, share)| match share.steps < share.held {
                true => cost - cost / KEPT,
                false => *cost,
            });
        let Some((cost, share)) = next else {
            return false;
        };
        if share.steps >= share.held {
            self.raised = self.raised.saturating_add(cost);
        }
        self.take(share, cost);
        true
    }

    /// Reports whether there is room for `cost` more, of what was `held` before or not.
    fn fits(&mut self, cost: u64, held: bool) -> bool {
        let sum = self.spent.saturating_add(cost);
        if held {
            return sum <= self.budget;
        }
        if sum > self.budget - self.budget / HEADROOM {
            return false;
        }
        if self.raised > 0 && self.raised.saturating_add(cost) > self.rise.at_once {
            self.again = Some(self.rise.next);
            return false;
        }
        let waits = self.rise.within.filter(|(most, _)| sum > *most);
        self.again = self.again.or_else(|| waits.map(|(_, until)| until));
        waits.is_none()
    }

    /// Returns what the link would have to carry for the next move; nothing if everyone has what they want.
    fn goal(&self, shares: &[Share<'_>]) -> Option<u64> {
        let next = shares.iter().find_map(Share::next_cost)?;
        let all: u64 = shares.iter().map(|share| share.ladder.top_cost()).sum();
        let move_of_it = self.rise.at_once.max(next);
        let sum = self.spent.saturating_add(move_of_it).min(all);
        let goal = sum.saturating_mul(HEADROOM) / (HEADROOM - 1);
        Some(goal.max(self.rise.proof))
    }

    fn take(&mut self, share: &mut Share<'_>, cost: u64) {
        share.steps += 1;
        self.spent = self.spent.saturating_add(cost);
    }
}

#[cfg(test)]
mod tests;
