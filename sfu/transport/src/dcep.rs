//! The Data Channel Establishment Protocol (RFC 8832): two messages.

use crate::sctp::{Delivery, Reliability};

/// Message types (RFC 8832 section 8.2.1).
const DATA_CHANNEL_ACK: u8 = 0x02;
const DATA_CHANNEL_OPEN: u8 = 0x03;

/// Channel types (RFC 8832 section 8.2.2), without the bit of unordered delivery.
const RELIABLE: u8 = 0x00;
const PARTIAL_RELIABLE_REXMIT: u8 = 0x01;
const PARTIAL_RELIABLE_TIMED: u8 = 0x02;
const UNORDERED: u8 = 0x80;

/// Length of DATA_CHANNEL_OPEN up to the label.
const OPEN_HEADER_LEN: usize = 12;

/// DATA_CHANNEL_ACK, the whole of it.
pub(crate) const ACK: [u8; 1] = [DATA_CHANNEL_ACK];

/// A message of DCEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DcepMessage<'a> {
    /// DATA_CHANNEL_OPEN (RFC 8832 section 5.1).
    Open(DataChannelOpen<'a>),
    /// DATA_CHANNEL_ACK (RFC 8832 section 5.2).
    Ack,
}

/// What a peer asks of a channel that it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataChannelOpen<'a> {
    pub(crate) delivery: Delivery,
    pub(crate) reliability: Reliability,
    pub(crate) label: &'a str,
}

impl<'a> DcepMessage<'a> {
    /// Parses a message; any other is `None`.
    ///
    /// Departure from RFC 8832 section 8.2.1: what follows the type of a DATA_CHANNEL_ACK is ignored, since Pion
    /// sends three zeros there.
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        match message {
            [DATA_CHANNEL_ACK, ..] => Some(Self::Ack),
            [DATA_CHANNEL_OPEN, ..] => DataChannelOpen::parse(message).map(Self::Open),
            _ => None,
        }
    }
}

impl<'a> DataChannelOpen<'a> {
    /// ```text
    /// type, channel type, priority (2), reliability parameter (4), label length (2), protocol length (2)
    /// label, protocol
    /// ```
    fn parse(message: &'a [u8]) -> Option<Self> {
        let (header, rest) = message.split_first_chunk::<OPEN_HEADER_LEN>()?;
        let [_, channel_type, _, _, r0, r1, r2, r3, l0, l1, p0, p1] = *header;
        let parameter = u32::from_be_bytes([r0, r1, r2, r3]);
        let label_len = usize::from(u16::from_be_bytes([l0, l1]));
        let protocol_len = usize::from(u16::from_be_bytes([p0, p1]));
        let (label, protocol) = rest.split_at_checked(label_len)?;
        if protocol.len() != protocol_len {
            return None;
        }
        Some(Self {
            delivery: if channel_type & UNORDERED == 0 {
                Delivery::Ordered
            } else {
                Delivery::Unordered
            },
            reliability: match channel_type & !UNORDERED {
                RELIABLE => Reliability::Full,
                PARTIAL_RELIABLE_REXMIT => Reliability::MaxRetransmits(parameter),
                PARTIAL_RELIABLE_TIMED => Reliability::MaxLifetime { millis: parameter },
                _ => return None,
            },
            label: std::str::from_utf8(label).ok()?,
        })
    }

    /// Returns the bytes of the message, with no protocol and the default priority.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let order = match self.delivery {
            Delivery::Ordered => 0,
            Delivery::Unordered => UNORDERED,
        };
        let (kind, parameter) = match self.reliability {
            Reliability::Full => (RELIABLE, 0),
            Reliability::MaxRetransmits(count) => (PARTIAL_RELIABLE_REXMIT, count),
            Reliability::MaxLifetime { millis } => (PARTIAL_RELIABLE_TIMED, millis),
        };
        let label_len = u16::try_from(self.label.len()).unwrap_or(u16::MAX);
        let mut message = vec![DATA_CHANNEL_OPEN, kind | order, 0, 0];
        message.extend_from_slice(&parameter.to_be_bytes());
        message.extend_from_slice(&label_len.to_be_bytes());
        message.extend_from_slice(&[0, 0]);
        message.extend_from_slice(self.label.as_bytes());
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSY: DataChannelOpen<'_> = DataChannelOpen {
        delivery: Delivery::Unordered,
        reliability: Reliability::MaxRetransmits(0),
        label: "_lossy",
    };

    #[test]
    fn an_open_reads_back_what_it_writes() {
        let bytes = LOSSY.to_bytes();
        assert_eq!(DcepMessage::parse(&bytes), Some(DcepMessage::Open(LOSSY)));
    }

    #[test]
    fn the_bytes_of_an_open_are_those_of_rfc_8832() {
        let expected = b"\x03\x81\0\0\0\0\0\0\0\x06\0\0_lossy";
        assert_eq!(LOSSY.to_bytes(), expected);
    }

    #[test]
    fn an_open_with_other_lengths_than_its_own_is_refused() {
        let bytes = LOSSY.to_bytes();
        for len in 0..bytes.len() {
            assert_eq!(DcepMessage::parse(&bytes[..len]), None, "{len} bytes");
        }
        let longer = [bytes, vec![0]].concat();
        assert_eq!(DcepMessage::parse(&longer), None);
    }

    #[test]
    fn an_acknowledgement_may_be_padded() {
        for message in [&[2][..], &[2, 0, 0, 0]] {
            assert_eq!(DcepMessage::parse(message), Some(DcepMessage::Ack));
        }
    }

    #[test]
    fn an_unknown_channel_type_is_refused() {
        let mut bytes = LOSSY.to_bytes();
        bytes[1] = 3;
        assert_eq!(DcepMessage::parse(&bytes), None);
    }
}
