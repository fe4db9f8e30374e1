use crate::{Seed, Trace};

/// Runs a scenario twice with one seed.
///
/// # Panics
///
/// Panics where the second run departs from the first: something in it depends on more than the
/// seed.
#[track_caller]
pub fn replay(seed: Seed, scenario: impl Fn(Seed) -> Trace) {
    let (first, second) = (scenario(seed), scenario(seed));
    let difference = first.difference(&second);
    let difference = difference.unwrap_or_default();
    assert!(
        difference.is_empty(),
        "two runs with seed {} differ:\n{difference}",
        seed.0
    );
}
