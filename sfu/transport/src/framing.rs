//! Framing of ICE-TCP (RFC 4571 section 2): two bytes of length in network order, then the packet.

/// Bytes of the length field.
const LENGTH: usize = 2;

/// Collects a TCP stream into packets.
#[derive(Debug)]
pub struct Deframer {
    longest: usize,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out.
    consumed: usize,
}

/// A frame longer than the longest packet: the stream cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLong;

impl Deframer {
    /// Begins a stream whose packets have at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self {
            longest,
            buffer: Vec::new(),
            consumed: 0,
        }
    }

    /// Appends bytes of the stream. Memory stays below one packet and the longest `bytes`, if
    /// packets are taken out after each call.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole packet, for the caller to decrypt in place.
    ///
    /// # Errors
    ///
    /// Fails when it is longer than the longest.
    pub fn next_packet(&mut self) -> Result<Option<&mut [u8]>, FrameTooLong> {
        let Some(length) = self.next_length()? else {
            return Ok(None);
        };
        let start = self.consumed + LENGTH;
        let end = start + length;
        if self.buffer.len() < end {
            return Ok(None);
        }
        self.consumed = end;
        Ok(self.buffer.get_mut(start..end))
    }

    /// Returns the first packet and leaves it in place.
    ///
    /// # Errors
    ///
    /// Fails when it is longer than the longest.
    pub fn peek_packet(&self) -> Result<Option<&[u8]>, FrameTooLong> {
        let length = self.next_length()?;
        let start = self.consumed + LENGTH;
        Ok(length.and_then(|length| self.buffer.get(start..start + length)))
    }

    /// Returns the bytes that were not handed out.
    pub fn into_rest(self) -> Vec<u8> {
        let mut rest = self.buffer;
        rest.drain(..self.consumed);
        rest
    }

    fn next_length(&self) -> Result<Option<usize>, FrameTooLong> {
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        let Some(length) = rest.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > self.longest {
            return Err(FrameTooLong);
        }
        Ok(Some(length))
    }
}

/// Appends `packet` to `stream` with its length in front; a packet that has no length in 16 bits is
/// left out.
pub fn frame(packet: &[u8], stream: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(packet.len()) {
        stream.extend_from_slice(&length.to_be_bytes());
        stream.extend_from_slice(packet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: usize = 4_096;

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
                while let Some(packet) = deframer.next_packet().unwrap() {
                    packets.push(packet.to_vec());
                }
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
                while let Some(packet) = deframer.next_packet().unwrap() {
                    found.push(packet.to_vec());
                }
            }
            assert_eq!(found, packets, "{cut}");
        }
    }

    #[test]
    fn a_frame_longer_than_any_packet_is_refused() {
        let mut deframer = Deframer::new(LONGEST);
        deframer.push(&u16::MAX.to_be_bytes());
        assert_eq!(deframer.next_packet(), Err(FrameTooLong));
    }

    #[test]
    fn what_was_peeked_at_is_still_there() {
        let mut deframer = Deframer::new(LONGEST);
        let mut stream = Vec::new();
        frame(b"first", &mut stream);
        deframer.push(&stream);
        assert_eq!(deframer.peek_packet(), Ok(Some(&b"first"[..])));
        assert_eq!(deframer.into_rest(), stream);
    }
}
