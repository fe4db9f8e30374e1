//! What came of each stream that a peer sends.

use super::ended::EndedStreams;
use super::replay::ReplayWindow;
use super::streams::Streams;
use crate::limits::MAX_RECEIVE_STREAMS;

/// The streams of one kind, RTP or RTCP, that a peer sends: which of their packets came.
///
/// A stream begins with its first authentic packet, and has a window until it ends or, when there are
/// too many, gives way to a younger one. What remains of it then is its highest index: if it comes
/// back, it goes on behind that.
#[derive(Debug)]
pub(super) struct ReceiveStreams {
    live: Streams<Box<LiveStream>>,
    ended: EndedStreams,
    /// How many streams began.
    begun: u64,
}

#[derive(Debug)]
struct LiveStream {
    window: ReplayWindow,
    /// How many streams began before it.
    age: u64,
}

impl ReceiveStreams {
    pub(super) fn new() -> Self {
        Self {
            live: Streams::new(MAX_RECEIVE_STREAMS),
            ended: EndedStreams::default(),
            begun: 0,
        }
    }

    /// Returns the index of a packet, if it has not come yet. `guess` finds it by the highest index of
    /// its stream.
    #[inline]
    pub(super) fn fresh_index(
        &self,
        ssrc: u32,
        guess: impl FnOnce(Option<u64>) -> Option<u64>,
    ) -> Option<u64> {
        if let Some(stream) = self.live.get(ssrc) {
            let index = guess(Some(stream.window.highest()));
            return index.filter(|index| stream.window.accepts(*index));
        }
        match self.ended.last(ssrc) {
            Some(last) => guess(Some(last)).filter(|index| *index > last),
            None => guess(None),
        }
    }

    /// Remembers that an authentic packet with a fresh index came.
    #[inline]
    pub(super) fn record(&mut self, ssrc: u32, index: u64) {
        match self.live.get_mut(ssrc) {
            Some(stream) => stream.window.record(index),
            None => self.begin(ssrc, index),
        }
    }

    /// Keeps no more of a stream than its highest index.
    pub(super) fn end(&mut self, ssrc: u32) {
        if let Some(stream) = self.live.remove(ssrc) {
            self.ended.insert(ssrc, stream.window.highest());
        }
    }

    #[cold]
    fn begin(&mut self, ssrc: u32, index: u64) {
        let window = match self.ended.remove(ssrc) {
            Some(_) => ReplayWindow::behind(index),
            None => ReplayWindow::new(index),
        };
        if self.live.is_full() {
            let eldest = self.live.iter().min_by_key(|(_, stream)| stream.age);
            let eldest = eldest.map(|(ssrc, _)| ssrc);
            eldest.into_iter().for_each(|ssrc| self.end(ssrc));
        }
        let age = self.begun;
        self.begun += 1;
        self.live.insert(ssrc, Box::new(LiveStream { window, age }));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    #[cfg(test)]
    pub(super) fn ended(&self) -> usize {
        self.ended.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a packet by its index. Returns whether it was fresh.
    fn take(streams: &mut ReceiveStreams, ssrc: u32, index: u64) -> bool {
        let fresh = streams.fresh_index(ssrc, |_| Some(index)).is_some();
        if fresh {
            streams.record(ssrc, index);
        }
        fresh
    }

    #[test]
    fn a_stream_that_comes_back_goes_on_behind_its_end() {
        let mut streams = ReceiveStreams::new();
        assert!(take(&mut streams, 1, 70_000));
        assert!(take(&mut streams, 1, 70_002));
        streams.end(1);
        assert_eq!((streams.len(), streams.ended()), (0, 1));
        assert_eq!(streams.fresh_index(1, |last| last), None);
        for came in [70_000, 70_001, 70_002] {
            assert!(!take(&mut streams, 1, came));
        }
        assert!(take(&mut streams, 1, 70_010));
        assert!(!take(&mut streams, 1, 70_002), "it came before the end");
        assert!(!take(&mut streams, 1, 70_010));
        assert!(take(&mut streams, 1, 70_011));
        assert_eq!((streams.len(), streams.ended()), (1, 0));
    }

    #[test]
    fn a_stream_too_many_takes_the_place_of_the_one_that_began_first() {
        let mut streams = ReceiveStreams::new();
        let count = u32::try_from(MAX_RECEIVE_STREAMS).unwrap();
        for ssrc in (0..=count).rev() {
            assert!(take(&mut streams, ssrc, 5));
        }
        assert_eq!(streams.len(), MAX_RECEIVE_STREAMS);
        assert_eq!(streams.ended.last(count), Some(5));
        assert!(!take(&mut streams, count, 5));
        assert!(take(&mut streams, count, 6));
    }

    #[test]
    fn any_number_of_streams_one_after_the_other_leaves_a_bounded_rest() {
        let mut streams = ReceiveStreams::new();
        for ssrc in 0..30_000 {
            assert!(take(&mut streams, ssrc, 9));
            streams.end(ssrc);
        }
        assert_eq!(streams.len(), 0);
        assert_eq!(streams.ended(), crate::limits::MAX_ENDED_STREAMS);
    }
}
