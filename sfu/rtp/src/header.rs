//! The header of a received RTP packet, read once.

use std::fmt;

use sfu_model::{ExtensionId, PayloadType, Ssrc};

use crate::fixed_header::FixedHeader;
use crate::{RtpTimestamp, SeqNo};

/// A range of bytes in a packet: `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u16,
    /// One behind the last byte.
    pub end: u16,
}

impl ByteRange {
    /// Returns the bytes of `packet` in this range; empty when the packet is another, shorter one.
    #[inline]
    pub fn of(self, packet: &[u8]) -> &[u8] {
        packet
            .get(usize::from(self.start)..usize::from(self.end))
            .unwrap_or_default()
    }

    /// Returns the number of bytes.
    pub fn len(self) -> usize {
        usize::from(self.end.saturating_sub(self.start))
    }

    /// Reports whether there are no bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// How header extension elements are written (RFC 8285 section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtensionForm {
    /// No extension block, or one of a profile that is not RFC 8285.
    #[default]
    None,
    /// `0xBEDE`: identifiers to 14, values of 1 to 16 bytes.
    OneByte,
    /// `0x100` and four application bits: identifiers to 255, values of 0 to 255 bytes.
    TwoByte,
}

/// The fixed header of an RTP packet and where its parts lie (RFC 3550 section 5.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           timestamp                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           synchronization source (SSRC) identifier            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// The stream.
    pub ssrc: Ssrc,
    /// Place in the stream.
    pub seq: SeqNo,
    /// Sampling instant.
    pub timestamp: RtpTimestamp,
    /// Payload format.
    pub payload_type: PayloadType,
    /// The marker bit: end of a frame in video, start of a talk spurt in audio.
    pub marker: bool,
    /// How the extension elements are written.
    pub extension_form: ExtensionForm,
    /// The extension elements, without the four bytes in front of them.
    pub extension_block: ByteRange,
    /// The payload, without padding.
    pub payload: ByteRange,
    /// Bytes of padding behind the payload, the count byte included.
    pub padding: u8,
}

impl RtpHeader {
    /// Length of the fixed header in bytes.
    pub const FIXED_LEN: usize = FixedHeader::LEN;

    pub(crate) const ONE_BYTE_PROFILE: u16 = 0xbede;
    pub(crate) const TWO_BYTE_PROFILE: u16 = 0x1000;

    /// Reads the header of a plaintext packet.
    ///
    /// # Errors
    ///
    /// Says why `packet` is not a whole RTP packet.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let len = u16::try_from(packet.len()).map_err(|_| RtpError::TooLong)?;
        let (fixed, _) = packet
            .split_first_chunk::<{ Self::FIXED_LEN }>()
            .ok_or(RtpError::TooShort)?;
        let fixed = FixedHeader::from_bytes(*fixed);
        if fixed.version() != 2 {
            return Err(RtpError::Version);
        }
        let mut start = fixed.len_with_csrcs();
        let mut extension_form = ExtensionForm::None;
        let mut extension_block = ByteRange::default();
        if fixed.flags & FixedHeader::EXTENSION != 0 {
            (extension_form, extension_block) = Self::parse_extension_block(packet, start)?;
            start = extension_block.end;
        }
        if start > len {
            return Err(RtpError::TooShort);
        }
        let mut padding = 0;
        if fixed.flags & FixedHeader::PADDING != 0 {
            padding = packet.last().copied().unwrap_or(0);
            if padding == 0 || u16::from(padding) > len - start {
                return Err(RtpError::Padding);
            }
        }
        Ok(Self {
            ssrc: fixed.ssrc,
            seq: fixed.seq,
            timestamp: fixed.timestamp,
            payload_type: fixed.payload_type,
            marker: fixed.marker,
            extension_form,
            extension_block,
            payload: ByteRange {
                start,
                end: len - u16::from(padding),
            },
            padding,
        })
    }

    /// Reads the four bytes before the extension elements; `at` is where they lie.
    fn parse_extension_block(
        packet: &[u8],
        at: u16,
    ) -> Result<(ExtensionForm, ByteRange), RtpError> {
        let start = at + 4;
        let head = packet
            .get(usize::from(at)..)
            .and_then(|rest| rest.first_chunk::<4>())
            .ok_or(RtpError::TooShort)?;
        let [p0, p1, w0, w1] = *head;
        let end = usize::from(start) + usize::from(u16::from_be_bytes([w0, w1])) * 4;
        if end > packet.len() {
            return Err(RtpError::TooShort);
        }
        let profile = u16::from_be_bytes([p0, p1]);
        let form = if profile == Self::ONE_BYTE_PROFILE {
            ExtensionForm::OneByte
        } else if profile & 0xfff0 == Self::TWO_BYTE_PROFILE {
            ExtensionForm::TwoByte
        } else {
            ExtensionForm::None
        };
        let end = u16::try_from(end).map_err(|_| RtpError::TooLong)?;
        Ok((form, ByteRange { start, end }))
    }

    /// Returns the payload in `packet`, the one that was parsed.
    #[inline]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        self.payload.of(packet)
    }

    /// Reports whether there is nothing but padding (or nothing at all) behind the header.
    pub fn is_padding_only(&self) -> bool {
        self.payload.is_empty()
    }

    /// Calls `found` with the identifier and the range of every element in `packet`, in order.
    #[inline]
    pub fn for_each_extension(&self, packet: &[u8], mut found: impl FnMut(ExtensionId, ByteRange)) {
        let block = self.extension_block.of(packet);
        let mut elements = block;
        while let Some((&first, rest)) = elements.split_first() {
            // RFC 8285 section 4.1: zero bytes between elements are padding.
            if first == 0 {
                elements = rest;
                continue;
            }
            let (id, len, values) = match self.extension_form {
                ExtensionForm::None => return,
                // RFC 8285 section 4.2: the length field is one less than the length; identifier 15
                // ends the block.
                ExtensionForm::OneByte if first >> 4 == 15 => return,
                ExtensionForm::OneByte => (first >> 4, usize::from(first & 0x0f) + 1, rest),
                ExtensionForm::TwoByte => match rest.split_first() {
                    Some((&len, values)) => (first, usize::from(len), values),
                    None => return,
                },
            };
            let Some((_, behind)) = values.split_at_checked(len) else {
                return;
            };
            let start = usize::from(self.extension_block.start) + block.len() - values.len();
            // Identifier 0 with a length is padding of the one-byte form.
            if let (1.., Ok(start), Ok(end)) =
                (id, u16::try_from(start), u16::try_from(start + len))
            {
                found(ExtensionId(id), ByteRange { start, end });
            }
            elements = behind;
        }
    }
}

/// Why bytes are not a whole RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpError {
    /// The header, its CSRC list or its extensions end behind the packet.
    TooShort,
    /// More than 65,535 bytes.
    TooLong,
    /// Not version 2.
    Version,
    /// A padding count of zero, or larger than what the header leaves.
    Padding,
}

impl fmt::Display for RtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "RTP header reaches behind the packet",
            Self::TooLong => "RTP packet longer than 65,535 bytes",
            Self::Version => "RTP version is not 2",
            Self::Padding => "RTP padding count is impossible",
        })
    }
}

impl std::error::Error for RtpError {}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: [u8; 12] = [0x80, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef];

    fn packet(flags: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = FIXED.to_vec();
        packet[0] |= flags;
        packet.extend_from_slice(rest);
        packet
    }

    fn elements(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let header = RtpHeader::parse(packet).unwrap();
        let mut found = Vec::new();
        header.for_each_extension(packet, |id, range| {
            found.push((id.0, range.of(packet).to_vec()));
        });
        found
    }

    #[test]
    fn the_fixed_header_is_read() {
        let packet = packet(0, b"payload");
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(
            (header.ssrc, header.seq, header.timestamp),
            (Ssrc(0xdead_beef), SeqNo(0x1234), RtpTimestamp(9))
        );
        assert_eq!(
            (header.payload_type, header.marker),
            (PayloadType(96), true)
        );
        assert_eq!(header.payload(&packet), b"payload");
    }

    #[test]
    fn contributing_sources_are_skipped() {
        let packet = packet(2, b"ssrcSSRCpayload");
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.payload(&packet), b"payload");
        assert_eq!(RtpHeader::parse(&packet[..19]), Err(RtpError::TooShort));
    }

    #[test]
    fn padding_is_no_payload() {
        let padded = packet(0x20, b"payload\0\0\x03");
        let header = RtpHeader::parse(&padded).unwrap();
        assert_eq!(
            (header.payload(&padded), header.padding),
            (&b"payload"[..], 3)
        );
        let only = packet(0x20, b"\0\0\x03");
        assert!(RtpHeader::parse(&only).unwrap().is_padding_only());
        for impossible in [&b"payload\0"[..], b"payload\x09", b""] {
            let packet = packet(0x20, impossible);
            assert_eq!(RtpHeader::parse(&packet), Err(RtpError::Padding));
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut packet = packet(0, b"");
        packet[0] = 0x40;
        assert_eq!(RtpHeader::parse(&packet), Err(RtpError::Version));
    }

    #[test]
    fn one_byte_elements_are_found_between_padding() {
        let block = b"\xbe\xde\0\x03\x12abc\0\0\x20d\x03\xff\xff\xffpayload";
        let packet = packet(0x10, block);
        assert_eq!(
            elements(&packet),
            [(1, b"abc".to_vec()), (2, b"d".to_vec())]
        );
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.payload(&packet), b"payload");
    }

    #[test]
    fn identifier_fifteen_ends_one_byte_elements() {
        let packet = packet(0x10, b"\xbe\xde\0\x02\x10a\xf0b\x20c\0\0");
        assert_eq!(elements(&packet), [(1, b"a".to_vec())]);
    }

    #[test]
    fn two_byte_elements_may_be_empty_or_long() {
        let mut block = b"\x10\x05\0\x06\x14\0\0\xff\x11".to_vec();
        block.extend_from_slice(b"seventeen bytes..");
        block.extend_from_slice(b"\0\0");
        let packet = packet(0x10, &block);
        assert_eq!(
            elements(&packet),
            [(20, vec![]), (255, b"seventeen bytes..".to_vec())]
        );
    }

    #[test]
    fn an_element_that_reaches_behind_its_block_ends_it() {
        assert_eq!(
            elements(&packet(0x10, b"\xbe\xde\0\x01\x10a\x2fbpayload")),
            [(1, b"a".to_vec())]
        );
        assert_eq!(
            elements(&packet(0x10, b"\x10\0\0\x01\x01\x00\x02\x01payload")),
            [(1, vec![])]
        );
    }

    #[test]
    fn a_block_of_another_profile_is_skipped() {
        let packet = packet(0x10, b"\x12\x34\0\x01\x10a\0\0payload");
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.extension_form, ExtensionForm::None);
        assert_eq!(header.payload(&packet), b"payload");
        assert_eq!(elements(&packet), []);
    }

    #[test]
    fn a_block_that_reaches_behind_the_packet_is_refused() {
        for rest in [
            &b"\xbe\xde\0\x02abcd"[..],
            b"\xbe\xde\0",
            b"\xbe\xde\xff\xff",
        ] {
            let packet = packet(0x10, rest);
            assert_eq!(RtpHeader::parse(&packet), Err(RtpError::TooShort));
        }
    }
}
