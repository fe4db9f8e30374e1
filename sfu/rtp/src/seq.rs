//! Arithmetic of numbers and timestamps that wrap.

use std::time::Duration;

/// RTP sequence number (RFC 3550 section 5.1): wraps after 65,535.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNo(pub u16);

impl SeqNo {
    /// Returns the number that follows.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// Returns the number `count` further on.
    #[must_use]
    pub fn plus(self, count: u16) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// Returns how far `self` lies ahead of `other`, the shorter way round; negative when behind.
    pub fn ahead_of(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Reports whether `self` comes after `other`, the shorter way round.
    pub fn is_newer_than(self, other: Self) -> bool {
        self.ahead_of(other) > 0
    }
}

/// A sequence number that does not wrap: its low 16 bits are the [`SeqNo`], the rest counts rounds.
///
/// Rounds begin at 1, so that packets from before the first one have a number too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedSeqNo(pub u64);

impl ExtendedSeqNo {
    /// Returns the number of the first packet of a stream.
    pub fn first(seq: SeqNo) -> Self {
        Self((1 << 16) | u64::from(seq.0))
    }

    /// Returns the number on the wire.
    pub fn seq(self) -> SeqNo {
        SeqNo((self.0 & 0xffff) as u16)
    }

    /// Returns the extended number of `seq` that lies nearest to `self`.
    #[must_use]
    pub fn nearest(self, seq: SeqNo) -> Self {
        let ahead = i64::from(seq.ahead_of(self.seq()));
        Self(self.0.wrapping_add_signed(ahead))
    }

    /// Returns the number `count` further on.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// Returns the number `count` before, at least zero.
    #[must_use]
    pub fn minus(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }

    /// Returns how far `self` lies ahead of `other`; negative when behind.
    pub fn ahead_of(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// Extends the sequence numbers of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeqUnwrapper {
    highest: Option<ExtendedSeqNo>,
}

impl SeqUnwrapper {
    /// Returns the extended number of `seq`: the one nearest to the highest so far.
    pub fn unwrap(&mut self, seq: SeqNo) -> ExtendedSeqNo {
        let Some(highest) = self.highest else {
            let first = ExtendedSeqNo::first(seq);
            self.highest = Some(first);
            return first;
        };
        let extended = highest.nearest(seq);
        self.highest = Some(highest.max(extended));
        extended
    }

    /// Returns the extended number that `seq` would have, without moving on.
    pub fn peek(&self, seq: SeqNo) -> ExtendedSeqNo {
        self.highest
            .map_or_else(|| ExtendedSeqNo::first(seq), |highest| highest.nearest(seq))
    }

    /// Returns the highest number so far.
    pub fn highest(&self) -> Option<ExtendedSeqNo> {
        self.highest
    }
}

/// RTP timestamp (RFC 3550 section 5.1) in units of the payload format's clock; wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RtpTimestamp(pub u32);

impl RtpTimestamp {
    /// Returns the timestamp `ticks` later.
    #[must_use]
    pub fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Returns the timestamp `elapsed` later at `clock_rate` Hz.
    #[must_use]
    pub fn after(self, elapsed: Duration, clock_rate: u32) -> Self {
        self.plus(ticks_of(elapsed, clock_rate))
    }

    /// Returns how far `self` lies ahead of `other`, the shorter way round; negative when behind.
    pub fn ahead_of(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Reports whether `self` comes after `other`, the shorter way round.
    pub fn is_newer_than(self, other: Self) -> bool {
        self.ahead_of(other) > 0
    }
}

/// Returns how many ticks of a clock of `clock_rate` Hz `elapsed` takes, modulo 2^32.
pub(crate) fn ticks_of(elapsed: Duration, clock_rate: u32) -> u32 {
    let rate = u64::from(clock_rate);
    let whole = elapsed.as_secs().wrapping_mul(rate);
    let part = u64::from(elapsed.subsec_nanos()) * rate / 1_000_000_000;
    (whole.wrapping_add(part) & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_follows_the_highest_sequence_number() {
        assert_eq!(SeqNo(65_535).next(), SeqNo(0));
        assert!(SeqNo(0).is_newer_than(SeqNo(65_535)));
        assert!(!SeqNo(65_535).is_newer_than(SeqNo(0)));
    }

    #[test]
    fn an_unwrapped_number_counts_rounds_in_both_directions() {
        let mut unwrapper = SeqUnwrapper::default();
        let first = unwrapper.unwrap(SeqNo(0));
        let before = unwrapper.unwrap(SeqNo(65_535));
        let after = unwrapper.unwrap(SeqNo(1));
        assert_eq!((first.ahead_of(before), after.ahead_of(first)), (1, 1));
        assert_eq!(unwrapper.highest(), Some(after));
        for step in 1..200_000_u64 {
            let seq = SeqNo((step & 0xffff) as u16);
            assert_eq!(unwrapper.unwrap(seq), first.plus(step));
        }
    }

    #[test]
    fn a_number_far_back_does_not_move_the_highest() {
        let mut unwrapper = SeqUnwrapper::default();
        let first = unwrapper.unwrap(SeqNo(100));
        let old = unwrapper.unwrap(SeqNo(65_000));
        assert!(old < first);
        assert_eq!(unwrapper.highest(), Some(first));
    }

    #[test]
    fn elapsed_time_becomes_ticks_without_overflow() {
        assert_eq!(ticks_of(Duration::from_millis(1_500), 90_000), 135_000);
        let wrapped = RtpTimestamp(u32::MAX).after(Duration::from_millis(20), 48_000);
        assert_eq!(wrapped, RtpTimestamp(959));
        assert_eq!(ticks_of(Duration::from_secs(1 << 32), 2), 0);
        let _ = ticks_of(Duration::MAX, u32::MAX);
    }
}
