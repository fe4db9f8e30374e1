//! State of RTP streams by SSRC.

/// State of RTP streams by SSRC, sorted, with a limit.
///
/// A peer has few streams: a binary search in one block of memory beats a hash map, and its order is
/// defined.
#[derive(Debug)]
pub(super) struct Streams<T> {
    limit: usize,
    states: Vec<(u32, T)>,
}

impl<T> Streams<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            states: Vec::new(),
        }
    }

    pub(super) fn get(&self, ssrc: u32) -> Option<&T> {
        let at = self.place(ssrc).ok()?;
        self.states.get(at).map(|(_, state)| state)
    }

    pub(super) fn get_mut(&mut self, ssrc: u32) -> Option<&mut T> {
        let at = self.place(ssrc).ok()?;
        self.states.get_mut(at).map(|(_, state)| state)
    }

    pub(super) fn is_full(&self) -> bool {
        self.states.len() >= self.limit
    }

    /// Iterates over the streams in the order of their SSRCs.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.states.iter().map(|(ssrc, state)| (*ssrc, state))
    }

    /// Adds a stream that is not there yet; the caller has found room for it.
    pub(super) fn insert(&mut self, ssrc: u32, state: T) {
        if let Err(at) = self.place(ssrc) {
            self.states.insert(at, (ssrc, state));
        }
    }

    /// Takes a stream out.
    pub(super) fn remove(&mut self, ssrc: u32) -> Option<T> {
        let at = self.place(ssrc).ok()?;
        Some(self.states.remove(at).1)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    fn place(&self, ssrc: u32) -> Result<usize, usize> {
        self.states.binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc)
    }
}
