//! Numbers and timestamps of a stream made of parts of others.

use std::time::{Duration, Instant};

use crate::offsets::Offsets;
use crate::seq::ticks_of;
use crate::{ExtendedSeqNo, RtpTimestamp, SeqNo};

/// What a forwarded packet is numbered as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Munged {
    /// Sequence number towards the receiver.
    pub seq: ExtendedSeqNo,
    /// Timestamp towards the receiver.
    pub timestamp: RtpTimestamp,
    /// Where it stands among those sent.
    pub order: Order,
}

/// Where a packet stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It follows the highest.
    Next,
    /// It lies further ahead: packets between are missing.
    Gap,
    /// It lies behind the highest.
    Late,
}

/// Numbers the packets of one subscription, so that its receiver sees one stream without gaps over
/// switches of source, pauses and packets that are left out.
///
/// A gap is left exactly where a packet of the source is missing: when it comes late, or again, it
/// gets the number that was kept for it.
#[derive(Clone, Debug)]
pub struct Munger {
    clock_rate: u32,
    first: ExtendedSeqNo,
    stream: Option<Stream>,
}

/// A stream that was begun.
#[derive(Clone, Debug)]
struct Stream {
    offsets: Offsets,
    /// Highest number of the source, forwarded or left out.
    highest_source: ExtendedSeqNo,
    /// Highest number sent.
    highest_sent: ExtendedSeqNo,
    timestamp_offset: u32,
    /// Of the packet sent with the highest number.
    last_timestamp: RtpTimestamp,
    last_sent_at: Instant,
}

impl Munger {
    /// How far a translated timestamp may lie from the time that has passed, to be believed.
    pub const MAX_MISALIGNMENT: Duration = Duration::from_secs(1);

    /// Begins a stream whose first packet will have the number `first`.
    pub fn new(first: SeqNo, clock_rate: u32) -> Self {
        Self {
            clock_rate,
            first: ExtendedSeqNo::first(first),
            stream: None,
        }
    }

    /// Goes on in the clock of another codec, from the next switch of sources on.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
    }

    /// Goes on with a packet of another source, or of the same one after a pause: `seq` and
    /// `timestamp` are those of its first packet that will be forwarded, which gets the number after
    /// the last. Call it before [`Munger::forward`] of that packet, the first packet of all included.
    ///
    /// `same_instant` is what the previous source's clock shows at `timestamp`
    /// ([`crate::RtpClock::same_instant`]; for the same source `timestamp` itself). Where it is
    /// unknown, or further than [`Munger::MAX_MISALIGNMENT`] from the time since the last packet,
    /// that time takes its place. The stream's timestamp always rises.
    pub fn switch_source(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
        same_instant: Option<RtpTimestamp>,
    ) {
        let Some(stream) = &mut self.stream else {
            let mut offsets = Offsets::default();
            offsets.restart(seq.0, self.first.0);
            self.stream = Some(Stream {
                offsets,
                highest_source: seq.minus(1),
                highest_sent: self.first.minus(1),
                timestamp_offset: 0,
                last_timestamp: timestamp,
                last_sent_at: now,
            });
            return;
        };
        let next_timestamp = stream.next_timestamp(now, self.clock_rate, same_instant);
        stream.timestamp_offset = next_timestamp.0.wrapping_sub(timestamp.0);
        stream.offsets.restart(seq.0, stream.highest_sent.0 + 1);
        stream.highest_source = seq.minus(1);
    }

    /// Returns the number that the next packet is likely to get.
    #[inline]
    pub fn upcoming(&self) -> SeqNo {
        match &self.stream {
            Some(stream) => stream.highest_sent.seq().next(),
            None => self.first.seq(),
        }
    }

    /// Numbers a packet of the source. `None` when it cannot be: it is from before the switch, it was
    /// left out, or it is older than what is remembered.
    #[inline]
    pub fn forward(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
    ) -> Option<Munged> {
        let stream = self.stream.as_mut()?;
        if seq <= stream.highest_source {
            return stream.late(seq, timestamp);
        }
        let order = if seq.ahead_of(stream.highest_source) == 1 {
            Order::Next
        } else {
            Order::Gap
        };
        let sent = ExtendedSeqNo(stream.offsets.map_newest(seq.0));
        let timestamp = timestamp.plus(stream.timestamp_offset);
        stream.highest_source = seq;
        stream.highest_sent = sent;
        stream.last_timestamp = timestamp;
        stream.last_sent_at = now;
        Some(Munged {
            seq: sent,
            timestamp,
            order,
        })
    }

    /// Leaves out a packet of the source (a layer not wanted, padding): the next one closes up.
    ///
    /// Returns `Some` when that is too late because the stream went on with a gap for it: the caller
    /// fills the gap with padding under that number, so that the receiver stops asking for it.
    #[inline]
    pub fn leave_out(&mut self, seq: ExtendedSeqNo, timestamp: RtpTimestamp) -> Option<Munged> {
        let stream = self.stream.as_mut()?;
        if seq <= stream.highest_source {
            return stream.late(seq, timestamp);
        }
        stream.offsets.leave_out(seq.0);
        stream.highest_source = seq;
        None
    }

    /// Returns what is added to timestamps of the source, for sender reports. `None` before the
    /// first packet.
    pub fn timestamp_offset(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.timestamp_offset)
    }

    /// Returns how many numbers have been passed, those included that were kept for packets that are missing.
    pub fn numbers(&self) -> u64 {
        self.highest()
            .map_or(0, |highest| highest.0 - self.first.0 + 1)
    }

    /// Returns the highest number sent.
    pub fn highest(&self) -> Option<ExtendedSeqNo> {
        let stream = self.stream.as_ref()?;
        (stream.highest_sent >= self.first).then_some(stream.highest_sent)
    }
}

impl Stream {
    /// Returns the timestamp that the first packet after a switch is sent with.
    fn next_timestamp(
        &self,
        now: Instant,
        clock_rate: u32,
        same_instant: Option<RtpTimestamp>,
    ) -> RtpTimestamp {
        let elapsed = now.saturating_duration_since(self.last_sent_at);
        let by_time = self.last_timestamp.after(elapsed, clock_rate);
        let tolerance = ticks_of(Munger::MAX_MISALIGNMENT, clock_rate);
        let next = same_instant
            .map(|timestamp| timestamp.plus(self.timestamp_offset))
            .filter(|aligned| aligned.ahead_of(by_time).unsigned_abs() <= tolerance)
            .unwrap_or(by_time);
        if next.is_newer_than(self.last_timestamp) {
            next
        } else {
            self.last_timestamp.plus(1)
        }
    }

    fn late(&self, seq: ExtendedSeqNo, timestamp: RtpTimestamp) -> Option<Munged> {
        Some(Munged {
            seq: ExtendedSeqNo(self.offsets.map(seq.0)?),
            timestamp: timestamp.plus(self.timestamp_offset),
            order: Order::Late,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 90_000;
    const FRAME: u32 = 3_000;

    fn started(first_sent: u16, source: u64) -> (Munger, Instant) {
        let now = crate::any_instant();
        let mut munger = Munger::new(SeqNo(first_sent), RATE);
        munger.switch_source(now, ExtendedSeqNo(source), RtpTimestamp(0), None);
        (munger, now)
    }

    fn forward(munger: &mut Munger, now: Instant, seq: u64, timestamp: u32) -> Option<(u16, u32)> {
        let munged = munger.forward(now, ExtendedSeqNo(seq), RtpTimestamp(timestamp))?;
        Some((munged.seq.seq().0, munged.timestamp.0))
    }

    fn leave_out(munger: &mut Munger, seq: u64) -> Option<u16> {
        let munged = munger.leave_out(ExtendedSeqNo(seq), RtpTimestamp(0))?;
        Some(munged.seq.seq().0)
    }

    #[test]
    fn the_first_packet_gets_the_first_number() {
        let (mut munger, now) = started(65_535, 70_000);
        assert_eq!(munger.highest(), None);
        assert_eq!(forward(&mut munger, now, 70_000, 5), Some((65_535, 5)));
        assert_eq!(forward(&mut munger, now, 70_001, 5), Some((0, 5)));
        assert_eq!(munger.highest().unwrap().seq(), SeqNo(0));
    }

    #[test]
    fn left_out_packets_leave_no_gap() {
        let (mut munger, now) = started(100, 70_000);
        forward(&mut munger, now, 70_000, 0);
        assert_eq!(leave_out(&mut munger, 70_001), None);
        assert_eq!(leave_out(&mut munger, 70_002), None);
        let next = munger.forward(now, ExtendedSeqNo(70_003), RtpTimestamp(0));
        assert_eq!(
            next.map(|munged| (munged.seq.seq(), munged.order)),
            Some((SeqNo(101), Order::Next))
        );
        assert_eq!(forward(&mut munger, now, 70_001, 0), None);
    }

    #[test]
    fn a_late_packet_gets_the_number_that_was_kept_for_it() {
        let (mut munger, now) = started(100, 70_000);
        forward(&mut munger, now, 70_000, 0);
        let ahead = munger.forward(now, ExtendedSeqNo(70_002), RtpTimestamp(0));
        assert_eq!(ahead.unwrap().order, Order::Gap);
        leave_out(&mut munger, 70_003);
        assert_eq!(forward(&mut munger, now, 70_004, 0), Some((103, 0)));
        let late = munger.forward(now, ExtendedSeqNo(70_001), RtpTimestamp(0));
        assert_eq!(
            late.map(|munged| (munged.seq.seq(), munged.order)),
            Some((SeqNo(101), Order::Late))
        );
    }

    #[test]
    fn a_late_packet_that_is_not_wanted_has_a_gap_to_fill() {
        let (mut munger, now) = started(100, 70_000);
        forward(&mut munger, now, 70_000, 0);
        forward(&mut munger, now, 70_002, 0);
        assert_eq!(leave_out(&mut munger, 70_001), Some(101));
    }

    #[test]
    fn a_switch_goes_on_with_the_next_number() {
        let (mut munger, now) = started(100, 70_000);
        forward(&mut munger, now, 70_000, 0);
        munger.switch_source(now, ExtendedSeqNo(90_000), RtpTimestamp(50_000), None);
        assert_eq!(forward(&mut munger, now, 89_999, 50_000), None);
        assert_eq!(forward(&mut munger, now, 90_000, 50_000), Some((101, 1)));
        assert_eq!(forward(&mut munger, now, 70_001, 0), None);
    }

    #[test]
    fn a_switch_takes_its_timestamp_from_the_same_instant() {
        let (mut munger, now) = started(0, 70_000);
        forward(&mut munger, now, 70_000, 1_000);
        let later = now + Duration::from_millis(40);
        let same_instant = Some(RtpTimestamp(1_000 + FRAME));
        munger.switch_source(later, ExtendedSeqNo(5), RtpTimestamp(77), same_instant);
        assert_eq!(forward(&mut munger, later, 5, 77), Some((1, 1_000 + FRAME)));
        assert_eq!(
            forward(&mut munger, later, 6, 77 + FRAME),
            Some((2, 1_000 + 2 * FRAME))
        );
        assert_eq!(munger.timestamp_offset(), Some(1_000 + FRAME - 77));
    }

    #[test]
    fn an_impossible_instant_gives_way_to_the_time_that_passed() {
        let (mut munger, now) = started(0, 70_000);
        forward(&mut munger, now, 70_000, 0);
        let later = now + Duration::from_secs(10);
        let impossible = Some(RtpTimestamp(5));
        munger.switch_source(later, ExtendedSeqNo(5), RtpTimestamp(77), impossible);
        assert_eq!(forward(&mut munger, later, 5, 77), Some((1, 10 * RATE)));
    }

    #[test]
    fn a_pause_keeps_the_timestamps_of_the_source() {
        let (mut munger, now) = started(0, 70_000);
        forward(&mut munger, now, 70_000, 500);
        let later = now + Duration::from_secs(10);
        let timestamp = RtpTimestamp(500 + 10 * RATE - 2_000);
        munger.switch_source(later, ExtendedSeqNo(71_000), timestamp, Some(timestamp));
        assert_eq!(
            forward(&mut munger, later, 71_000, timestamp.0),
            Some((1, timestamp.0))
        );
    }

    #[test]
    fn a_timestamp_rises_over_a_switch_within_one_frame() {
        let (mut munger, now) = started(0, 70_000);
        forward(&mut munger, now, 70_000, 1_000);
        let same_instant = Some(RtpTimestamp(1_000));
        munger.switch_source(now, ExtendedSeqNo(5), RtpTimestamp(77), same_instant);
        assert_eq!(forward(&mut munger, now, 5, 77), Some((1, 1_001)));
    }

    #[test]
    fn numbers_stay_dense_and_unique_over_any_mix() {
        let (mut munger, now) = started(65_000, 70_000);
        let mut sent = Vec::new();
        for seq in 70_000..90_000_u64 {
            if matches!(seq % 7, 1 | 2) {
                assert_eq!(leave_out(&mut munger, seq), None);
                continue;
            }
            let munged = munger.forward(now, ExtendedSeqNo(seq), RtpTimestamp(0));
            sent.push(munged.unwrap().seq.0);
        }
        for pair in sent.windows(2) {
            assert_eq!(pair[1], pair[0] + 1);
        }
    }
}
