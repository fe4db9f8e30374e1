//! What each participant may still ask for, whichever connection it asks on.
//!
//! Who resumes, or joins again, is met with what it spent before: else one that asks for too much would only have to
//! come back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sfu_model::{ParticipantIdentity, RoomName};

use crate::allowance::{Allowance, Verdict};
use crate::limits::FORGET_ALLOWANCES_FROM;

/// Who spends together: an identity in a room, as its token names it. What it publishes as an identity of its own
/// besides is paid by it, too.
pub(crate) type Holder = (RoomName, ParticipantIdentity);

/// One participant's [`Allowance`]. Clones are handles to the same.
#[derive(Clone, Debug)]
pub(crate) struct SharedAllowance(Arc<Mutex<Allowance>>);

/// The allowances of those who are connected, and of those who were and have not got everything back.
pub(crate) struct Allowances(Mutex<Remembered>);

struct Remembered {
    of: BTreeMap<Holder, SharedAllowance>,
    /// With so many, those that need not be remembered are forgotten.
    forget_from: usize,
}

impl SharedAllowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Allowance::new(now))))
    }

    /// Takes note of what a message costs.
    pub(crate) fn spend(&self, now: Instant, units: u32) {
        self.lock().spend(now, units);
    }

    /// Returns whether to read the next message.
    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        self.lock().verdict(now)
    }

    /// Reports whether a new one would be the same, and nobody spends from this one.
    fn is_forgettable(&self, now: Instant) -> bool {
        Arc::strong_count(&self.0) == 1 && self.lock().is_whole(now)
    }

    fn lock(&self) -> MutexGuard<'_, Allowance> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Allowances {
    /// Returns the allowance of one that connects.
    pub(crate) fn of(&self, holder: Holder, now: Instant) -> SharedAllowance {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.forget(now);
        let allowance = remembered.of.entry(holder);
        allowance
            .or_insert_with(|| SharedAllowance::new(now))
            .clone()
    }
}

impl Remembered {
    /// Makes room where there are many, each time for as many more as are left: so it costs each who connects the same.
    fn forget(&mut self, now: Instant) {
        if self.of.len() >= self.forget_from {
            self.of
                .retain(|_, allowance| !allowance.is_forgettable(now));
            self.forget_from = FORGET_ALLOWANCES_FROM.max(2 * self.of.len());
        }
    }
}

impl Default for Allowances {
    fn default() -> Self {
        Self(Mutex::new(Remembered {
            of: BTreeMap::new(),
            forget_from: FORGET_ALLOWANCES_FROM,
        }))
    }
}

impl fmt::Debug for Allowances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Allowances").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::{SIGNAL_PATIENCE, SIGNAL_RATE};

    const SECOND: Duration = Duration::from_secs(1);

    fn holder(room: &str, identity: &str) -> Holder {
        (RoomName::from(room), ParticipantIdentity::from(identity))
    }

    #[test]
    fn who_comes_back_has_what_it_left_and_nobody_else_pays() {
        let now = Instant::now();
        let allowances = Allowances::default();
        let first = allowances.of(holder("a", "eve"), now);
        first.spend(now, SIGNAL_RATE.burst + SIGNAL_RATE.per_second);
        drop(first);
        let second = allowances.of(holder("a", "eve"), now);
        assert_eq!(second.verdict(now), Verdict::Wait(SECOND));
        for other in [holder("b", "eve"), holder("a", "ann")] {
            assert_eq!(allowances.of(other, now).verdict(now), Verdict::Read);
        }
    }

    #[test]
    fn who_asks_for_too_much_on_one_connection_after_the_other_is_expelled() {
        let begun = Instant::now();
        let allowances = Allowances::default();
        let mut now = begun;
        while now < begun + 2 * SIGNAL_PATIENCE {
            let allowance = allowances.of(holder("a", "eve"), now);
            match allowance.verdict(now) {
                Verdict::Read => allowance.spend(now, SIGNAL_RATE.burst),
                Verdict::Wait(wait) => now += wait,
                Verdict::Expel => return,
            }
        }
        panic!("it went on for {:?}", now - begun);
    }

    #[test]
    fn of_many_only_those_are_remembered_who_owe_something_or_are_connected() {
        let now = Instant::now();
        let allowances = Allowances::default();
        let connected = allowances.of(holder("a", "connected"), now);
        allowances.of(holder("a", "owes"), now).spend(now, 1);
        for number in 0..10 * FORGET_ALLOWANCES_FROM {
            allowances.of(holder("a", &number.to_string()), now);
        }
        let remembered = allowances.0.lock().unwrap();
        assert!(remembered.of.len() <= FORGET_ALLOWANCES_FROM);
        for kept in ["connected", "owes"] {
            assert!(remembered.of.contains_key(&holder("a", kept)), "{kept}");
        }
        drop(connected);
    }
}
