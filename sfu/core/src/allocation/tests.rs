use std::time::Duration;

use sfu_model::{Importance, SpatialLayer, Step, TemporalLayer};

use super::*;
use crate::keys::OfSubscription;
use crate::slot_map::SlotMap;
use crate::test_clock::start;

pub(super) fn step(spatial: u8, temporal: u8) -> Step {
    Step {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer(temporal),
    }
}

/// A claim to a track whose layers cost so many kbit/s, by spatial layer, then temporal layer.
pub(super) fn claim(importance: Importance, costs: &[&[u64]]) -> Claim {
    let mut known = LayerCosts::default();
    for (spatial, row) in (0..).zip(costs) {
        for (temporal, cost) in (0..).zip(*row) {
            known.set(step(spatial, temporal), Bitrate(cost * 1_000));
        }
    }
    Claim {
        subscription: SlotMap::<OfSubscription, ()>::default().insert(()),
        wanted: step(2, 3),
        importance,
        costs: known,
        pausing: Pausing::Never,
        grant: Grant::Paused,
    }
}

const CAMERA: [&[u64]; 3] = [&[100], &[300], &[900]];
const SCREEN: [&[u64]; 2] = [&[200], &[900]];

fn kbps(rate: u64) -> Bitrate {
    Bitrate(rate * 1_000)
}

/// Divides a link of so many kbit/s and returns the highest spatial layer of each claim, most important first; none of one
/// that is paused.
fn divide(
    allocation: &mut Allocation,
    now: Instant,
    rate: u64,
    claims: &mut [Claim],
) -> Vec<Option<u8>> {
    allocation.divide(now, kbps(rate), claims);
    spatial_layers(claims)
}

/// Divides a link as often as it takes for all moves to be made. Returns what it came to.
fn settle(rate: u64, claims: &mut [Claim]) -> Outcome {
    let (mut allocation, mut now) = (Allocation::default(), start());
    loop {
        let outcome = allocation.divide(now, kbps(rate), claims);
        let Some(again) = outcome.again else {
            return outcome;
        };
        now = again;
    }
}

fn spatial_layers(claims: &[Claim]) -> Vec<Option<u8>> {
    let held = claims.iter().map(Claim::held);
    held.map(|held| held.map(|step| step.spatial.0)).collect()
}

#[test]
fn the_example_of_the_module_comes_out_as_it_says() {
    let mut claims = [
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::ScreenShare, &SCREEN),
    ];
    let outcome = settle(1_000, &mut claims);
    let layers = claims.map(|claim| claim.grant);
    let lowest = Grant::Layers(step(0, 0));
    let middle = Grant::Layers(step(1, 0));
    assert_eq!(layers, [lowest, middle, middle]);
    assert_eq!(outcome.granted, kbps(800));
    assert_eq!(outcome.wanted, Some(Bitrate(1_666_666)));
}

#[test]
fn a_link_with_room_gives_everyone_what_they_want() {
    let mut claims = [
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::Ordinary, &CAMERA),
    ];
    claims[1].wanted = step(1, 3);
    let outcome = Allocation::default().divide(start(), kbps(100_000), &mut claims);
    assert_eq!(outcome.granted, kbps(1_200));
    assert_eq!((outcome.wanted, outcome.again), (None, None));
}

#[test]
fn a_screen_is_served_before_cameras_and_those_share_the_rest() {
    let mut claims = [
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::ScreenShare, &SCREEN),
    ];
    settle(1_700, &mut claims);
    assert_eq!(spatial_layers(&claims), [Some(1), Some(1), Some(1)]);
    settle(2_400, &mut claims);
    assert_eq!(spatial_layers(&claims), [Some(1), Some(2), Some(1)]);
}

#[test]
fn who_speaks_is_served_before_others_and_after_a_screen() {
    let mut claims = [
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::Speaking, &CAMERA),
    ];
    settle(450, &mut claims);
    // Claims lie in the order in which they were served.
    let served = |claims: &[Claim]| {
        claims
            .iter()
            .map(|claim| claim.importance)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        served(&claims),
        [Importance::Speaking, Importance::Ordinary]
    );
    assert_eq!(spatial_layers(&claims), [Some(1), Some(0)]);
    claims[0].importance = Importance::Ordinary;
    claims[1].importance = Importance::Speaking;
    settle(450, &mut claims);
    assert_eq!(
        served(&claims),
        [Importance::Speaking, Importance::Ordinary]
    );
    assert_eq!(spatial_layers(&claims), [Some(1), Some(0)]);
    assert!(Importance::Speaking < Importance::ScreenShare);
}

#[test]
fn equals_do_not_take_from_each_other_what_one_of_them_holds() {
    let mut claims = [
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::Ordinary, &CAMERA),
    ];
    let mut allocation = Allocation::default();
    let mut now = start();
    assert_eq!(
        divide(&mut allocation, now, 450, &mut claims),
        [Some(1), Some(0)]
    );
    for turn in 0..20 {
        // What a layer costs is measured, and now this one seems cheaper, now that one.
        let costs = [280, 320].map(|kbit| kbit + 10 * (turn % 3));
        for (claim, cost) in claims.iter_mut().zip(if turn % 2 == 0 {
            costs
        } else {
            [costs[1], costs[0]]
        }) {
            claim.costs.set(step(1, 0), kbps(cost));
        }
        now += Duration::from_secs(2);
        assert_eq!(
            divide(&mut allocation, now, 450, &mut claims),
            [Some(1), Some(0)]
        );
    }
}

#[test]
fn one_step_up_comes_after_the_other() {
    let mut claims = [0; 3].map(|_| claim(Importance::Ordinary, &CAMERA));
    let mut allocation = Allocation::default();
    let mut now = start();
    let mut moves = Vec::new();
    for _ in 0..3 {
        let outcome = allocation.divide(now, kbps(1_200), &mut claims);
        moves.push(outcome.granted.0 / 1_000);
        assert_eq!(
            divide(&mut allocation, now, 1_200, &mut claims),
            spatial_layers(&claims)
        );
        now = outcome.again.unwrap_or(now);
    }
    assert_eq!(moves, [500, 700, 900]);
}

#[test]
fn what_does_not_fit_is_paused_only_where_that_is_allowed() {
    let mut claims = [
        claim(Importance::Ordinary, &CAMERA),
        claim(Importance::Ordinary, &CAMERA),
    ];
    let never = divide(&mut Allocation::default(), start(), 150, &mut claims);
    assert_eq!(never, [Some(0), Some(0)]);
    for claim in &mut claims {
        claim.pausing = Pausing::Allowed;
        claim.grant = Grant::Paused;
    }
    let allowed = divide(&mut Allocation::default(), start(), 150, &mut claims);
    assert_eq!(allowed, [Some(0), None]);
}

#[test]
fn what_is_held_may_fill_the_link_and_what_is_taken_must_leave_room() {
    let mut claims = [claim(Importance::Ordinary, &CAMERA)];
    let mut allocation = Allocation::default();
    let later = start() + Duration::from_secs(1);
    assert_eq!(
        divide(&mut allocation, start(), 950, &mut claims),
        [Some(1)]
    );
    assert_eq!(
        divide(&mut allocation, later, 1_000, &mut claims),
        [Some(2)]
    );
    assert_eq!(divide(&mut allocation, later, 910, &mut claims), [Some(2)]);
    assert_eq!(divide(&mut allocation, later, 890, &mut claims), [Some(1)]);
}

#[test]
fn a_link_between_two_steps_does_not_swing() {
    let mut claims = [claim(Importance::Ordinary, &CAMERA)];
    let (mut allocation, mut now) = (Allocation::default(), start());
    let mut changes = 0;
    let mut last = None;
    for _ in 0..600 {
        // An estimate that rises above the step whenever it is not sent, and falls when it is.
        let rate = if last == Some(Some(2)) { 850 } else { 1_050 };
        let layer = divide(&mut allocation, now, rate, &mut claims)[0];
        changes += usize::from(last.is_some_and(|last| last != layer));
        last = Some(layer);
        now += Duration::from_secs(1);
    }
    assert!(changes <= 50, "{changes} changes in ten minutes");
}

#[test]
fn a_rise_that_waits_for_its_time_says_when() {
    let mut claims = [claim(Importance::Ordinary, &CAMERA)];
    let (mut allocation, now) = (Allocation::default(), start());
    divide(&mut allocation, now, 2_000, &mut claims);
    divide(&mut allocation, now, 400, &mut claims);
    let outcome = allocation.divide(now, kbps(2_000), &mut claims);
    assert_eq!(claims[0].grant, Grant::Layers(step(1, 0)));
    let again = outcome.again.unwrap();
    let outcome = allocation.divide(again, kbps(2_000), &mut claims);
    assert_eq!((claims[0].grant, outcome.again), (Grant::Unlimited, None));
}

#[test]
fn a_track_of_which_nothing_is_known_is_sent_as_it_is_wanted() {
    let mut claims = [claim(Importance::Ordinary, &[])];
    Allocation::default().divide(start(), kbps(10), &mut claims);
    assert_eq!(claims[0].grant, Grant::Unlimited);
}
