//! The latest packets of a received stream.

use std::time::Instant;

use sfu_model::MAX_DATAGRAM_BYTES;

use crate::ExtendedSeqNo;
use crate::limits::{FIRST_RING_LEN, MAX_RING_LEN, RETAINED_MILLIS};

/// The latest packets of one received stream, for retransmission to its subscribers.
///
/// Slots are reused; a slot's buffer is allocated when it is used for the first time. The ring is
/// empty until the first packet and grows while packets of the last second would be overwritten.
#[derive(Clone, Debug)]
pub struct PacketCache {
    /// Empty, or a power of two.
    ring: Vec<Slot>,
    limit: usize,
    epoch: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Slot {
    /// `FREE`, or the packet's number.
    seq: u64,
    /// Milliseconds since the epoch; wraps.
    received_at: u32,
    bytes: Vec<u8>,
}

impl Slot {
    const FREE: u64 = u64::MAX;
    /// Buffers grow in steps, so that packets of about one size soon fit without growing.
    const STEP: usize = 128;

    const EMPTY: Self = Self {
        seq: Self::FREE,
        received_at: 0,
        bytes: Vec::new(),
    };

    fn fill(&mut self, seq: u64, received_at: u32, packet: &[u8]) {
        self.seq = seq;
        self.received_at = received_at;
        self.bytes.clear();
        if self.bytes.capacity() < packet.len() {
            self.bytes
                .reserve_exact(packet.len().next_multiple_of(Self::STEP));
        }
        self.bytes.extend_from_slice(packet);
    }
}

impl PacketCache {
    /// Makes an empty ring that grows to `limit` packets, rounded up to a power of two, at most
    /// 32,768.
    pub fn new(limit: usize) -> Self {
        Self {
            ring: Vec::new(),
            limit: limit
                .clamp(FIRST_RING_LEN, MAX_RING_LEN)
                .next_power_of_two(),
            epoch: None,
        }
    }

    /// Keeps a copy of `packet` (plaintext, from the RTP header on). Late packets are kept as long as
    /// their slot is not taken by a later one.
    #[inline]
    pub fn insert(&mut self, now: Instant, seq: ExtendedSeqNo, packet: &[u8]) {
        if packet.len() > MAX_DATAGRAM_BYTES {
            return;
        }
        let epoch = *self.epoch.get_or_insert(now);
        let millis = now.saturating_duration_since(epoch).as_millis();
        let received_at = (millis & 0xffff_ffff) as u32;
        self.make_room(seq.0, received_at);
        if let Some(slot) = self.slot_mut(seq.0)
            && (slot.seq == Slot::FREE || slot.seq <= seq.0)
        {
            slot.fill(seq.0, received_at, packet);
        }
    }

    /// Returns the packet of number `seq`.
    #[inline]
    pub fn get(&self, seq: ExtendedSeqNo) -> Option<&[u8]> {
        let slot = self.ring.get(Self::index(seq.0, self.ring.len()))?;
        (slot.seq == seq.0).then_some(slot.bytes.as_slice())
    }

    /// Returns the bytes that the ring holds on to.
    pub fn memory(&self) -> usize {
        let buffers: usize = self.ring.iter().map(|slot| slot.bytes.capacity()).sum();
        buffers + self.ring.capacity() * size_of::<Slot>()
    }

    #[inline]
    fn index(seq: u64, len: usize) -> usize {
        // The low bits alone matter: `len` is a power of two of at most `MAX_RING_LEN`.
        (seq & 0xffff) as usize & len.wrapping_sub(1)
    }

    fn slot_mut(&mut self, seq: u64) -> Option<&mut Slot> {
        let index = Self::index(seq, self.ring.len());
        self.ring.get_mut(index)
    }

    /// Grows the ring while the packet that `seq` would overwrite is young.
    #[inline]
    fn make_room(&mut self, seq: u64, received_at: u32) {
        while self.ring.len() < self.limit {
            let young = self.slot_mut(seq).is_none_or(|slot| {
                slot.seq < seq && received_at.wrapping_sub(slot.received_at) < RETAINED_MILLIS
            });
            if !young {
                return;
            }
            self.grow();
        }
    }

    fn grow(&mut self) {
        let len = (self.ring.len() * 2).max(FIRST_RING_LEN);
        let old = std::mem::replace(&mut self.ring, vec![Slot::EMPTY; len]);
        for kept in old {
            if let Some(slot) = self.slot_mut(kept.seq)
                && kept.seq != Slot::FREE
            {
                *slot = kept;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::{CACHED_AUDIO_PACKETS, CACHED_VIDEO_PACKETS};

    #[test]
    fn late_packets_are_kept_and_found() {
        let now = crate::any_instant();
        let mut cache = PacketCache::new(CACHED_VIDEO_PACKETS);
        cache.insert(now, ExtendedSeqNo(65_536), b"a");
        cache.insert(now, ExtendedSeqNo(65_538), b"ccc");
        assert_eq!(cache.get(ExtendedSeqNo(65_537)), None);
        cache.insert(now, ExtendedSeqNo(65_537), b"bb");
        for (seq, bytes) in [(65_536, &b"a"[..]), (65_537, b"bb"), (65_538, b"ccc")] {
            assert_eq!(cache.get(ExtendedSeqNo(seq)), Some(bytes));
        }
    }

    #[test]
    fn a_late_packet_does_not_displace_a_newer_one() {
        let now = crate::any_instant();
        let mut cache = PacketCache::new(16);
        cache.insert(now, ExtendedSeqNo(1_000), b"new");
        cache.insert(now, ExtendedSeqNo(1_000 - 16), b"old");
        assert_eq!(cache.get(ExtendedSeqNo(1_000)), Some(&b"new"[..]));
        assert_eq!(cache.get(ExtendedSeqNo(1_000 - 16)), None);
    }

    #[test]
    fn memory_follows_the_rate_and_then_stays() {
        let now = crate::any_instant();
        let mut cache = PacketCache::new(CACHED_AUDIO_PACKETS);
        assert_eq!(cache.memory(), 0);
        let mut settled = 0;
        for seq in 0..10_000_u64 {
            let at = now + Duration::from_millis(20 * seq);
            cache.insert(at, ExtendedSeqNo(65_536 + seq), &[0; 100]);
            if seq == 1_000 {
                settled = cache.memory();
            }
        }
        assert_eq!(cache.memory(), settled);
        assert!(
            settled < 64 * (128 + 48),
            "fifty packets a second: {settled}"
        );
        let kept = (0..10_000).filter(|seq| cache.get(ExtendedSeqNo(65_536 + seq)).is_some());
        assert!(kept.count() >= 50);
    }

    #[test]
    fn the_ring_stops_at_its_limit() {
        let now = crate::any_instant();
        let mut cache = PacketCache::new(500);
        for seq in 0..5_000_u64 {
            cache.insert(now, ExtendedSeqNo(seq), &seq.to_be_bytes());
        }
        for seq in 0..5_000_u64 {
            let kept = cache.get(ExtendedSeqNo(seq));
            let expected = seq.to_be_bytes();
            assert_eq!(kept, (seq >= 5_000 - 512).then_some(&expected[..]));
        }
    }

    #[test]
    fn packets_that_are_too_long_are_not_kept() {
        let mut cache = PacketCache::new(16);
        let long = [0; MAX_DATAGRAM_BYTES + 1];
        cache.insert(crate::any_instant(), ExtendedSeqNo(1), &long);
        assert_eq!(cache.get(ExtendedSeqNo(1)), None);
    }
}
