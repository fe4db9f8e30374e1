//! Which packets of a stream came already.

/// Which packets of a stream came already: a window behind the highest index (RFC 3711 section
/// 3.3.2).
///
/// It spans 2,048 packets, several seconds of a video layer: LiveKit switches replay protection off so that
/// late retransmissions pass, and this window lets them pass as well.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    highest: u64,
    /// A ring of bits: bit `index % SPAN` tells whether `index` came, for the `SPAN` indices up to
    /// the highest.
    seen: [u64; WORDS],
}

const WORDS: usize = 32;

impl ReplayWindow {
    /// How many indices behind the highest are told apart.
    pub(super) const SPAN: u64 = 64 * WORDS as u64;

    /// Starts a window with the first authentic index.
    pub(super) fn new(first: u64) -> Self {
        let mut window = Self {
            highest: first,
            seen: [0; WORDS],
        };
        window.mark(first);
        window
    }

    /// Starts a window with an authentic index behind which nothing is taken any more.
    pub(super) fn behind(first: u64) -> Self {
        Self {
            highest: first,
            seen: [u64::MAX; WORDS],
        }
    }

    /// Returns the highest index that came.
    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// Tells whether `index` is inside the window or ahead of it, and has not come yet.
    pub(super) fn accepts(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        let (word, bit) = Self::position(index);
        self.highest - index < Self::SPAN && self.seen.get(word).is_some_and(|seen| seen & bit == 0)
    }

    /// Remembers that the authentic `index` came.
    pub(super) fn record(&mut self, index: u64) {
        if index > self.highest {
            self.forget(self.highest + 1, index);
            self.highest = index;
        }
        self.mark(index);
    }

    /// Clears the bits of `first..=last`, which enter the window.
    fn forget(&mut self, first: u64, last: u64) {
        if last - first >= Self::SPAN - 1 {
            self.seen = [0; WORDS];
            return;
        }
        let mut index = first;
        while index <= last {
            let (word, bit) = Self::position(index);
            let whole_word = bit == 1 && last - index >= 63;
            if let Some(seen) = self.seen.get_mut(word) {
                *seen = if whole_word { 0 } else { *seen & !bit };
            }
            index += if whole_word { 64 } else { 1 };
        }
    }

    fn mark(&mut self, index: u64) {
        let (word, bit) = Self::position(index);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
    }

    fn position(index: u64) -> (usize, u64) {
        let offset = index % Self::SPAN;
        let word = usize::try_from(offset / 64).unwrap_or(0);
        (word, 1 << (offset % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_packet_is_accepted_once() {
        let mut window = ReplayWindow::new(10);
        assert!(!window.accepts(10));
        assert!(window.accepts(11));
        window.record(11);
        assert!(!window.accepts(11));
    }

    #[test]
    fn a_late_packet_is_accepted_up_to_the_span() {
        let mut window = ReplayWindow::new(0);
        window.record(5_000);
        assert!(window.accepts(5_000 - ReplayWindow::SPAN + 1));
        assert!(!window.accepts(5_000 - ReplayWindow::SPAN));
    }

    #[test]
    fn the_window_agrees_with_a_set_of_all_indices() {
        let mut window = ReplayWindow::new(70_000);
        let mut seen = BTreeSet::from([70_000]);
        let mut random = 1_u64;
        for _ in 0..200_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let highest = *seen.last().unwrap();
            let jump = if random >> 60 == 0 { 5_000 } else { 40 };
            let index = highest + (random >> 33) % jump - (random >> 40) % jump.min(3_000);
            let fresh =
                index > highest || (highest - index < ReplayWindow::SPAN && !seen.contains(&index));
            assert_eq!(window.accepts(index), fresh, "{index} after {highest}");
            if fresh {
                window.record(index);
                seen.insert(index);
            }
        }
    }
}
