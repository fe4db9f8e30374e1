//! How many participants each API key has at once, and may have.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth::ApiKey;
use signaling_session::Seat;

/// What becomes of who joins beyond a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exceeded {
    /// It is not let in.
    #[default]
    Refuse,
    /// It is let in, and counted.
    Tell,
}

/// How many participants a key may have at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatLimit {
    /// So many.
    pub most: usize,
    /// What becomes of who comes then.
    pub exceeded: Exceeded,
}

/// How many participants each API key has at once on this node, and may have. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Seats(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    usual: Option<SeatLimit>,
    of_keys: BTreeMap<ApiKey, Option<SeatLimit>>,
    /// Only keys that somebody has a token of, so that the operator's keys bound it.
    taken: Mutex<BTreeMap<ApiKey, usize>>,
    exceeded: AtomicU64,
}

impl Seats {
    /// Limits keys that are not named by `usual`, others as `of_keys` says.
    pub fn new(usual: Option<SeatLimit>, of_keys: BTreeMap<ApiKey, Option<SeatLimit>>) -> Self {
        Self(Arc::new(Inner {
            usual,
            of_keys,
            ..Inner::default()
        }))
    }

    /// Returns how many each key may have.
    pub fn limit(&self, key: &ApiKey) -> Option<SeatLimit> {
        self.0.of_keys.get(key).copied().unwrap_or(self.0.usual)
    }

    /// Returns how many each key has.
    pub fn taken(&self) -> BTreeMap<ApiKey, usize> {
        self.lock().clone()
    }

    /// Returns how often somebody came beyond a limit.
    pub fn exceeded(&self) -> u64 {
        self.0.exceeded.load(Ordering::Relaxed)
    }

    /// Reports whether a key has as many as it may have, so that no other is let in.
    pub(crate) fn are_all_taken(&self, key: &ApiKey) -> bool {
        let taken = self.lock().get(key).copied().unwrap_or_default();
        self.limit(key)
            .is_some_and(|limit| limit.exceeded == Exceeded::Refuse && taken >= limit.most)
    }

    /// Takes one for a participant that is about to join.
    pub(crate) fn take(&self, key: &ApiKey) -> Seat {
        let taken = {
            let mut taken = self.lock();
            let taken = taken.entry(key.clone()).or_default();
            *taken += 1;
            *taken
        };
        let held = Arc::new(Taken {
            seats: self.clone(),
            key: key.clone(),
        });
        let limit = self.limit(key).filter(|limit| taken > limit.most);
        if let Some(limit) = limit {
            self.0.exceeded.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%key, taken, limit = limit.most, exceeded = ?limit.exceeded, "An API key has more participants at once than its quota");
        }
        let is_over = limit.is_some_and(|limit| limit.exceeded == Exceeded::Refuse);
        Seat::new(held, is_over)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ApiKey, usize>> {
        // Nothing that runs under this lock leaves the map half changed.
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One seat, until it is dropped.
#[derive(Debug)]
struct Taken {
    seats: Seats,
    key: ApiKey,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(count) = taken.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_taken_until_it_is_dropped_with_all_its_copies() {
        let limit = SeatLimit {
            most: 1,
            exceeded: Exceeded::Refuse,
        };
        let seats = Seats::new(Some(limit), BTreeMap::from([("free".into(), None)]));
        let (one, key) = (seats.take(&"key".into()), ApiKey::from("key"));
        let copy = one.clone();
        drop(one);
        assert_eq!(seats.taken(), BTreeMap::from([(key.clone(), 1)]));
        let over = seats.take(&key);
        assert_eq!(seats.exceeded(), 1);
        drop((over, copy));
        assert_eq!(seats.taken(), BTreeMap::new());
        let _many = [seats.take(&"free".into()), seats.take(&"free".into())];
        assert_eq!(seats.exceeded(), 1);
    }
}
