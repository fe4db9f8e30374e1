//! Framing of ICE-TCP (RFC 4571 section 2): two bytes of length in network order, then the packet.

use crate::layout::{FRAME_LENGTH as LENGTH, Layout};

/// Collects a TCP stream into packets.
#[derive(Debug)]
pub struct Deframer {
    longest: usize,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out.
    consumed: usize,
    /// Bytes of a frame that is too long and have not come yet.
    skipped: usize,
}

/// What comes next in a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A whole packet, to be decrypted in place.
    Packet(&'a mut [u8]),
    /// A frame longer than any packet. Its bytes are skipped as they come.
    TooLong {
        /// How long it is.
        len: usize,
    },
}

impl Deframer {
    /// Begins a stream whose packets have at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self {
            longest,
            buffer: Vec::new(),
            consumed: 0,
            skipped: 0,
        }
    }

    /// Appends bytes of the stream. Memory stays below one packet and the longest `bytes`, if
    /// frames are taken out after each call.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        let skipped = self.skipped.min(bytes.len());
        self.skipped -= skipped;
        self.buffer
            .extend_from_slice(bytes.get(skipped..).unwrap_or_default());
    }

    /// Returns how many bytes wait that were not handed out.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.consumed
    }

    /// Returns the next frame that is whole, or too long.
    pub fn next_frame(&mut self) -> Option<Framed<'_>> {
        let length = self.next_length()?;
        let start = self.consumed + LENGTH;
        let end = start + length;
        if length > self.longest {
            self.consumed = end.min(self.buffer.len());
            self.skipped = end - self.consumed;
            return Some(Framed::TooLong { len: length });
        }
        if self.buffer.len() < end {
            return None;
        }
        self.consumed = end;
        self.buffer.get_mut(start..end).map(Framed::Packet)
    }

    fn next_length(&self) -> Option<usize> {
        length_of(self.buffer.get(self.consumed..)?)
    }
}

/// Returns the first packet of a stream, if it is there as a whole.
///
/// # Errors
///
/// Fails when it has more than `longest` bytes.
pub fn first_packet(stream: &[u8], longest: usize) -> Result<Option<&[u8]>, FrameTooLong> {
    match length_of(stream) {
        Some(length) if length > longest => Err(FrameTooLong),
        Some(length) => Ok(stream.get(LENGTH..LENGTH + length)),
        None => Ok(None),
    }
}

fn length_of(stream: &[u8]) -> Option<usize> {
    let length = stream.first_chunk::<LENGTH>()?;
    Some(usize::from(u16::from_be_bytes(*length)))
}

/// The first frame of a stream is longer than any packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLong;

/// Appends `packet` to `stream` with its length in front; a packet that has no length in 16 bits is
/// left out.
pub fn frame(packet: &[u8], stream: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(packet.len()) {
        stream.extend_from_slice(&length.to_be_bytes());
        stream.extend_from_slice(packet);
    }
}

/// Writes the length of each packet into the room before it, so that the buffer is a piece of the stream. A packet
/// has at most 65,535 bytes, whatever carries it.
pub fn frame_in_place(packets: &mut [u8], layout: Layout) {
    for (room, packet) in layout.slots_mut(packets) {
        let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
        if let Some(room) = room.first_chunk_mut() {
            *room = length.to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: usize = 4_096;

    #[test]
    fn packets_framed_in_place_are_a_piece_of_the_stream() {
        let mut packets = *b"..abc..def..g";
        frame_in_place(&mut packets, Layout::new(LENGTH, 3));
        let mut deframer = Deframer::new(LONGEST);
        deframer.push(&packets);
        assert_eq!(packets_of(&mut deframer), [&b"abc"[..], b"def", b"g"]);
    }

    fn packets_of(deframer: &mut Deframer) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        while let Some(Framed::Packet(packet)) = deframer.next_frame() {
            packets.push(packet.to_vec());
        }
        packets
    }

    #[test]
    fn packets_come_out_whole_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        for packet in [&b"one"[..], b"", b"three"] {
            frame(packet, &mut stream);
        }
        for cut in 0..=stream.len() {
            let mut deframer = Deframer::new(LONGEST);
            let mut packets = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                deframer.push(part);
                packets.extend(packets_of(&mut deframer));
            }
            assert_eq!(packets, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
        }
    }

    #[test]
    fn the_longest_packet_that_has_a_length_comes_out_whole() {
        let long = [7; u16::MAX as usize];
        let packets = [&b"one"[..], b"", &long, b"four"];
        let mut stream = Vec::new();
        for packet in packets {
            frame(packet, &mut stream);
        }
        for cut in (0..10).chain([stream.len() - 3, stream.len()]) {
            let mut deframer = Deframer::new(long.len());
            let mut found = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                deframer.push(part);
                found.extend(packets_of(&mut deframer));
            }
            assert_eq!(found, packets, "{cut}");
        }
    }

    #[test]
    fn a_frame_longer_than_any_packet_is_told_once_and_skipped_however_it_is_cut() {
        let mut stream = Vec::new();
        for packet in [&b"before"[..], &[1; LONGEST + 1], &[2; LONGEST], b"after"] {
            frame(packet, &mut stream);
        }
        for cut in [1, 2, 8, 9, 10, 11, 4_000, LONGEST + 11, LONGEST + 12] {
            let mut deframer = Deframer::new(LONGEST);
            let (mut packets, mut too_long) = (Vec::new(), Vec::new());
            for part in stream.chunks(cut) {
                deframer.push(part);
                while let Some(next) = deframer.next_frame() {
                    match next {
                        Framed::Packet(packet) => packets.push(packet.to_vec()),
                        Framed::TooLong { len } => too_long.push(len),
                    }
                }
                assert!(deframer.buffer.len() <= LONGEST + LENGTH + cut);
            }
            let expected = [b"before".to_vec(), vec![2; LONGEST], b"after".to_vec()];
            assert_eq!(packets, expected, "{cut}");
            assert_eq!(too_long, [LONGEST + 1], "{cut}");
        }
    }

    #[test]
    fn the_first_packet_is_found_when_it_is_there_as_a_whole() {
        let mut stream = Vec::new();
        frame(b"first", &mut stream);
        frame(b"second", &mut stream);
        for length in 0..stream.len() {
            let whole = (length >= LENGTH + 5).then_some(&b"first"[..]);
            assert_eq!(first_packet(&stream[..length], LONGEST), Ok(whole));
        }
    }

    #[test]
    fn a_first_frame_longer_than_any_packet_is_refused() {
        let stream = u16::MAX.to_be_bytes();
        assert_eq!(first_packet(&stream, LONGEST), Err(FrameTooLong));
    }
}
