use sfu_model::{Extension, ExtensionId, ExtensionMap};

use super::*;
use crate::limits::CACHED_VIDEO_PACKETS;
use crate::{RtpHeader, SeqNo};

const SSRC: Ssrc = Ssrc(7);
const FIRST: u16 = 65_530;

/// A packet whose number in its transport is written when it leaves, with a payload of its own length.
fn packet(index: u16, transport_number: u16) -> Vec<u8> {
    let mut packet = vec![0x90, 96 | (u8::from(index.is_multiple_of(3)) << 7)];
    packet.extend_from_slice(&FIRST.wrapping_add(index).to_be_bytes());
    packet.extend_from_slice(&(u32::from(index) * 3_000).to_be_bytes());
    packet.extend_from_slice(&SSRC.0.to_be_bytes());
    // Every other packet has one extension more before it, so that places in packets differ.
    let mut elements = match index % 2 {
        0 => vec![0x12, 1, 2, 3],
        _ => vec![],
    };
    elements.push(0x31);
    elements.extend_from_slice(&transport_number.to_be_bytes());
    elements.push(0);
    packet.extend_from_slice(&[0xbe, 0xde, 0, u8::try_from(elements.len() / 4).unwrap()]);
    packet.extend_from_slice(&elements);
    packet.extend((0..20 + index).map(|byte| (byte * 7 + index) as u8));
    packet
}

fn table() -> ExtensionTable {
    let map: ExtensionMap = [(Extension::TransportCc, ExtensionId(3))]
        .into_iter()
        .collect();
    ExtensionTable::from(&map)
}

/// Writes a repair packet's payload as the draft says, of packets from the first of `indices` on.
fn repair(indices: &[u16]) -> Vec<u8> {
    let protected: Vec<_> = indices.iter().map(|index| packet(*index, 0)).collect();
    let longest = protected.iter().map(Vec::len).max().unwrap();
    let mut sum = vec![0; longest];
    let mut len = 0;
    for packet in &protected {
        len ^= u16::try_from(packet.len() - 12).unwrap();
        for (to, byte) in sum.iter_mut().zip(packet) {
            *to ^= byte;
        }
    }
    let base = indices[0];
    let mask = indices.iter().fold(0_u128, |mask, index| {
        mask | 1 << (108 - u32::from(index - base))
    });
    let mut payload = vec![sum[0] & 0x3f, sum[1]];
    payload.extend_from_slice(&len.to_be_bytes());
    payload.extend_from_slice(&sum[4..8]);
    payload.extend_from_slice(&[1, 0, 0, 0]);
    payload.extend_from_slice(&SSRC.0.to_be_bytes());
    payload.extend_from_slice(&FIRST.wrapping_add(base).to_be_bytes());
    let (first, second, third) = (
        mask >> 94,
        mask >> 63 & 0x7fff_ffff,
        mask & (u128::MAX >> 65),
    );
    let is_last = [second | third == 0, third == 0];
    payload.extend_from_slice(&(first as u16 | u16::from(is_last[0]) << 15).to_be_bytes());
    if !is_last[0] {
        payload.extend_from_slice(&(second as u32 | u32::from(is_last[1]) << 31).to_be_bytes());
        if !is_last[1] {
            payload.extend_from_slice(&(third as u64 | 1 << 63).to_be_bytes());
        }
    }
    payload.extend_from_slice(&sum[12..]);
    payload
}

/// A stream that packets come to.
struct Stream {
    repairs: Repairs,
    cache: PacketCache,
}

impl Stream {
    fn new() -> Self {
        Self {
            repairs: Repairs::default(),
            cache: PacketCache::new(CACHED_VIDEO_PACKETS),
        }
    }

    fn number(index: u16) -> ExtendedSeqNo {
        ExtendedSeqNo::first(SeqNo(FIRST)).plus(u64::from(index))
    }

    /// Takes packets, each with a number of its own in the transport.
    fn take(&mut self, indices: impl IntoIterator<Item = u16>) {
        for index in indices {
            let (seq, packet) = (Self::number(index), packet(index, 1_000 + index));
            self.cache.insert(crate::any_instant(), seq, &packet);
            self.repairs.on_packet(seq);
        }
    }

    /// Takes a repair packet of `indices`.
    fn protect(&mut self, indices: &[u16]) -> bool {
        self.repairs.on_repair(SSRC, &repair(indices)).unwrap()
    }

    /// Returns which packets are restored now, and takes them as others are taken.
    fn restored(&mut self) -> Vec<u16> {
        let mut restored = Vec::new();
        while let Some(bytes) = self.repairs.poll(&self.cache, &table()) {
            let seq = Self::number(0).nearest(RtpHeader::parse(&bytes).unwrap().seq);
            let index = u16::try_from(seq.ahead_of(Self::number(0))).unwrap();
            assert_eq!(bytes, packet(index, 0), "packet {index}");
            self.cache.insert(crate::any_instant(), seq, &bytes);
            self.repairs.take_back(bytes);
            restored.push(index);
        }
        restored
    }
}

#[test]
fn a_lost_packet_is_made_again_as_it_was_before_it_left() {
    for lost in 0..5 {
        let mut stream = Stream::new();
        stream.take((0..5).filter(|index| *index != lost || lost == 0));
        if lost == 0 {
            // The first that comes is the first that is known of.
            continue;
        }
        assert!(stream.protect(&[0, 1, 2, 3, 4]));
        assert_eq!(stream.restored(), [lost]);
        assert_eq!(stream.restored(), []);
    }
}

#[test]
fn masks_of_every_length_are_read() {
    for last in [14, 15, 45, 46, 108] {
        let mut stream = Stream::new();
        stream.take((0..109).filter(|index| *index != last));
        assert!(stream.protect(&[0, 3, last]), "{last}");
        assert_eq!(stream.restored(), [last]);
    }
}

#[test]
fn a_packet_that_was_restored_restores_the_next() {
    let mut stream = Stream::new();
    stream.take([0, 1, 4]);
    assert!(stream.protect(&[0, 2, 3]));
    assert_eq!(stream.restored(), []);
    assert!(stream.protect(&[1, 2]));
    assert_eq!(stream.restored(), [2, 3]);
}

#[test]
fn a_repair_packet_waits_for_what_comes_after_it() {
    let mut stream = Stream::new();
    stream.take([0, 1]);
    assert!(stream.protect(&[1, 2, 3]));
    assert_eq!(stream.restored(), []);
    stream.take([3]);
    assert_eq!(stream.restored(), [2]);
}

#[test]
fn what_has_all_come_is_not_waited_for() {
    let mut stream = Stream::new();
    stream.take(0..4);
    assert!(!stream.protect(&[0, 1, 2, 3]));
    assert_eq!(stream.restored(), []);
}

#[test]
fn what_came_by_retransmission_alone_is_no_part_of_a_repair() {
    let mut stream = Stream::new();
    stream.take([0, 3]);
    let retransmitted = packet(1, 9);
    let now = crate::any_instant();
    stream.cache.insert(now, Stream::number(1), &retransmitted);
    assert!(stream.protect(&[0, 1, 2, 3]));
    assert_eq!(stream.restored(), []);
}

#[test]
fn the_oldest_gives_way_where_many_wait() {
    let mut stream = Stream::new();
    stream.take([0, 1]);
    for _ in 0..3 * WAITING_REPAIRS {
        assert!(stream.protect(&[1, 2, 3]));
    }
    assert_eq!(stream.repairs.waiting.len(), WAITING_REPAIRS);
    let buffers = stream.repairs.spare.len() + WAITING_REPAIRS;
    assert!(buffers <= WAITING_REPAIRS + 2, "{buffers}");
    stream.take([300]);
    assert!(!stream.protect(&[1, 2, 3]), "it is long gone");
    assert!(stream.protect(&[299, 300]));
    assert_eq!(stream.repairs.waiting.len(), 1);
}

#[test]
fn odd_repair_packets_are_refused() {
    use RepairPacketError::{Mask, Short, Unsupported};
    let mut stream = Stream::new();
    stream.take([0, 1, 3]);
    let good = repair(&[1, 2, 3]);
    let with = |place: usize, byte: u8| {
        let mut payload = good.clone();
        payload[place] = byte;
        payload
    };
    for (payload, error) in [
        (good[..17].to_vec(), Short),
        (good[..19].to_vec(), Short),
        (with(0, good[0] | 0x80), Unsupported),
        (with(0, good[0] | 0x40), Unsupported),
        (with(8, 0), Unsupported),
        (with(8, 2), Unsupported),
        (with(12, 99), Unsupported),
        ([&with(18, 0x80)[..19], &[0; 9]].concat(), Mask),
        ([&good[..18], &[0; 14]].concat(), Mask),
    ] {
        assert_eq!(stream.repairs.on_repair(SSRC, &payload), Err(error));
    }
    // Its lengths do not fit those of what it protects.
    assert!(stream.repairs.on_repair(SSRC, &with(2, 0x7f)).unwrap());
    assert_eq!(stream.restored(), []);
    let header = RtpHeader::parse(&packet(2, 0)).unwrap();
    assert_eq!(header.seq, SeqNo(FIRST.wrapping_add(2)));
}
