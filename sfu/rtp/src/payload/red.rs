//! Redundant audio (RFC 2198): earlier packets again in front of the latest.

use sfu_model::PayloadType;

use crate::limits::MAX_REDUNDANT_BLOCKS;
use crate::{ExtendedSeqNo, RtpTimestamp};

/// One encoding in a RED payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its payload type.
    pub payload_type: PayloadType,
    /// How far before the packet's timestamp it lies: 14 bits; zero for the primary.
    pub timestamp_offset: u16,
    /// Its payload.
    pub bytes: &'a [u8],
    /// Whether it is the primary encoding: the last one.
    pub primary: bool,
}

/// Length of the header of a redundant block; the primary's is one byte (RFC 2198 section 3).
const REDUNDANT_HEADER_LEN: usize = 4;

/// Another block's header follows this one.
const F: u8 = 0x80;

/// Iterates over the blocks of a RED payload, oldest first; of more than [`MAX_REDUNDANT_BLOCKS`] over the latest. Ends at
/// once when the payload does not parse as a whole.
pub fn blocks(payload: &[u8]) -> Blocks<'_> {
    Blocks::parse(payload).unwrap_or(Blocks {
        headers: &[],
        blocks: &[],
    })
}

/// Iterator of [`blocks`].
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    /// Headers that are left, the primary's included.
    headers: &'a [u8],
    /// Blocks that are left.
    blocks: &'a [u8],
}

impl<'a> Blocks<'a> {
    /// Checks that headers and blocks fit into `payload`.
    fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut rest = payload;
        let (mut redundant, mut redundant_len) = (0, 0);
        while rest.first()? & F != 0 {
            let (header, behind) = rest.split_first_chunk::<REDUNDANT_HEADER_LEN>()?;
            redundant_len += RedundantHeader::from(*header).len;
            redundant += 1;
            rest = behind;
        }
        let (headers, blocks) = payload.split_at_checked(payload.len() - rest.len() + 1)?;
        if redundant_len > blocks.len() {
            return None;
        }
        let mut all = Self { headers, blocks };
        for _ in MAX_REDUNDANT_BLOCKS..redundant {
            all.next();
        }
        Some(all)
    }
}

struct RedundantHeader {
    payload_type: PayloadType,
    timestamp_offset: u16,
    len: usize,
}

impl From<[u8; REDUNDANT_HEADER_LEN]> for RedundantHeader {
    /// Reads one bit `F`, seven of payload type, 14 of timestamp offset, ten of length.
    fn from([kind, b1, b2, b3]: [u8; REDUNDANT_HEADER_LEN]) -> Self {
        Self {
            payload_type: PayloadType(kind & 0x7f),
            timestamp_offset: u16::from_be_bytes([b1, b2]) >> 2,
            len: usize::from(u16::from_be_bytes([b2 & 0x03, b3])),
        }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let first = *self.headers.first()?;
        if first & F == 0 {
            self.headers = &[];
            return Some(Block {
                payload_type: PayloadType(first & 0x7f),
                timestamp_offset: 0,
                bytes: self.blocks,
                primary: true,
            });
        }
        let (header, headers) = self.headers.split_first_chunk::<REDUNDANT_HEADER_LEN>()?;
        let header = RedundantHeader::from(*header);
        let (bytes, blocks) = self.blocks.split_at_checked(header.len)?;
        self.headers = headers;
        self.blocks = blocks;
        Some(Block {
            payload_type: header.payload_type,
            timestamp_offset: header.timestamp_offset,
            bytes,
            primary: false,
        })
    }
}

/// Returns the primary encoding. `None` when the payload does not parse.
pub fn primary(payload: &[u8]) -> Option<Block<'_>> {
    blocks(payload).last()
}

/// Returns how many redundant blocks the headers name, if there are at most `most` and all is of one payload type, which
/// the primary has as well. The blocks themselves are not looked at.
#[inline]
pub fn plain_depth(payload: &[u8], payload_type: PayloadType, most: usize) -> Option<usize> {
    let mut rest = payload;
    for depth in 0..=most {
        let first = *rest.first()?;
        if first & !F != payload_type.0 {
            return None;
        }
        if first & F == 0 {
            return Some(depth);
        }
        rest = rest.get(REDUNDANT_HEADER_LEN..)?;
    }
    None
}

/// A plain packet out of a RED one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainPacket<'a> {
    /// Its number.
    pub seq: ExtendedSeqNo,
    /// Its timestamp.
    pub timestamp: RtpTimestamp,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// Turns a RED stream into a plain one: every packet once, lost ones out of later ones' redundancy.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedReceiver {
    newest: Option<(ExtendedSeqNo, RtpTimestamp)>,
    /// Bit `i`: the packet `i` before the newest was had.
    had: u64,
}

impl RedReceiver {
    /// Calls `plain` for each packet that `payload` brings and that was not had before, in order. What is of another
    /// payload type than `inner` is left out.
    ///
    /// The n-th block before the primary is taken for the n-th packet before it, provided that its
    /// timestamp lies behind the newest packet's: a sender may leave out packets that are too old.
    pub fn on_packet<'a>(
        &mut self,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
        (payload, inner): (&'a [u8], PayloadType),
        mut plain: impl FnMut(PlainPacket<'a>),
    ) {
        let blocks = blocks(payload);
        let mut behind = blocks.clone().count() as u64;
        for block in blocks {
            behind -= 1;
            if block.payload_type != inner {
                continue;
            }
            let packet = PlainPacket {
                seq: seq.minus(behind),
                timestamp: timestamp.plus(u32::from(block.timestamp_offset).wrapping_neg()),
                bytes: block.bytes,
            };
            if (block.primary || self.is_missing(&packet)) && self.take(&packet) {
                plain(packet);
            }
        }
    }

    /// Takes a packet that came without redundancy between others that have some. Returns whether it was
    /// not had before.
    pub fn on_plain(&mut self, seq: ExtendedSeqNo, timestamp: RtpTimestamp) -> bool {
        self.take(&PlainPacket {
            seq,
            timestamp,
            bytes: &[],
        })
    }

    /// Reports whether a redundant block is a packet between the newest and the one at hand.
    fn is_missing(&self, packet: &PlainPacket<'_>) -> bool {
        !packet.bytes.is_empty()
            && self.newest.is_some_and(|(seq, timestamp)| {
                packet.seq > seq && packet.timestamp.is_newer_than(timestamp)
            })
    }

    /// Marks a packet as had; reports whether it was not before.
    fn take(&mut self, packet: &PlainPacket<'_>) -> bool {
        let Some((newest, _)) = self.newest else {
            self.newest = Some((packet.seq, packet.timestamp));
            self.had = 1;
            return true;
        };
        let ahead = packet.seq.ahead_of(newest);
        if ahead > 0 {
            let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
            self.had = self.had.checked_shl(shift).unwrap_or(0) | 1;
            self.newest = Some((packet.seq, packet.timestamp));
            return true;
        }
        let bit = u32::try_from(ahead.unsigned_abs()).unwrap_or(u32::MAX);
        match 1_u64.checked_shl(bit) {
            Some(bit) if self.had & bit == 0 => {
                self.had |= bit;
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a RED payload: redundant blocks with their timestamp offsets, then the primary.
    fn red(redundant: &[(u16, &[u8])], primary: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        for (offset, bytes) in redundant {
            let word = u32::from(*offset) << 10 | u32::try_from(bytes.len()).unwrap();
            let [_, b1, b2, b3] = word.to_be_bytes();
            payload.extend_from_slice(&[0x80 | 111, b1, b2, b3]);
        }
        payload.push(111);
        for (_, bytes) in redundant {
            payload.extend_from_slice(bytes);
        }
        payload.extend_from_slice(primary);
        payload
    }

    fn receive(receiver: &mut RedReceiver, seq: u64, payload: &[u8]) -> Vec<(u64, u32, Vec<u8>)> {
        let mut plain = Vec::new();
        let timestamp = RtpTimestamp(960 * u32::try_from(seq - 70_000).unwrap());
        let payload = (payload, PayloadType(111));
        receiver.on_packet(ExtendedSeqNo(seq), timestamp, payload, |packet| {
            plain.push((packet.seq.0, packet.timestamp.0, packet.bytes.to_vec()));
        });
        plain
    }

    #[test]
    fn blocks_are_read_oldest_first() {
        let payload = red(&[(1_920, b"old"), (960, b"newer")], b"newest");
        let read: Vec<_> = blocks(&payload)
            .map(|block| (block.timestamp_offset, block.bytes, block.primary))
            .collect();
        assert_eq!(
            read,
            [
                (1_920, &b"old"[..], false),
                (960, b"newer", false),
                (0, b"newest", true)
            ]
        );
        assert_eq!(primary(&payload).unwrap().bytes, b"newest");
    }

    #[test]
    fn what_does_not_fit_as_a_whole_has_no_blocks() {
        let payload = red(&[(1_920, b"old"), (960, b"newer")], b"");
        assert_eq!(primary(&payload).unwrap().bytes, b"");
        for len in 0..payload.len() {
            assert_eq!(primary(&payload[..len]), None);
        }
    }

    #[test]
    fn of_more_blocks_than_are_read_the_latest_are() {
        let texts: Vec<String> = (0..30).map(|text| "x".repeat(text)).collect();
        let redundant: Vec<_> = texts.iter().map(|text| (960, text.as_bytes())).collect();
        let payload = red(&redundant, b"newest");
        let read: Vec<_> = blocks(&payload).map(|block| block.bytes.len()).collect();
        assert_eq!(read, [22, 23, 24, 25, 26, 27, 28, 29, 6]);
    }

    #[test]
    fn headers_tell_how_deep_a_payload_is_if_it_is_of_one_encoding() {
        let [one, two] = [&[(960, &b"a"[..])][..], &[(1_920, b"a"), (960, b"b")]];
        let depth = |payload: &[u8], most| plain_depth(payload, PayloadType(111), most);
        assert_eq!(depth(&red(&[], b"c"), 2), Some(0));
        assert_eq!(depth(&red(one, b"c"), 2), Some(1));
        assert_eq!(depth(&red(two, b"c"), 2), Some(2));
        assert_eq!(depth(&red(two, b"c"), 1), None);
        let mut other = red(two, b"c");
        other[4] = 0x80 | 13;
        assert_eq!(depth(&other, 2), None);
        assert_eq!(depth(&[], 2), None);
    }

    #[test]
    fn what_is_of_another_payload_type_is_no_packet_of_the_stream() {
        let mut receiver = RedReceiver::default();
        receive(&mut receiver, 70_001, &red(&[], b"1"));
        let mut digits = red(&[(1_920, b"2"), (960, b"digit")], b"4");
        digits[4] = 0x80 | 126;
        let plain = receive(&mut receiver, 70_004, &digits);
        assert_eq!(
            plain,
            [
                (70_002, 1_920, b"2".to_vec()),
                (70_004, 3_840, b"4".to_vec())
            ]
        );
    }

    #[test]
    fn lost_packets_come_out_of_the_redundancy_once() {
        let mut receiver = RedReceiver::default();
        let first = red(&[(960, b"before")], b"0");
        assert_eq!(
            receive(&mut receiver, 70_001, &first),
            [(70_001, 960, b"0".to_vec())]
        );
        let third = red(&[(1_920, b"1"), (960, b"2")], b"3");
        assert_eq!(
            receive(&mut receiver, 70_004, &third),
            [
                (70_002, 1_920, b"1".to_vec()),
                (70_003, 2_880, b"2".to_vec()),
                (70_004, 3_840, b"3".to_vec())
            ]
        );
        assert_eq!(receive(&mut receiver, 70_003, &red(&[], b"2")), []);
        assert_eq!(receive(&mut receiver, 70_004, &third), []);
    }

    #[test]
    fn a_late_packet_that_was_not_recovered_is_passed() {
        let mut receiver = RedReceiver::default();
        receive(&mut receiver, 70_001, &red(&[], b"1"));
        receive(&mut receiver, 70_003, &red(&[], b"3"));
        assert_eq!(
            receive(&mut receiver, 70_002, &red(&[(960, b"1")], b"2")),
            [(70_002, 1_920, b"2".to_vec())]
        );
    }

    #[test]
    fn a_plain_packet_between_is_not_recovered_once_more() {
        let mut receiver = RedReceiver::default();
        receive(&mut receiver, 70_001, &red(&[], b"1"));
        assert!(receiver.on_plain(ExtendedSeqNo(70_002), RtpTimestamp(1_920)));
        let plain = receive(&mut receiver, 70_003, &red(&[(960, b"2")], b"3"));
        assert_eq!(plain, [(70_003, 2_880, b"3".to_vec())]);
        assert!(!receiver.on_plain(ExtendedSeqNo(70_002), RtpTimestamp(1_920)));
    }

    #[test]
    fn redundancy_from_before_the_newest_packet_is_not_taken_for_a_lost_one() {
        let mut receiver = RedReceiver::default();
        receive(&mut receiver, 70_001, &red(&[], b"1"));
        let after_pause = red(&[(1_920, b"0"), (960, b"?")], b"3");
        let plain = receive(&mut receiver, 70_002, &after_pause);
        assert_eq!(plain, [(70_002, 1_920, b"3".to_vec())]);
    }

    #[test]
    fn a_long_jump_goes_on() {
        let mut receiver = RedReceiver::default();
        receive(&mut receiver, 70_001, &red(&[], b"1"));
        let plain = receive(&mut receiver, 90_000, &red(&[], b"2"));
        assert_eq!(plain.len(), 1);
        assert_eq!(receive(&mut receiver, 70_002, &red(&[], b"old")), []);
    }
}
