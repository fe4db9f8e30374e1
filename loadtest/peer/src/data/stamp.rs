use std::time::Duration;

use livekit_protocol::data_packet::Value;
use livekit_protocol::{DataPacket, UserPacket};
use prost::Message as _;

use super::channels::DataDelivery;

/// Who publishes data, by its place among all participants of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataSender(pub u32);

/// Which packet of data this is: carried at the beginning of its payload. The rest of the payload is zeros.
///
/// ```text
/// "SLD1"  sender: u32  number: u64  nanoseconds: u64     (big-endian)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataStamp {
    /// Who sends it.
    pub sender: DataSender,
    /// The how-manieth of its sender it is, from 1.
    pub number: u64,
    /// When it was made, since the process's epoch.
    pub made_at: Duration,
}

const MAGIC: [u8; 4] = *b"SLD1";

impl DataStamp {
    /// Length in bytes: the shortest payload.
    pub const LEN: usize = 24;
    /// Longest payload: with what LiveKit's servers add to it a message stays below the 64 KiB of a data channel.
    pub const MAX_PAYLOAD: usize = 60_000;

    /// Writes a packet as LiveKit's clients do (`livekit.DataPacket`), with a payload of `len` bytes, or as many as are
    /// allowed.
    pub(crate) fn write_packet(&self, delivery: DataDelivery, len: usize) -> Vec<u8> {
        let len = len.clamp(Self::LEN, Self::MAX_PAYLOAD);
        let mut payload = Vec::with_capacity(len);
        payload.extend_from_slice(&MAGIC);
        payload.extend_from_slice(&self.sender.0.to_be_bytes());
        payload.extend_from_slice(&self.number.to_be_bytes());
        let nanos = u64::try_from(self.made_at.as_nanos()).unwrap_or(u64::MAX);
        payload.extend_from_slice(&nanos.to_be_bytes());
        payload.resize(len, 0);
        // Clients number what is reliable, so that a server drops what they send again after a resume.
        let sequence = match delivery {
            DataDelivery::Lossy => 0,
            DataDelivery::Reliable => (self.number & u64::from(u32::MAX)) as u32,
        };
        let packet = DataPacket {
            sequence,
            value: Some(Value::User(UserPacket {
                payload,
                ..UserPacket::default()
            })),
            ..DataPacket::default()
        };
        packet.encode_to_vec()
    }

    /// Reads a message of a data channel, and tells the length of its payload. `None` when it is no packet with a stamp.
    pub fn read_packet(message: &[u8]) -> Option<(Self, usize)> {
        let packet = DataPacket::decode(message).ok()?;
        let Some(Value::User(UserPacket { payload, .. })) = packet.value else {
            return None;
        };
        let (magic, rest) = payload.split_first_chunk::<4>()?;
        let (sender, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let nanos = rest.first_chunk()?;
        let stamp = Self {
            sender: DataSender(u32::from_be_bytes(*sender)),
            number: u64::from_be_bytes(*number),
            made_at: Duration::from_nanos(u64::from_be_bytes(*nanos)),
        };
        (*magic == MAGIC).then_some((stamp, payload.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: DataStamp = DataStamp {
        sender: DataSender(7),
        number: 0x1_0000_0002,
        made_at: Duration::from_nanos(0x123_4567_89ab_cdef),
    };

    #[test]
    fn a_packet_is_read_as_it_was_written() {
        for delivery in [DataDelivery::Reliable, DataDelivery::Lossy] {
            let message = STAMP.write_packet(delivery, 1_024);
            assert_eq!(DataStamp::read_packet(&message), Some((STAMP, 1_024)));
        }
    }

    #[test]
    fn a_payload_is_neither_shorter_than_its_stamp_nor_longer_than_a_message() {
        for (asked, len) in [(0, DataStamp::LEN), (usize::MAX, DataStamp::MAX_PAYLOAD)] {
            let message = STAMP.write_packet(DataDelivery::Reliable, asked);
            assert_eq!(DataStamp::read_packet(&message), Some((STAMP, len)));
        }
    }

    #[test]
    fn data_of_others_has_no_stamp() {
        assert_eq!(DataStamp::read_packet(b"hello"), None);
        let packet = DataPacket {
            value: Some(Value::User(UserPacket {
                payload: vec![0; 64],
                ..UserPacket::default()
            })),
            ..DataPacket::default()
        };
        assert_eq!(DataStamp::read_packet(&packet.encode_to_vec()), None);
    }
}
