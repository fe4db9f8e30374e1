/// State of RTP streams by SSRC, sorted, with a limit.
///
/// A peer has few streams: a binary search over packed keys beats a hash map, and its order is
/// defined.
#[derive(Debug)]
pub(super) struct Streams<T> {
    limit: usize,
    ssrcs: Vec<u32>,
    states: Vec<T>,
}

impl<T> Streams<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ssrcs: Vec::new(),
            states: Vec::new(),
        }
    }

    pub(super) fn get(&self, ssrc: u32) -> Option<&T> {
        let at = self.ssrcs.binary_search(&ssrc).ok()?;
        self.states.get(at)
    }

    pub(super) fn get_mut(&mut self, ssrc: u32) -> Option<&mut T> {
        let at = self.ssrcs.binary_search(&ssrc).ok()?;
        self.states.get_mut(at)
    }

    pub(super) fn is_full(&self) -> bool {
        self.ssrcs.len() >= self.limit
    }

    /// Adds a stream that is not there yet; the caller has found room for it.
    pub(super) fn insert(&mut self, ssrc: u32, state: T) {
        if let Err(at) = self.ssrcs.binary_search(&ssrc) {
            self.ssrcs.insert(at, ssrc);
            self.states.insert(at, state);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ssrcs.len()
    }
}
