use sfu_model::{Codec, PayloadType};
use sfu_rtp::payload::{Descriptor, PictureId, peek};
use sfu_rtp::{RtpHeader, RtpTimestamp};

/// A packet's place in its picture, and the picture's in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The picture's number: 15 bits.
    pub(crate) id: u16,
    /// Pictures of the lowest temporal layer, this one included.
    pub(crate) base: u8,
    /// Whether it is a key frame.
    pub(crate) key_frame: bool,
    /// Temporal layer, and whether it stands on the lowest alone.
    pub(crate) temporal: u8,
    pub(crate) sync: bool,
    /// Spatial layer, in a stream that has several.
    pub(crate) spatial: u8,
    /// Whether the packet begins the picture, or the part of its spatial layer, and whether it ends that.
    pub(crate) begins: bool,
    pub(crate) ends: bool,
}

/// Writes the payload of the packet with this number: Opus without a picture, VP8 or VP9 with one. It has `body` bytes
/// between its descriptor and the number at its end.
pub(crate) fn write_payload(
    codec: Codec,
    number: u32,
    picture: Option<Picture>,
    body: usize,
) -> Vec<u8> {
    let mut payload = match picture {
        None => opus(),
        Some(picture) if codec == Codec::Vp9 => vp9(picture),
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
    const SYNC: u8 = 0x20;
    let [high, low] = picture.id.to_be_bytes();
    let flags = if picture.begins {
        EXTENDED | START
    } else {
        EXTENDED
    };
    let layer = picture.temporal << 6 | if picture.sync { SYNC } else { 0 };
    let mut payload = vec![
        flags,
        PICTURE_ID_AND_LAYERS,
        high | 0x80,
        low,
        picture.base,
        layer,
    ];
    if picture.begins {
        payload.extend_from_slice(&[u8::from(!picture.key_frame), 0, 0]);
    }
    if picture.begins && picture.key_frame {
        payload.extend_from_slice(&[0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]);
    }
    payload
}

/// A payload descriptor in non-flexible mode, where each spatial layer stands on the one below (RFC 9628 section 4.2).
fn vp9(picture: Picture) -> Vec<u8> {
    const PICTURE_ID_AND_LAYERS: u8 = 0xa0;
    const PREDICTED: u8 = 0x40;
    const BEGINS: u8 = 0x08;
    const ENDS: u8 = 0x04;
    const SWITCHING_POINT: u8 = 0x10;
    let bits = [
        (!picture.key_frame, PREDICTED),
        (picture.begins, BEGINS),
        (picture.ends, ENDS),
    ];
    let flags = bits.into_iter().filter(|(is, _)| *is);
    let flags = flags.fold(PICTURE_ID_AND_LAYERS, |flags, (_, bit)| flags | bit);
    let [high, low] = picture.id.to_be_bytes();
    let above = u8::from(picture.spatial > 0);
    let sync = if picture.sync { SWITCHING_POINT } else { 0 };
    let layers = picture.temporal << 5 | sync | picture.spatial << 1 | above;
    vec![flags, high | 0x80, low, layers, picture.base]
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
    /// Where it is in its video; `None` for audio.
    pub picture: Option<PicturePlace>,
}

/// What a packet says of its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PicturePlace {
    /// The picture's number.
    pub id: u16,
    /// Pictures of the lowest temporal layer, up to this one.
    pub base: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// Spatial layer, in a stream that has several.
    pub spatial: u8,
    /// Whether pictures can be left out of the stream without their numbers being given away again.
    pub keeps_ids: bool,
}

impl Received {
    /// Reads a packet whose retransmission, if it came by one, was undone.
    pub fn read(codec: Codec, header: &RtpHeader, packet: &[u8]) -> Option<Self> {
        Self::read_payload(codec, header, header.payload(packet))
    }

    /// Reads a payload that came with a header.
    pub(crate) fn read_payload(codec: Codec, header: &RtpHeader, payload: &[u8]) -> Option<Self> {
        let peek = peek(codec, payload).ok()?;
        let place = |id: Option<PictureId>, base: Option<u8>, keeps_ids| {
            Some(PicturePlace {
                id: match id? {
                    PictureId::Long(id) => id,
                    PictureId::Short(id) => u16::from(id),
                },
                base: base?,
                temporal: peek.temporal.0,
                spatial: peek.spatial.0,
                keeps_ids,
            })
        };
        let picture = match peek.descriptor {
            Descriptor::None => None,
            Descriptor::Vp8(vp8) => place(vp8.picture_id, vp8.tl0_pic_idx, false),
            Descriptor::Vp9(vp9) => place(vp9.picture_id, vp9.tl0_pic_idx, true),
        };
        Some(Self {
            number: u32::from_be_bytes(*payload.last_chunk()?),
            timestamp: header.timestamp,
            marker: header.marker,
            start: peek.frame_start && peek.spatial.0 == 0,
            key_frame: peek.key_frame && picture.is_some(),
            picture,
        })
    }

    /// Returns its encoding, the lowest is the first.
    pub fn encoding(&self) -> u8 {
        self.number.to_be_bytes()[0]
    }

    /// Returns its encoding, or its spatial layer in a stream that has several.
    pub fn layer(&self) -> u8 {
        let spatial = self.picture.map_or(0, |picture| picture.spatial);
        spatial.max(self.encoding())
    }

    /// Says what is wrong if `next` has the sequence number after this packet's.
    pub(crate) fn fault_of(&self, next: &Self) -> Option<&'static str> {
        let step = next.timestamp.ahead_of(self.timestamp);
        let follows = next.number == self.number.wrapping_add(1);
        let (Some(picture), Some(next_picture)) = (self.picture, next.picture) else {
            return match (follows, step) {
                (true, 960) => None,
                (true, _) => Some("the time does not advance by a packet"),
                (false, _) => Some("numbers are consecutive and packets are not"),
            };
        };
        match (self.marker, next.start) {
            (true, false) => Some("a picture begins in its middle"),
            // What a link had no room for may be cut off, if a key frame follows.
            (false, true) if next.key_frame && step > 0 => None,
            (false, true) => Some("a picture has no end"),
            (true, true) if step <= 0 => Some("the time does not advance"),
            (true, true) => picture.fault_of(&next_picture, next.key_frame),
            (false, false) if step != 0 || picture.id != next_picture.id => {
                Some("a picture is mixed with another")
            }
            (false, false) if follows => None,
            (false, false) => Some("numbers are consecutive and packets are not"),
        }
    }
}

impl PicturePlace {
    /// Says what is wrong if the picture `next` follows this one.
    fn fault_of(&self, next: &Self, key_frame: bool) -> Option<&'static str> {
        let ahead = next.id.wrapping_sub(self.id) & 0x7fff;
        // Higher temporal layers may be left out.
        let bases = next.base.wrapping_sub(self.base);
        let expected = u8::from(next.temporal == 0);
        match key_frame {
            _ if ahead != 1 && !self.keeps_ids => Some("picture numbers have a gap"),
            false if bases != expected => Some("a picture that others stand on is left out"),
            true | false => None,
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
            picture: Some(PicturePlace {
                id,
                base: u8::try_from(id).unwrap(),
                temporal: 0,
                spatial: 0,
                keeps_ids: false,
            }),
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
        for codec in [Codec::Vp8, Codec::Vp9] {
            let picture = Picture {
                id: 0x1234,
                base: 7,
                key_frame: true,
                temporal: 0,
                sync: true,
                spatial: 0,
                begins: true,
                ends: true,
            };
            let payload = write_payload(codec, 77, Some(picture), 60);
            let read = peek(codec, &payload).unwrap();
            assert!(read.key_frame && read.frame_start);
            let upper = Picture {
                key_frame: false,
                temporal: 2,
                spatial: u8::from(codec == Codec::Vp9),
                ..picture
            };
            let read = peek(codec, &write_payload(codec, 78, Some(upper), 60)).unwrap();
            assert_eq!((read.temporal.0, read.switching_point), (2, true));
            assert_eq!(read.spatial.0, upper.spatial);
            assert_eq!(payload.last_chunk(), Some(&77_u32.to_be_bytes()));
        }
    }
}
