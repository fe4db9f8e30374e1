use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sfu_model::UnixTime;

/// How each receiver fares. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, TargetHealth>>>);

/// How a receiver fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// Events that it has taken.
    pub taken: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Events that were given up.
    pub given_up: u64,
    /// When it last took one.
    pub taken_at: Option<UnixTime>,
    /// Since when every request has failed.
    pub failing_since: Option<UnixTime>,
    /// What went wrong last.
    pub last_failure: Option<String>,
}

impl Health {
    /// Returns how each receiver fares, by its address.
    pub fn report(&self) -> BTreeMap<String, TargetHealth> {
        self.lock().clone()
    }

    /// Notes that a receiver has taken an event. Returns whether it had failed before.
    pub(crate) fn taken(&self, target: &str, now: UnixTime) -> bool {
        let mut all = self.lock();
        let health = all.entry(target.to_owned()).or_default();
        health.taken += 1;
        health.taken_at = Some(now);
        health.failing_since.take().is_some()
    }

    /// Notes that a request to a receiver has failed. Returns whether it is the first in a row.
    pub(crate) fn failed(&self, target: &str, now: UnixTime, why: String) -> bool {
        let mut all = self.lock();
        let health = all.entry(target.to_owned()).or_default();
        health.failed += 1;
        health.last_failure = Some(why);
        let is_first = health.failing_since.is_none();
        health.failing_since.get_or_insert(now);
        is_first
    }

    /// Notes that an event was given up.
    pub(crate) fn given_up(&self, target: &str) {
        self.lock().entry(target.to_owned()).or_default().given_up += 1;
    }

    /// Begins to tell of a receiver.
    pub(crate) fn begin(&self, target: &str) {
        self.lock().entry(target.to_owned()).or_default();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TargetHealth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
