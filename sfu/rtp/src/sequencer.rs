//! Which source packet was sent under which number, for retransmission.

use std::time::{Duration, Instant};

use crate::limits::{
    FIRST_RING_LEN, MAX_RETRANSMISSIONS, MAX_RING_LEN, RETAINED_MILLIS, RETRANSMISSION_AGE,
};
use crate::payload::{RedRecipe, Vp8Rewrite};
use crate::{ExtendedSeqNo, RtpTimestamp, SeqNo};

/// Names one received stream among those of a publication. A stream that takes the place of another has
/// another number, because its sequence numbers begin anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamNumber(pub u16);

impl StreamNumber {
    /// Returns the number of the stream that begins next. Numbers come round after 65,536 streams: longer
    /// than a [`Sequencer`] remembers any.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A packet that was sent, and where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentPacket {
    /// Which of the publication's streams it came from.
    pub source: StreamNumber,
    /// Its number there: where the publication's [`crate::PacketCache`] has it. 48 bits are kept.
    pub source_seq: ExtendedSeqNo,
    /// Timestamp that it was sent with.
    pub timestamp: RtpTimestamp,
    /// Marker bit that it was sent with.
    pub marker: bool,
    /// What became of its payload.
    pub rewrite: Rewrite,
}

/// What became of a payload on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rewrite {
    /// It went as it came.
    #[default]
    None,
    /// Its VP8 descriptor was replaced.
    Vp8(Vp8Rewrite),
    /// Sound was put together anew.
    Sound(RedRecipe),
}

impl Rewrite {
    /// Returns its kind, as a flag, and what four bytes say of it.
    fn to_parts(self) -> (u8, [u8; 4]) {
        match self {
            Self::None => (0, [0; 4]),
            Self::Vp8(rewrite) => {
                let [high, low] = rewrite.picture_id.to_be_bytes();
                let bytes = [high, low, rewrite.tl0_pic_idx, rewrite.key_idx];
                (Flags::VP8, bytes)
            }
            Self::Sound(recipe) => (Flags::SOUND, [recipe.to_byte(), 0, 0, 0]),
        }
    }

    fn from_parts(flags: Flags, [b0, b1, b2, b3]: [u8; 4]) -> Self {
        if flags.has(Flags::VP8) {
            Self::Vp8(Vp8Rewrite {
                picture_id: u16::from_be_bytes([b0, b1]),
                tl0_pic_idx: b2,
                key_idx: b3,
            })
        } else if flags.has(Flags::SOUND) {
            Self::Sound(RedRecipe::from_byte(b0))
        } else {
            Self::None
        }
    }
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
    /// How often all was forgotten; what was noted at another age is unknown.
    age: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    source_seq_low: u32,
    timestamp: u32,
    /// Milliseconds since the epoch; wraps.
    sent_at: u32,
    seq: u16,
    source_seq_high: u16,
    rewrite: [u8; 4],
    source: StreamNumber,
    retransmissions: u8,
    flags: Flags,
}

/// What else is known of a packet: four bits, and above them the sequencer's age when it was noted. Zero
/// is a place that is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags(u8);

impl Flags {
    const SENT: u8 = 1;
    const VP8: u8 = 2;
    const SOUND: u8 = 4;
    const MARKER: u8 = 8;
    const AGE_SHIFT: u32 = 4;
    /// How many ages can be told apart.
    const AGES: u8 = 1 << (u8::BITS - Self::AGE_SHIFT);

    fn of(packet: &SentPacket, rewrite: u8, age: u8) -> Self {
        let marker = if packet.marker { Self::MARKER } else { 0 };
        Self(Self::SENT | rewrite | marker | age << Self::AGE_SHIFT)
    }

    fn is_sent_at(self, age: u8) -> bool {
        self.has(Self::SENT) && self.0 >> Self::AGE_SHIFT == age
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

const _: () = assert!(size_of::<Entry>() == 24, "the ring's memory is counted on");

impl Sequencer {
    /// Makes an empty ring that grows to `limit` packets, rounded up to a power of two, at most
    /// 32,768.
    pub fn new(limit: usize) -> Self {
        Self {
            ring: Vec::new(),
            limit: limit
                .clamp(FIRST_RING_LEN, MAX_RING_LEN)
                .next_power_of_two(),
            epoch: None,
            age: 0,
        }
    }

    /// Notes that `packet` was sent as `seq`.
    #[inline]
    pub fn record(&mut self, now: Instant, seq: ExtendedSeqNo, packet: SentPacket) {
        let sent_at = self.millis(now);
        let seq = seq.seq().0;
        self.make_room(seq, sent_at);
        let age = self.age;
        let (kind, rewrite) = packet.rewrite.to_parts();
        let Some(entry) = self.entry(seq) else {
            return;
        };
        *entry = Entry {
            source_seq_low: (packet.source_seq.0 & 0xffff_ffff) as u32,
            timestamp: packet.timestamp.0,
            sent_at,
            seq,
            source_seq_high: ((packet.source_seq.0 >> 32) & 0xffff) as u16,
            rewrite,
            source: packet.source,
            retransmissions: 0,
            flags: Flags::of(&packet, kind, age),
        };
    }

    /// Reads where the packet that is sent as `seq` will be noted, so that the processor's caches have
    /// it when its turn comes. Returns a number that depends on what was read.
    #[inline]
    pub fn prefetch(&self, seq: SeqNo) -> u64 {
        let mask = self.ring.len().wrapping_sub(1);
        let entry = self.ring.get(usize::from(seq.0) & mask);
        entry.map_or(0, |entry| u64::from(entry.sent_at))
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
        let age = self.age;
        let entry = self
            .entry(seq.0)
            .filter(|entry| entry.seq == seq.0 && entry.flags.is_sent_at(age))
            .ok_or(NotRetransmitted::Unknown)?;
        let age = Duration::from_millis(u64::from(millis.wrapping_sub(entry.sent_at)));
        if age > RETRANSMISSION_AGE {
            return Err(NotRetransmitted::Unknown);
        }
        if entry.retransmissions >= MAX_RETRANSMISSIONS {
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
            marker: entry.flags.has(Flags::MARKER),
            rewrite: Rewrite::from_parts(entry.flags, entry.rewrite),
        })
    }

    /// Forgets what was sent so far: nothing of it is sent again.
    pub fn forget(&mut self) {
        self.age += 1;
        if self.age >= Flags::AGES {
            self.ring.fill(Entry::default());
            self.age = 0;
        }
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
                entry.flags.has(Flags::SENT)
                    && entry.seq != seq
                    && sent_at.wrapping_sub(entry.sent_at) < RETAINED_MILLIS
            });
            if !young {
                return;
            }
            self.grow();
        }
    }

    fn grow(&mut self) {
        let len = (self.ring.len() * 2).max(FIRST_RING_LEN);
        let old = std::mem::replace(&mut self.ring, vec![Entry::default(); len]);
        for entry in old {
            if let Some(slot) = self.entry(entry.seq)
                && entry.flags.has(Flags::SENT)
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
    /// It was sent again [`MAX_RETRANSMISSIONS`] times.
    TooOften,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Origin;

    const INTERVAL: Duration = Duration::from_millis(50);

    fn packet(source_seq: u64) -> SentPacket {
        SentPacket {
            source: StreamNumber(2),
            source_seq: ExtendedSeqNo(source_seq),
            timestamp: RtpTimestamp(9),
            marker: true,
            rewrite: Rewrite::Vp8(Vp8Rewrite {
                picture_id: 0x7ffe,
                tl0_pic_idx: 2,
                key_idx: 3,
            }),
        }
    }

    #[test]
    fn a_packet_is_sent_again_three_times_and_not_too_soon() {
        let now = crate::any_instant();
        let mut sequencer = Sequencer::new(512);
        let original = packet(0xabcd_1234_5678);
        sequencer.record(now, ExtendedSeqNo(65_536), original);
        let at = |millis| now + Duration::from_millis(millis);
        let mut ask = |millis| sequencer.retransmit(at(millis), SeqNo(0), INTERVAL);
        assert_eq!(ask(20), Err(NotRetransmitted::TooSoon));
        assert_eq!(ask(50), Ok(original));
        assert_eq!(ask(60), Err(NotRetransmitted::TooSoon));
        assert_eq!(ask(100), Ok(original));
        assert_eq!(ask(150), Ok(original));
        assert_eq!(ask(200), Err(NotRetransmitted::TooOften));
    }

    #[test]
    fn of_what_sound_was_made_is_remembered() {
        let now = crate::any_instant();
        let mut sequencer = Sequencer::new(16);
        let before = [Origin::Carried, Origin::Kept];
        for rewrite in [Rewrite::None, Rewrite::Sound(RedRecipe { before })] {
            let sent = SentPacket {
                rewrite,
                ..packet(7)
            };
            sequencer.record(now, ExtendedSeqNo(65_536), sent);
            let again = sequencer.retransmit(now, SeqNo(0), Duration::ZERO);
            assert_eq!(again, Ok(sent));
        }
    }

    #[test]
    fn what_was_never_sent_is_unknown() {
        let now = crate::any_instant();
        let mut sequencer = Sequencer::new(512);
        let later = now + INTERVAL;
        let unknown = Err(NotRetransmitted::Unknown);
        assert_eq!(sequencer.retransmit(later, SeqNo(0), INTERVAL), unknown);
        sequencer.record(now, ExtendedSeqNo(65_536), packet(1));
        assert_eq!(sequencer.retransmit(later, SeqNo(16), INTERVAL), unknown);
        assert_eq!(sequencer.retransmit(later, SeqNo(1), INTERVAL), unknown);
    }

    #[test]
    fn the_ring_grows_with_the_rate_up_to_its_limit() {
        let now = crate::any_instant();
        let mut sequencer = Sequencer::new(500);
        assert_eq!(sequencer.memory(), 0);
        for seq in 0..20 {
            let at = now + Duration::from_millis(100 * seq);
            sequencer.record(at, ExtendedSeqNo(65_530 + seq), packet(seq));
        }
        assert_eq!(sequencer.memory(), 16 * 24, "ten packets a second");
        let now = now + Duration::from_secs(5);
        for seq in 0..2_000 {
            let at = now + Duration::from_millis(seq);
            sequencer.record(at, ExtendedSeqNo(65_550 + seq), packet(seq));
        }
        assert_eq!(sequencer.memory(), 512 * 24, "a thousand packets a second");
        let now = now + Duration::from_secs(3);
        for seq in 2_000 - 512..2_000 {
            let wire = ExtendedSeqNo(65_550 + seq).seq();
            let sent = sequencer.retransmit(now, wire, INTERVAL);
            assert_eq!(sent.unwrap().source_seq, ExtendedSeqNo(seq));
        }
    }

    #[test]
    fn what_was_forgotten_is_unknown_however_often_that_happens() {
        let now = crate::any_instant();
        let later = now + INTERVAL;
        let mut sequencer = Sequencer::new(16);
        for source_seq in 0..100 {
            sequencer.record(now, ExtendedSeqNo(65_536), packet(source_seq));
            sequencer.record(now, ExtendedSeqNo(65_537), packet(source_seq));
            let again = sequencer.retransmit(later, SeqNo(0), INTERVAL);
            assert_eq!(again, Ok(packet(source_seq)));
            sequencer.forget();
            let again = sequencer.retransmit(later, SeqNo(1), INTERVAL);
            assert_eq!(again, Err(NotRetransmitted::Unknown));
        }
    }

    #[test]
    fn what_is_too_old_is_unknown() {
        let now = crate::any_instant();
        let mut sequencer = Sequencer::new(16);
        sequencer.record(now, ExtendedSeqNo(65_536), packet(1));
        let later = now + RETRANSMISSION_AGE + Duration::from_millis(1);
        assert_eq!(
            sequencer.retransmit(later, SeqNo(0), INTERVAL),
            Err(NotRetransmitted::Unknown)
        );
    }
}
