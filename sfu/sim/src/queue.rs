use std::collections::BTreeMap;
use std::time::Instant;

/// What is going to happen, soonest first; of the same time, what was put in first.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    entries: BTreeMap<(Instant, u64), T>,
    sequence: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Instant, what: T) {
        self.entries.insert((at, self.sequence), what);
        self.sequence += 1;
    }

    /// Returns when the next is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next if it is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.entries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::beginning;

    #[test]
    fn sooner_comes_first_and_of_the_same_time_what_was_put_in_first() {
        let (now, later) = (beginning().mono, beginning().mono + Duration::from_secs(1));
        let mut queue = Queue::new();
        for (at, what) in [(later, 'c'), (now, 'a'), (later, 'd'), (now, 'b')] {
            queue.push(at, what);
        }
        let mut order = String::new();
        while let Some(what) = queue.pop_due(later) {
            order.push(what);
        }
        assert_eq!(order, "abcd");
    }

    #[test]
    fn what_is_not_due_stays() {
        let now = beginning().mono;
        let later = now + Duration::from_secs(1);
        let mut queue = Queue::new();
        queue.push(later, ());
        assert_eq!(queue.pop_due(now), None);
        assert_eq!(queue.next_due(), Some(later));
    }
}
