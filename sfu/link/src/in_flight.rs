use std::collections::BTreeMap;
use std::time::Instant;

/// What is on its way over links: what arrives soonest comes first, of the same time what was put in first.
#[derive(Clone, Debug)]
pub struct InFlight<T> {
    entries: BTreeMap<(Instant, u64), T>,
    sequence: u64,
}

impl<T> InFlight<T> {
    /// Makes one in which nothing is on its way.
    pub fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            sequence: 0,
        }
    }

    /// Puts something on its way that arrives at `at`.
    pub fn push(&mut self, at: Instant, what: T) {
        self.entries.insert((at, self.sequence), what);
        self.sequence += 1;
    }

    /// Returns when the next arrives.
    pub fn next_due(&self) -> Option<Instant> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next if it has arrived by `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.entries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// Returns how many are on their way.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::link::tests::BEGIN;

    #[test]
    fn sooner_comes_first_and_of_the_same_time_what_was_put_in_first() {
        let (now, later) = (*BEGIN, *BEGIN + Duration::from_secs(1));
        let mut in_flight = InFlight::new();
        for (at, what) in [(later, 'c'), (now, 'a'), (later, 'd'), (now, 'b')] {
            in_flight.push(at, what);
        }
        let mut order = String::new();
        while let Some(what) = in_flight.pop_due(later) {
            order.push(what);
        }
        assert_eq!(order, "abcd");
    }

    #[test]
    fn what_is_not_due_stays() {
        let now = *BEGIN;
        let later = now + Duration::from_secs(1);
        let mut in_flight = InFlight::new();
        in_flight.push(later, ());
        assert_eq!(in_flight.pop_due(now), None);
        assert_eq!(in_flight.next_due(), Some(later));
    }
}
