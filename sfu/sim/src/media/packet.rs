use sfu_model::{Codec, PayloadType};
use sfu_rtp::payload::{Descriptor, PictureId, peek};
use sfu_rtp::{RtpHeader, RtpTimestamp};

/// A picture's place in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The picture's number: 15 bits.
    pub(crate) id: u16,
    /// The packet's place in the picture.
    pub(crate) part: u8,
    /// Whether it is a key frame.
    pub(crate) key_frame: bool,
}

/// Writes the payload of the packet with this number: Opus without a picture, VP8 with one. It has `body` bytes
/// between its descriptor and the number at its end.
pub(crate) fn write_payload(number: u32, picture: Option<Picture>, body: usize) -> Vec<u8> {
    let mut payload = match picture {
        None => opus(),
        Some(picture) => vp8(picture),
    };
    payload.resize(payload.len() + body, 0x55);
    payload.extend_from_slice(&number.to_be_bytes());
    payload
}

/// Writes a payload with an earlier one of 20 ms before (RFC 2198 section 3), if there is one.
pub(crate) fn write_redundant(
    inner: PayloadType,
    earlier: Option<&[u8]>,
    primary: &[u8],
) -> Vec<u8> {
    let mut payload = Vec::new();
    if let Some(earlier) = earlier {
        let len = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
        let [_, offset_and_len @ ..] = (960 << 10 | len).to_be_bytes();
        payload.push(0x80 | inner.0);
        payload.extend_from_slice(&offset_and_len);
    }
    payload.push(inner.0);
    payload.extend_from_slice(earlier.unwrap_or_default());
    payload.extend_from_slice(primary);
    payload
}

/// The byte that says: one frame of 20 ms (RFC 6716 section 3.1, configuration 15).
fn opus() -> Vec<u8> {
    vec![15 << 3]
}

/// A payload descriptor with all fields but `KEYIDX`, and what follows it in the first packet of a
/// picture (RFC 7741 section 4).
fn vp8(picture: Picture) -> Vec<u8> {
    const EXTENDED: u8 = 0x80;
    const START: u8 = 0x10;
    const PICTURE_ID_AND_LAYERS: u8 = 0xe0;
    let [high, low] = picture.id.to_be_bytes();
    let first = picture.part == 0;
    let flags = if first { EXTENDED | START } else { EXTENDED };
    // All pictures are of the lowest temporal layer, so `TL0PICIDX` counts them.
    let mut payload = vec![flags, PICTURE_ID_AND_LAYERS, high | 0x80, low, low, 0x20];
    if first {
        payload.extend_from_slice(&[u8::from(!picture.key_frame), 0, 0]);
    }
    if first && picture.key_frame {
        payload.extend_from_slice(&[0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]);
    }
    payload
}

/// What a receiver reads of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number that its publisher gave it; the encoding is in its highest byte.
    pub number: u32,
    /// When it was captured.
    pub timestamp: RtpTimestamp,
    /// Whether it ends a picture.
    pub marker: bool,
    /// Whether it begins a picture; true for audio.
    pub start: bool,
    /// Whether it begins a key frame; false for audio.
    pub key_frame: bool,
    /// The picture's number; `None` for audio.
    pub picture: Option<u16>,
}

impl Received {
    /// Reads a packet whose retransmission, if it came by one, was undone.
    pub fn read(codec: Codec, header: &RtpHeader, packet: &[u8]) -> Option<Self> {
        Self::read_payload(codec, header, header.payload(packet))
    }

    /// Reads a payload that came with a header.
    pub(crate) fn read_payload(codec: Codec, header: &RtpHeader, payload: &[u8]) -> Option<Self> {
        let peek = peek(codec, payload).ok()?;
        let picture = match peek.descriptor {
            Descriptor::None | Descriptor::Vp9(_) => None,
            Descriptor::Vp8(descriptor) => match descriptor.picture_id? {
                PictureId::Long(id) => Some(id),
                PictureId::Short(id) => Some(u16::from(id)),
            },
        };
        Some(Self {
            number: u32::from_be_bytes(*payload.last_chunk()?),
            timestamp: header.timestamp,
            marker: header.marker,
            start: peek.frame_start,
            key_frame: peek.key_frame && picture.is_some(),
            picture,
        })
    }

    /// Returns its encoding, the lowest is the first.
    pub fn encoding(&self) -> u8 {
        self.number.to_be_bytes()[0]
    }

    /// Says what is wrong if `next` has the sequence number after this packet's.
    pub(crate) fn fault_of(&self, next: &Self) -> Option<&'static str> {
        let step = next.timestamp.ahead_of(self.timestamp);
        let (Some(picture), Some(next_picture)) = (self.picture, next.picture) else {
            return match (next.number.wrapping_sub(self.number), step) {
                (1, 960) => None,
                (1, _) => Some("the time does not advance by a packet"),
                (..) => Some("numbers are consecutive and packets are not"),
            };
        };
        let ahead = next_picture.wrapping_sub(picture) & 0x7fff;
        match (self.marker, next.start) {
            (true, false) => Some("a picture begins in its middle"),
            // What a link had no room for may be cut off, if a key frame follows.
            (false, true) if next.key_frame && ahead == 1 && step > 0 => None,
            (false, true) => Some("a picture has no end"),
            (true, true) if ahead != 1 => Some("picture numbers have a gap"),
            (true, true) if step <= 0 => Some("the time does not advance"),
            (false, false) if ahead != 0 || step != 0 => Some("a picture is mixed with another"),
            (true, true) if next.key_frame => None,
            (_, _) if next.number != self.number.wrapping_add(1) => {
                Some("numbers are consecutive and packets are not")
            }
            (_, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(number: u32, id: u16, part: u8) -> Received {
        Received {
            number,
            timestamp: RtpTimestamp(u32::from(id) * 3_000),
            marker: part == 2,
            start: part == 0,
            key_frame: false,
            picture: Some(id),
        }
    }

    #[test]
    fn pictures_in_order_have_no_fault() {
        assert_eq!(received(1, 1, 0).fault_of(&received(2, 1, 1)), None);
        assert_eq!(received(3, 1, 2).fault_of(&received(4, 2, 0)), None);
    }

    #[test]
    fn a_packet_or_a_picture_left_out_is_a_fault() {
        assert!(received(1, 1, 0).fault_of(&received(3, 1, 2)).is_some());
        assert!(received(3, 1, 2).fault_of(&received(7, 3, 0)).is_some());
        assert!(received(3, 1, 2).fault_of(&received(5, 2, 1)).is_some());
    }

    #[test]
    fn a_payload_is_read_as_it_was_written() {
        let picture = Picture {
            id: 0x1234,
            part: 0,
            key_frame: true,
        };
        let payload = write_payload(77, Some(picture), 60);
        let peek = peek(Codec::Vp8, &payload).unwrap();
        assert!(peek.key_frame && peek.frame_start);
        assert_eq!(payload.last_chunk(), Some(&77_u32.to_be_bytes()));
    }
}
