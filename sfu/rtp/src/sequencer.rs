use std::time::{Duration, Instant};

use crate::payload::Vp8Rewrite;
use crate::{ExtendedSeqNo, RtpTimestamp, SeqNo};

/// A packet that was sent, and where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPacket {
    /// Which of the publication's streams it came from; the caller's numbering.
    pub source: u8,
    /// Its number there: where the publication's [`crate::PacketCache`] has it. 48 bits are kept.
    pub source_seq: ExtendedSeqNo,
    /// Timestamp that it was sent with.
    pub timestamp: RtpTimestamp,
    /// Marker bit that it was sent with.
    pub marker: bool,
    /// What replaced its VP8 descriptor.
    pub vp8: Option<Vp8Rewrite>,
}

/// Remembers which packet was sent under which number, so that a subscriber can ask for it again.
///
/// A ring of 24 bytes per packet. It is empty until the first packet and grows while packets of the
/// last second would be overwritten.
#[derive(Clone, Debug)]
pub struct Sequencer {
    /// Empty, or a power of two.
    ring: Vec<Entry>,
    limit: usize,
    epoch: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    source_seq_low: u32,
    timestamp: u32,
    /// Milliseconds since the epoch; wraps.
    sent_at: u32,
    seq: u16,
    source_seq_high: u16,
    vp8: Vp8Rewrite,
    source: u8,
    retransmissions: u8,
    marker: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    Plain,
    Vp8,
}

const _: () = assert!(size_of::<Entry>() == 24, "the ring's memory is counted on");

impl Sequencer {
    /// Most times that one packet is sent again.
    pub const MAX_RETRANSMISSIONS: u8 = 3;
    /// How long a packet can be asked for.
    pub const MAX_AGE: Duration = Duration::from_secs(10);
    /// Packets of this age may be overwritten without the ring growing.
    const RETAINED: u32 = 1_000;
    const FIRST_LEN: usize = 16;
    /// Beyond half of the sequence numbers, old and new could not be told apart.
    const MAX_LEN: usize = 1 << 15;

    /// Makes an empty ring that grows to `limit` packets, rounded up to a power of two, at most
    /// 32,768.
    pub fn new(limit: usize) -> Self {
        Self {
            ring: Vec::new(),
            limit: limit
                .clamp(Self::FIRST_LEN, Self::MAX_LEN)
                .next_power_of_two(),
            epoch: None,
        }
    }

    /// Notes that `packet` was sent as `seq`.
    #[inline]
    pub fn record(&mut self, now: Instant, seq: ExtendedSeqNo, packet: SentPacket) {
        let sent_at = self.millis(now);
        let seq = seq.seq().0;
        self.make_room(seq, sent_at);
        let (state, vp8) = match packet.vp8 {
            Some(rewrite) => (State::Vp8, rewrite),
            None => (State::Plain, Vp8Rewrite::default()),
        };
        let Some(entry) = self.entry(seq) else {
            return;
        };
        *entry = Entry {
            source_seq_low: (packet.source_seq.0 & 0xffff_ffff) as u32,
            timestamp: packet.timestamp.0,
            sent_at,
            seq,
            source_seq_high: ((packet.source_seq.0 >> 32) & 0xffff) as u16,
            vp8,
            source: packet.source,
            retransmissions: 0,
            marker: packet.marker,
            state,
        };
    }

    /// Returns what was sent as `seq`, if it may be sent again at `now`; that counts as sending it.
    ///
    /// # Errors
    ///
    /// Says why it is not sent again. `interval` is the least time since it was last sent.
    pub fn retransmit(
        &mut self,
        now: Instant,
        seq: SeqNo,
        interval: Duration,
    ) -> Result<SentPacket, NotRetransmitted> {
        let millis = self.millis(now);
        let entry = self
            .entry(seq.0)
            .filter(|entry| entry.seq == seq.0 && entry.state != State::Free)
            .ok_or(NotRetransmitted::Unknown)?;
        let age = Duration::from_millis(u64::from(millis.wrapping_sub(entry.sent_at)));
        if age > Self::MAX_AGE {
            return Err(NotRetransmitted::Unknown);
        }
        if entry.retransmissions >= Self::MAX_RETRANSMISSIONS {
            return Err(NotRetransmitted::TooOften);
        }
        if age < interval {
            return Err(NotRetransmitted::TooSoon);
        }
        entry.retransmissions += 1;
        entry.sent_at = millis;
        Ok(SentPacket {
            source: entry.source,
            source_seq: ExtendedSeqNo(
                u64::from(entry.source_seq_high) << 32 | u64::from(entry.source_seq_low),
            ),
            timestamp: RtpTimestamp(entry.timestamp),
            marker: entry.marker,
            vp8: (entry.state == State::Vp8).then_some(entry.vp8),
        })
    }

    /// Returns the bytes that the ring holds on to.
    pub fn memory(&self) -> usize {
        self.ring.capacity() * size_of::<Entry>()
    }

    fn millis(&mut self, now: Instant) -> u32 {
        let epoch = *self.epoch.get_or_insert(now);
        let millis = now.saturating_duration_since(epoch).as_millis();
        (millis & 0xffff_ffff) as u32
    }

    fn entry(&mut self, seq: u16) -> Option<&mut Entry> {
        let mask = self.ring.len().wrapping_sub(1);
        self.ring.get_mut(usize::from(seq) & mask)
    }

    /// Grows the ring while the entry that `seq` would overwrite is young.
    #[inline]
    fn make_room(&mut self, seq: u16, sent_at: u32) {
        while self.ring.len() < self.limit {
            let young = self.entry(seq).is_none_or(|entry| {
                entry.state != State::Free
                    && entry.seq != seq
                    && sent_at.wrapping_sub(entry.sent_at) < Self::RETAINED
            });
            if !young {
                return;
            }
            self.grow();
        }
    }

    fn grow(&mut self) {
        let len = (self.ring.len() * 2).max(Self::FIRST_LEN);
        let old = std::mem::replace(&mut self.ring, vec![Entry::default(); len]);
        for entry in old {
            if let Some(slot) = self.entry(entry.seq)
                && entry.state != State::Free
            {
                *slot = entry;
            }
        }
    }
}

/// Why a packet that was asked for is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRetransmitted {
    /// It was never sent, is padding of our own, or has left the ring.
    Unknown,
    /// It was sent less than the interval ago.
    TooSoon,
    /// It was sent again [`Sequencer::MAX_RETRANSMISSIONS`] times.
    TooOften,
}
