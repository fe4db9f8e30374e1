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
    /// Most runs of left-out packets that are remembered for late ones; older ones are not forwarded.
    pub const MAX_RUNS: usize = Offsets::MAX_ROWS;
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

    /// Numbers a packet of our own (probe padding) behind the last one; with its timestamp.
    /// `None` before the first packet.
    pub fn insert(&mut self) -> Option<Munged> {
        let stream = self.stream.as_mut()?;
        let inserted = stream.offsets.insert_behind(stream.highest_source.0);
        stream.highest_sent = ExtendedSeqNo(inserted);
        Some(Munged {
            seq: stream.highest_sent,
            timestamp: stream.last_timestamp,
            order: Order::Next,
        })
    }

    /// Returns what is added to timestamps of the source, for sender reports. `None` before the
    /// first packet.
    pub fn timestamp_offset(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.timestamp_offset)
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
