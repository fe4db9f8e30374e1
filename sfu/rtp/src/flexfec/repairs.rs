//! The repair packets of one stream, until all but one of what each protects has come.

use sfu_model::Ssrc;

use crate::flexfec::{ProtectedPacket, RepairPacket, RepairPacketError};
use crate::limits::{PROTECTED_PACKETS, WAITING_REPAIRS};
use crate::{ExtendedSeqNo, ExtensionTable, PacketCache};

/// How far behind the newest packet a repair packet may begin that waits: what it protects was young once, and its last
/// packet may be late.
const REACH: i64 = 2 * PROTECTED_PACKETS.cast_signed();

/// The repair packets of one stream, and which of its latest packets came as they were sent: a retransmission may have
/// other extensions than what it repeats.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    /// Oldest first.
    waiting: Vec<Waiting>,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
    newest: Option<ExtendedSeqNo>,
    /// Bit `n` is the packet `n` before the newest.
    came: u128,
}

#[derive(Clone, Debug)]
struct Waiting {
    base: ExtendedSeqNo,
    /// What has not come, from `base` on.
    missing: u128,
    payload: Vec<u8>,
}

impl Repairs {
    /// Takes note of a packet that came as it was sent.
    #[inline]
    pub fn on_packet(&mut self, seq: ExtendedSeqNo) {
        let newest = *self.newest.get_or_insert(seq);
        let ahead = seq.ahead_of(newest);
        if ahead > 0 {
            self.newest = Some(seq);
            let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
            self.came = self.came.checked_shl(ahead).unwrap_or(0) | 1;
        } else if let Some(bit) = bit(ahead.unsigned_abs()) {
            self.came |= bit;
        }
        for waiting in &mut self.waiting {
            waiting.note(seq);
        }
    }

    /// Takes the payload of a repair packet, in place of the oldest where too many wait. Reports whether it may still be
    /// of use.
    ///
    /// # Errors
    ///
    /// It is none of this stream.
    pub fn on_repair(&mut self, ssrc: Ssrc, payload: &[u8]) -> Result<bool, RepairPacketError> {
        let packet = RepairPacket::parse(payload)?;
        if packet.protected != ssrc {
            return Err(RepairPacketError::Unsupported);
        }
        let Some(newest) = self.newest else {
            return Ok(false);
        };
        let base = newest.nearest(packet.base);
        let missing = self.missing(newest, base, packet.mask);
        let Some(missing) = missing.filter(|missing| *missing != 0) else {
            return Ok(false);
        };
        self.make_room(newest);
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(payload);
        self.waiting.push(Waiting {
            base,
            missing,
            payload: kept,
        });
        Ok(true)
    }

    /// Makes a packet again where all others that a repair packet protects have come, and returns it whole; its
    /// extensions are those of `table`. It counts as one that came, as soon as it is in the cache. Its buffer is to be
    /// given back.
    #[inline]
    pub fn poll(&mut self, cache: &PacketCache, table: &ExtensionTable) -> Option<Vec<u8>> {
        while let Some(index) = self.waiting.iter().position(Waiting::is_ready) {
            let ready = self.waiting.remove(index);
            let missing = ready.base.plus(u64::from(ready.missing.trailing_zeros()));
            let mut restored = self.spare.pop().unwrap_or_default();
            let is_restored = ready.restore(cache, table, &mut restored).is_some();
            self.spare.push(ready.payload);
            if is_restored {
                self.on_packet(missing);
                return Some(restored);
            }
            self.spare.push(restored);
        }
        None
    }

    /// Takes back the buffer of a restored packet.
    pub fn take_back(&mut self, restored: Vec<u8>) {
        self.spare.push(restored);
    }

    /// Gives up the oldest where too many wait, and those whose packets are long gone.
    fn make_room(&mut self, newest: ExtendedSeqNo) {
        let is_over = |waiting: &Waiting| newest.ahead_of(waiting.base) >= REACH;
        let over = self.waiting.iter().take_while(|it| is_over(it)).count();
        let full = usize::from(self.waiting.len() >= WAITING_REPAIRS);
        let over = self.waiting.drain(..over.max(full));
        self.spare.extend(over.map(|waiting| waiting.payload));
    }

    /// Returns which of the packets of a mask have not come; `None` where that is not known any more.
    fn missing(&self, newest: ExtendedSeqNo, base: ExtendedSeqNo, mask: u128) -> Option<u128> {
        let behind = newest.ahead_of(base);
        if behind < 0 {
            return Some(mask);
        }
        let behind = behind.unsigned_abs();
        // The mask's lowest bit is its oldest packet, that of `came` its newest.
        let came = self.came.reverse_bits();
        let shift = u32::try_from((PROTECTED_PACKETS - 1).checked_sub(behind)?).ok()?;
        Some(mask & !(came >> shift))
    }
}

impl Waiting {
    #[inline]
    fn note(&mut self, seq: ExtendedSeqNo) {
        if let Ok(ahead) = u64::try_from(seq.ahead_of(self.base))
            && let Some(bit) = bit(ahead)
        {
            self.missing &= !bit;
        }
    }

    /// Reports whether there is no more to wait for: all has come, or all but one.
    #[inline]
    fn is_ready(&self) -> bool {
        self.missing.count_ones() <= 1
    }

    fn restore(
        &self,
        cache: &PacketCache,
        table: &ExtensionTable,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let packet = RepairPacket::parse(&self.payload).ok()?;
        let missing = self.missing.trailing_zeros();
        // Where nothing is missing there is nothing to restore.
        let seq = (missing < 128).then(|| self.base.plus(u64::from(missing)))?;
        let bits = (0..128_u32).filter(|bit| packet.mask >> bit & 1 == 1 && *bit != missing);
        let others = bits.map(|bit| {
            let bytes = cache.get(self.base.plus(u64::from(bit)))?;
            ProtectedPacket::new(bytes, table)
        });
        let mut all_there = true;
        let others = others.map_while(|other| {
            all_there &= other.is_some();
            other
        });
        packet.restore(seq.seq(), others, out)?;
        all_there.then_some(())
    }
}

/// Returns the bit of a packet that lies so far from another.
#[inline]
fn bit(distance: u64) -> Option<u128> {
    (distance < PROTECTED_PACKETS).then(|| 1 << distance)
}

#[cfg(test)]
mod tests;
