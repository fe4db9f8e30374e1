//! The last packet index of streams that are over.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::MAX_ENDED_STREAMS;

/// Streams that ended, by SSRC, each with the highest packet index that it came to. When there are
/// too many, the one that ended first is forgotten.
#[derive(Debug, Default)]
pub(super) struct EndedStreams {
    last: BTreeMap<u32, u64>,
    /// The same SSRCs in the order in which they ended.
    order: VecDeque<u32>,
}

impl EndedStreams {
    /// Returns the highest index of a stream that ended.
    pub(super) fn last(&self, ssrc: u32) -> Option<u64> {
        self.last.get(&ssrc).copied()
    }

    /// Remembers a stream that ended.
    pub(super) fn insert(&mut self, ssrc: u32, last: u64) {
        if self.order.len() >= MAX_ENDED_STREAMS
            && let Some(first) = self.order.pop_front()
        {
            self.last.remove(&first);
        }
        self.order.push_back(ssrc);
        self.last.insert(ssrc, last);
    }

    /// Takes out a stream that came back.
    pub(super) fn remove(&mut self, ssrc: u32) -> Option<u64> {
        let last = self.last.remove(&ssrc)?;
        self.order.retain(|other| *other != ssrc);
        Some(last)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_that_ended_first_is_forgotten_first() {
        let mut ended = EndedStreams::default();
        let count = u32::try_from(MAX_ENDED_STREAMS).unwrap();
        (0..=count).for_each(|ssrc| ended.insert(ssrc, u64::from(ssrc)));
        assert_eq!(ended.len(), MAX_ENDED_STREAMS);
        assert_eq!(ended.last(0), None);
        assert_eq!(ended.last(1), Some(1));
    }

    #[test]
    fn a_stream_that_came_back_and_ended_again_is_not_forgotten_early() {
        let mut ended = EndedStreams::default();
        ended.insert(7, 1);
        assert_eq!(ended.remove(7), Some(1));
        ended.insert(7, 2);
        let count = u32::try_from(MAX_ENDED_STREAMS).unwrap();
        (100..99 + count).for_each(|ssrc| ended.insert(ssrc, 0));
        assert_eq!(ended.last(7), Some(2));
    }
}
