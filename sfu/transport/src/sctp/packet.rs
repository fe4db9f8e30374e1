//! What can be told of an SCTP packet before the library sees it.

/// Common header (RFC 9260 section 3.1): ports, verification tag, checksum.
const COMMON_HEADER_LEN: usize = 12;
/// Chunk header (RFC 9260 section 3.2): type, flags, length.
const CHUNK_HEADER_LEN: usize = 4;

/// Chunk types (RFC 9260 section 3.2, RFC 8260 section 2.1).
const DATA: u8 = 0;
const ABORT: u8 = 6;
const SHUTDOWN: u8 = 7;
const SHUTDOWN_ACK: u8 = 8;
const SHUTDOWN_COMPLETE: u8 = 14;
const I_DATA: u8 = 64;

/// What is known of a well-formed packet before the library sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PacketSummary {
    /// Whether the peer ends the association with it.
    pub(super) ends: bool,
    /// How many DATA chunks it has.
    pub(super) data_chunks: usize,
}

impl PacketSummary {
    /// Walks the chunks of a packet. `None` is a packet with a chunk that ends beyond it, or with data on
    /// a stream at or above `streams`: the library keeps state for any stream that it sees.
    pub(super) fn parse(packet: &[u8], streams: u16) -> Option<Self> {
        let mut rest = packet.get(COMMON_HEADER_LEN..)?;
        let mut summary = Self::default();
        while !rest.is_empty() {
            let [kind, _, l0, l1] = *rest.first_chunk()?;
            let len = usize::from(u16::from_be_bytes([l0, l1]));
            let body = rest.get(CHUNK_HEADER_LEN..len)?;
            match kind {
                // Both begin with the TSN, then the stream.
                DATA | I_DATA => {
                    let [_, _, _, _, s0, s1] = *body.first_chunk()?;
                    if u16::from_be_bytes([s0, s1]) >= streams {
                        return None;
                    }
                    summary.data_chunks += 1;
                }
                ABORT | SHUTDOWN | SHUTDOWN_ACK | SHUTDOWN_COMPLETE => summary.ends = true,
                _ => {}
            }
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0; COMMON_HEADER_LEN];
        for chunk in chunks {
            packet.extend_from_slice(chunk);
        }
        packet
    }

    #[test]
    fn data_on_a_stream_beyond_the_limit_is_refused() {
        let data = |stream: u8| packet(&[&[DATA, 3, 0, 12, 0, 0, 0, 1, 0, stream, 0, 0]]);
        let kept = PacketSummary::parse(&data(9), 10);
        let expected = PacketSummary {
            data_chunks: 1,
            ends: false,
        };
        assert_eq!(kept, Some(expected));
        assert_eq!(PacketSummary::parse(&data(10), 10), None);
    }

    #[test]
    fn a_chunk_that_ends_beyond_the_packet_is_refused() {
        for chunk in [[ABORT, 0, 0, 5], [ABORT, 0, 0, 3], [DATA, 0, 0, 4]] {
            assert_eq!(PacketSummary::parse(&packet(&[&chunk]), 10), None);
        }
    }

    #[test]
    fn an_abort_behind_other_chunks_ends_the_association() {
        let chunks: [&[u8]; 2] = [&[10, 0, 0, 5, 1, 0, 0, 0], &[ABORT, 0, 0, 4]];
        let summary = PacketSummary::parse(&packet(&chunks), 10);
        assert!(summary.is_some_and(|summary| summary.ends));
    }
}
