//! What became of the latest frames of a stream.

use sfu_rtp::References;

/// What became of the latest 64 frames of a stream, by their numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameHistory {
    /// Highest number of a frame that was decided about; none before the first.
    newest: Option<u64>,
    /// Bit `n`: of the frame with a number lower by `n` than the newest.
    forwarded: u64,
    left_out: u64,
}

impl FrameHistory {
    /// How many frames are remembered.
    pub(crate) const LEN: u64 = 64;

    /// Reports whether a frame is newer than all that were decided about.
    #[inline]
    pub(crate) fn is_new(&self, number: u64) -> bool {
        self.newest.is_none_or(|newest| number > newest)
    }

    /// Returns whether a frame was forwarded, if it was decided about; those that are too old to be remembered are not.
    #[inline]
    pub(crate) fn decision(&self, number: u64) -> Option<bool> {
        let newest = self.newest.filter(|newest| number <= *newest)?;
        let behind = newest - number;
        if behind >= Self::LEN {
            return Some(false);
        }
        let bit = 1 << behind;
        if self.forwarded & bit != 0 {
            return Some(true);
        }
        (self.left_out & bit != 0).then_some(false)
    }

    /// Notes what becomes of a frame.
    #[inline]
    pub(crate) fn note(&mut self, number: u64, is_forwarded: bool) {
        let newest = self.newest.map_or(number, |newest| newest.max(number));
        self.forwarded = self.seen_from(newest, self.forwarded);
        self.left_out = self.seen_from(newest, self.left_out);
        self.newest = Some(newest);
        let Some(bit) = shift(1, newest - number) else {
            return;
        };
        match is_forwarded {
            true => self.forwarded |= bit,
            false => self.left_out |= bit,
        }
    }

    /// Reports whether all frames that a frame needs were forwarded.
    #[inline]
    pub(crate) fn has_all(&self, number: u64, references: References) -> bool {
        !references.has_far() && references.near() & !self.seen_from(number, self.forwarded) == 0
    }

    /// Reports whether a frame that a frame needs was left out.
    #[inline]
    pub(crate) fn lacks_any(&self, number: u64, references: References) -> bool {
        references.near() & self.seen_from(number, self.left_out) != 0
    }

    /// Returns a mask of frames as it is when bit 0 is that of frame `number`.
    #[inline]
    fn seen_from(&self, number: u64, mask: u64) -> u64 {
        let newest = self.newest.unwrap_or(number);
        match number.checked_sub(newest) {
            Some(ahead) => shift(mask, ahead).unwrap_or(0),
            None => mask >> (newest - number).min(Self::LEN - 1),
        }
    }
}

/// Shifts to the left; `None` when nothing would be left.
fn shift(mask: u64, by: u64) -> Option<u64> {
    mask.checked_shl(u32::try_from(by).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(distances: &[u32]) -> References {
        distances.iter().copied().collect()
    }

    #[test]
    fn a_frame_is_remembered_for_sixty_four_frames() {
        let mut history = FrameHistory::default();
        assert_eq!(history.decision(100), None);
        history.note(100, true);
        history.note(102, false);
        assert_eq!(history.decision(100), Some(true));
        assert_eq!((history.decision(101), history.is_new(101)), (None, false));
        assert_eq!(history.decision(102), Some(false));
        assert!(history.is_new(103));
        history.note(163, true);
        assert_eq!(history.decision(100), Some(true));
        history.note(164, true);
        assert_eq!(history.decision(100), Some(false), "too old");
        assert_eq!(history.decision(102), Some(false));
        history.note(101, true);
        assert_eq!(history.decision(101), Some(true));
        history.note(10_000, true);
        assert_eq!(history.decision(9_999), None);
    }

    #[test]
    fn a_frame_has_all_it_needs_if_all_that_was_forwarded() {
        let mut history = FrameHistory::default();
        history.note(100, true);
        history.note(101, false);
        history.note(102, true);
        assert!(history.has_all(103, references(&[1, 3])));
        assert!(!history.has_all(103, references(&[1, 2])));
        assert!(history.lacks_any(103, references(&[1, 2])));
        // Nothing is known of frame 99.
        assert!(!history.has_all(103, references(&[4])));
        assert!(!history.lacks_any(103, references(&[4])));
        // A frame that comes late.
        assert!(history.has_all(101, references(&[1])));
        assert!(history.has_all(50, references(&[])));
        let far = references(&[64]);
        assert!(!history.has_all(103, far) && !history.lacks_any(103, far));
    }
}
