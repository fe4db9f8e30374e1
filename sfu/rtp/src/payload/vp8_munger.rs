//! Picture ids of a VP8 stream made of parts of others.

use super::{PictureId, Vp8Descriptor};
use crate::offsets::Offsets;

/// What the fields of a VP8 descriptor are replaced by. A field that the descriptor lacks stays
/// away; a picture id is always written with 15 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp8Rewrite {
    /// `PictureID`, 15 bits.
    pub picture_id: u16,
    /// `TL0PICIDX`.
    pub tl0_pic_idx: u8,
    /// `KEYIDX`, five bits.
    pub key_idx: u8,
}

impl Vp8Rewrite {
    /// Appends the descriptor with the fields replaced. `payload` is the one that it was read from.
    #[inline]
    pub fn write(&self, descriptor: &Vp8Descriptor, payload: &[u8], out: &mut Vec<u8>) {
        let original = payload
            .get(..usize::from(descriptor.len))
            .unwrap_or_default();
        let Some((required, rest)) = original.split_first() else {
            return;
        };
        let present = if required & Vp8Descriptor::X == 0 {
            None
        } else {
            rest.first()
        };
        let Some(present) = present else {
            out.push(*required);
            return;
        };
        out.extend_from_slice(&[*required, *present]);
        if descriptor.picture_id.is_some() {
            let [high, low] = self.picture_id.to_be_bytes();
            out.extend_from_slice(&[high | 0x80, low]);
        }
        if descriptor.tl0_pic_idx.is_some() {
            out.push(self.tl0_pic_idx);
        }
        if descriptor.temporal.is_some() || descriptor.key_idx.is_some() {
            let last = original.last().copied().unwrap_or(0);
            out.push(match descriptor.key_idx {
                Some(_) => (last & 0xe0) | (self.key_idx & 0x1f),
                None => last,
            });
        }
    }
}

/// Numbers the pictures of one subscription without gaps over switches of source and dropped temporal
/// layers.
///
/// A receiver takes a gap between picture ids for a lost frame and waits for it, so pictures that are
/// left out close up. `TL0PICIDX` and `KEYIDX` count what is always forwarded: they only shift when
/// the source changes.
#[derive(Clone, Debug, Default)]
pub struct Vp8Munger {
    stream: Option<Stream>,
}

#[derive(Clone, Debug)]
struct Stream {
    offsets: Offsets,
    /// Highest picture of the source, forwarded or left out; counts on over wraps.
    highest: u64,
    tl0_offset: u8,
    key_offset: u8,
    /// What the newest picture was sent with.
    last: Vp8Rewrite,
}

impl Vp8Munger {
    /// Begins with the numbers of the first picture.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with `first`, the first forwarded packet of another source or after a pause: its picture
    /// gets the numbers after the last.
    pub fn switch_source(&mut self, first: &Vp8Descriptor) {
        let Some(stream) = &mut self.stream else {
            self.stream = Some(Stream::begin(first));
            return;
        };
        let sent = stream.offsets.map_newest(stream.highest).wrapping_add(1);
        let picture = Stream::first_picture(first);
        stream.offsets.restart(picture, sent);
        stream.highest = picture - 1;
        stream.tl0_offset = first
            .tl0_pic_idx
            .unwrap_or(0)
            .wrapping_sub(stream.last.tl0_pic_idx)
            .wrapping_sub(1);
        stream.key_offset = first
            .key_idx
            .unwrap_or(0)
            .wrapping_sub(stream.last.key_idx)
            .wrapping_sub(1);
    }

    /// Numbers a packet that is forwarded. `None` when its picture was left out, or is older than what
    /// is remembered.
    #[inline]
    pub fn forward(&mut self, descriptor: &Vp8Descriptor) -> Option<Vp8Rewrite> {
        let stream = self.stream.get_or_insert_with(|| Stream::begin(descriptor));
        let picture = stream.picture(descriptor);
        let newest = picture >= stream.highest;
        let sent = if picture > stream.highest {
            stream.highest = picture;
            stream.offsets.map_newest(picture)
        } else {
            stream.offsets.map(picture)?
        };
        let tl0_pic_idx = descriptor.tl0_pic_idx.unwrap_or(0);
        let key_idx = descriptor.key_idx.unwrap_or(0);
        let rewrite = Vp8Rewrite {
            picture_id: (sent & 0x7fff) as u16,
            tl0_pic_idx: tl0_pic_idx.wrapping_sub(stream.tl0_offset),
            key_idx: key_idx.wrapping_sub(stream.key_offset) & 0x1f,
        };
        if newest {
            stream.last = rewrite;
        }
        Some(rewrite)
    }

    /// Leaves out the picture of a packet (a temporal layer that is not wanted): the next one closes up.
    /// Does nothing when packets of that picture, or a later one, were forwarded.
    #[inline]
    pub fn leave_out(&mut self, descriptor: &Vp8Descriptor) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let picture = stream.picture(descriptor);
        if picture > stream.highest {
            stream.highest = picture;
            stream.offsets.leave_out(picture);
        }
    }
}

impl Stream {
    fn begin(first: &Vp8Descriptor) -> Self {
        let picture = Self::first_picture(first);
        let mut offsets = Offsets::default();
        offsets.restart(picture, picture);
        Self {
            offsets,
            highest: picture - 1,
            tl0_offset: 0,
            key_offset: 0,
            last: Vp8Rewrite::default(),
        }
    }

    /// Returns the number of the first picture of a source, one round up, so that none is below zero.
    fn first_picture(first: &Vp8Descriptor) -> u64 {
        let id = match first.picture_id {
            Some(PictureId::Short(id)) => u64::from(id),
            Some(PictureId::Long(id)) => u64::from(id),
            None => 0,
        };
        (1 << 16) | id
    }

    /// Returns the number of a packet's picture that is nearest to the highest. Without picture ids,
    /// all is one picture.
    #[inline]
    fn picture(&self, descriptor: &Vp8Descriptor) -> u64 {
        let (id, round) = match descriptor.picture_id {
            Some(PictureId::Short(id)) => (u64::from(id), 1 << 7),
            Some(PictureId::Long(id)) => (u64::from(id), 1 << 15),
            None => return self.highest.max(1 << 16),
        };
        let ahead = id.wrapping_sub(self.highest) & (round - 1);
        if ahead < round / 2 {
            self.highest + ahead
        } else {
            (self.highest + ahead).saturating_sub(round)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(id: u16, tl0_pic_idx: u8, temporal: u8) -> Vp8Descriptor {
        let [high, low] = id.to_be_bytes();
        let payload = [0x90, 0xe0, high | 0x80, low, tl0_pic_idx, temporal << 6, 1];
        Vp8Descriptor::parse(&payload).unwrap()
    }

    fn forward(munger: &mut Vp8Munger, descriptor: &Vp8Descriptor) -> Option<(u16, u8)> {
        let rewrite = munger.forward(descriptor)?;
        Some((rewrite.picture_id, rewrite.tl0_pic_idx))
    }

    #[test]
    fn pictures_of_dropped_layers_leave_no_gap() {
        let mut munger = Vp8Munger::new();
        assert_eq!(forward(&mut munger, &picture(10, 1, 0)), Some((10, 1)));
        munger.leave_out(&picture(11, 1, 2));
        munger.leave_out(&picture(11, 1, 2));
        assert_eq!(forward(&mut munger, &picture(12, 1, 1)), Some((11, 1)));
        munger.leave_out(&picture(13, 1, 2));
        assert_eq!(forward(&mut munger, &picture(14, 2, 0)), Some((12, 2)));
        assert_eq!(forward(&mut munger, &picture(14, 2, 0)), Some((12, 2)));
    }

    #[test]
    fn a_late_packet_keeps_the_number_of_its_picture() {
        let mut munger = Vp8Munger::new();
        forward(&mut munger, &picture(10, 1, 0));
        munger.leave_out(&picture(11, 1, 2));
        forward(&mut munger, &picture(13, 2, 0));
        assert_eq!(forward(&mut munger, &picture(12, 1, 1)), Some((11, 1)));
        assert_eq!(forward(&mut munger, &picture(10, 1, 0)), Some((10, 1)));
        assert_eq!(forward(&mut munger, &picture(11, 1, 2)), None);
        assert_eq!(forward(&mut munger, &picture(9, 1, 2)), None);
    }

    #[test]
    fn a_late_picture_does_not_move_what_a_switch_goes_on_from() {
        let mut munger = Vp8Munger::new();
        forward(&mut munger, &picture(10, 1, 0));
        forward(&mut munger, &picture(12, 2, 0));
        forward(&mut munger, &picture(11, 1, 1));
        let first = picture(500, 77, 0);
        munger.switch_source(&first);
        assert_eq!(forward(&mut munger, &first), Some((13, 3)));
    }

    #[test]
    fn a_switch_goes_on_with_the_next_numbers() {
        let mut munger = Vp8Munger::new();
        forward(&mut munger, &picture(0x7fff, 255, 0));
        let first = picture(20, 9, 0);
        munger.switch_source(&first);
        assert_eq!(forward(&mut munger, &first), Some((0, 0)));
        assert_eq!(forward(&mut munger, &picture(21, 10, 0)), Some((1, 1)));
    }

    #[test]
    fn picture_ids_go_on_over_the_wraps_of_their_source() {
        let mut munger = Vp8Munger::new();
        let mut expected = 120_u16;
        for step in 0..100_000_u32 {
            let id = ((120 + step) & 0x7f) as u8;
            let payload = [0x90, 0x80, id, 1];
            let rewrite = munger.forward(&Vp8Descriptor::parse(&payload).unwrap());
            assert_eq!(rewrite.unwrap().picture_id, expected);
            expected = (expected + 1) & 0x7fff;
        }
    }

    #[test]
    fn key_indices_shift_over_a_switch() {
        let keyed = |key_idx: u8| Vp8Descriptor::parse(&[0x80, 0x10, key_idx, 1]).unwrap();
        let mut munger = Vp8Munger::new();
        assert_eq!(munger.forward(&keyed(31)).unwrap().key_idx, 31);
        munger.switch_source(&keyed(5));
        assert_eq!(munger.forward(&keyed(5)).unwrap().key_idx, 0);
        assert_eq!(munger.forward(&keyed(6)).unwrap().key_idx, 1);
    }

    #[test]
    fn packets_without_picture_ids_pass() {
        let bare = Vp8Descriptor::parse(&[0x10, 0x00]).unwrap();
        let mut munger = Vp8Munger::new();
        assert!(munger.forward(&bare).is_some());
        assert!(munger.forward(&bare).is_some());
        munger.switch_source(&bare);
        assert!(munger.forward(&bare).is_some());
    }

    #[test]
    fn a_rewritten_descriptor_reads_back() {
        let rewrite = Vp8Rewrite {
            picture_id: 0x1234,
            tl0_pic_idx: 9,
            key_idx: 3,
        };
        let payloads: [&[u8]; 4] = [
            &[0x90, 0xf0, 0x05, 0x01, 0x7f, 0xaa],
            &[0x90, 0xf0, 0x85, 0x05, 0x01, 0x7f, 0xaa],
            &[0x90, 0x20, 0x7f, 0xaa],
            &[0x10, 0xaa],
        ];
        for payload in payloads {
            let descriptor = Vp8Descriptor::parse(payload).unwrap();
            let mut out = Vec::new();
            rewrite.write(&descriptor, payload, &mut out);
            out.push(0xaa);
            let read = Vp8Descriptor::parse(&out).unwrap();
            assert_eq!(usize::from(read.len), out.len() - 1);
            assert_eq!(
                read.picture_id,
                descriptor.picture_id.map(|_| PictureId::Long(0x1234))
            );
            assert_eq!(read.tl0_pic_idx, descriptor.tl0_pic_idx.map(|_| 9));
            assert_eq!(read.key_idx, descriptor.key_idx.map(|_| 3));
            assert_eq!(
                (read.temporal, read.layer_sync),
                (descriptor.temporal, descriptor.layer_sync)
            );
        }
    }
}
