/// Bytes of the length field.
const LENGTH: usize = 2;

/// Cuts the stream of an ICE-TCP connection into packets: two bytes of length in network order, then the packet
/// (RFC 4571 section 2).
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out.
    consumed: usize,
}

impl Deframer {
    /// Appends bytes of the stream. Memory stays below one packet, 64 KiB, and the longest `bytes`, if packets are taken
    /// out after each call.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole packet, to be decrypted in place.
    pub fn next_packet(&mut self) -> Option<&mut [u8]> {
        let rest = self.buffer.get(self.consumed..)?;
        let length = rest.first_chunk::<LENGTH>()?;
        let start = self.consumed + LENGTH;
        let end = start + usize::from(u16::from_be_bytes(*length));
        let packet = self.buffer.get_mut(start..end)?;
        self.consumed = end;
        Some(packet)
    }
}

/// Appends a packet to `stream` with its length in front; one that has no length in 16 bits is left out.
pub fn frame(packet: &[u8], stream: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(packet.len()) {
        stream.extend_from_slice(&length.to_be_bytes());
        stream.extend_from_slice(packet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_however_the_stream_is_cut() {
        let long = [7; u16::MAX as usize];
        let packets = [&b"one"[..], b"", &long, b"four"];
        let mut stream = Vec::new();
        for packet in packets {
            frame(packet, &mut stream);
        }
        for cut in (0..10).chain([stream.len() - 3, stream.len()]) {
            let mut deframer = Deframer::default();
            let mut found = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                deframer.push(part);
                while let Some(packet) = deframer.next_packet() {
                    found.push(packet.to_vec());
                }
            }
            assert_eq!(found, packets, "{cut}");
        }
    }
}
