//! Notices when a key frame has come whole: all of its packets, from the one that a decoder begins at.
//!
//! Whoever begins at the first packet, however late that comes, gets those too that came before it.

use std::time::Instant;

use sfu_rtp::{ExtendedSeqNo, RtpHeader, RtpTimestamp};

use crate::ahead::Ahead;
use crate::arrival::Arrival;
use crate::frame::Frame;

/// A key frame that has come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeKeyFrame {
    /// When its first packet came.
    pub(crate) began: Instant,
    /// Whether a decoder can begin at it that has seen nothing before; otherwise one that has can recover.
    pub(crate) is_start: bool,
}

/// The key frame of one stream whose packets are coming.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFrameWatch {
    coming: Option<Coming>,
}

#[derive(Clone, Copy, Debug)]
struct Coming {
    frame: WholeKeyFrame,
    timestamp: RtpTimestamp,
    first: ExtendedSeqNo,
    /// Its last packet, or one behind that, once it is known.
    last: Option<ExtendedSeqNo>,
    packets: u64,
    /// Whether more than parameter sets came.
    has_picture: bool,
}

impl KeyFrameWatch {
    /// Takes a packet. Returns the key frame that it completes.
    #[inline]
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        header: &RtpHeader,
        frame: &Frame,
        ahead: &Ahead,
    ) -> Option<WholeKeyFrame> {
        let begins = (frame.key || frame.intra) && self.begin(now, seq, header.timestamp, frame);
        let coming = self.coming.as_mut()?;
        coming.add(seq, header, frame);
        if begins {
            coming.add_all(ahead.before(seq));
        }
        if !coming.is_whole() {
            return None;
        }
        self.coming.take().map(|coming| coming.frame)
    }

    /// Takes the first packet of a key frame, unless it is one within the frame that is coming. Returns whether it did.
    fn begin(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
        frame: &Frame,
    ) -> bool {
        let is_within = self.coming.is_some_and(|coming| {
            let same = coming.timestamp == timestamp || !coming.has_picture;
            same && (coming.frame.is_start || !frame.key)
        });
        if is_within {
            return false;
        }
        self.coming = Some(Coming {
            frame: WholeKeyFrame {
                began: now,
                is_start: frame.key,
            },
            timestamp,
            first: seq,
            last: None,
            packets: 0,
            has_picture: false,
        });
        true
    }
}

impl Coming {
    /// Takes packets that came before the first.
    fn add_all<'a>(&mut self, packets: impl Iterator<Item = &'a Arrival<'static>>) {
        for arrival in packets {
            if let Some(frame) = &arrival.frame {
                self.add(arrival.seq, &arrival.header, frame);
            }
        }
    }

    fn add(&mut self, seq: ExtendedSeqNo, header: &RtpHeader, frame: &Frame) {
        if seq < self.first {
            return;
        }
        if header.timestamp != self.timestamp {
            if self.has_picture {
                self.end_at(seq.minus(1));
                return;
            }
            // Parameter sets had a timestamp of their own.
            self.timestamp = header.timestamp;
        }
        self.packets += 1;
        self.has_picture |= frame.picture;
        if header.marker && self.has_picture {
            self.end_at(seq);
        }
    }

    fn end_at(&mut self, seq: ExtendedSeqNo) {
        self.last = Some(self.last.map_or(seq, |last| last.min(seq)));
    }

    fn is_whole(&self) -> bool {
        let Some(last) = self.last else {
            return false;
        };
        u64::try_from(last.ahead_of(self.first)).is_ok_and(|behind| self.packets == behind + 1)
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::{Codec, PayloadType, Ssrc};
    use sfu_rtp::{
        AbsSendTime, ExtensionRanges, Outgoing, OutgoingExtensions, OutgoingPayload, StreamNumber,
        write_rtp,
    };

    use super::*;
    use crate::arrival::Passage;
    use crate::test_clock::start;

    const PICTURE: Frame = Frame {
        key: false,
        intra: false,
        picture: true,
        start: false,
        end: false,
        spatial: 0,
        temporal: 0,
        switching_point: false,
        spatial_switching_point: false,
        vp8: None,
        described: None,
    };
    const START: Frame = Frame {
        key: true,
        intra: true,
        ..PICTURE
    };
    const PARAMETER_SETS: Frame = Frame {
        key: true,
        picture: false,
        ..PICTURE
    };
    const INTRA: Frame = Frame {
        intra: true,
        ..PICTURE
    };

    fn header(timestamp: u32, marker: bool) -> RtpHeader {
        let mut packet = Vec::new();
        let header = Outgoing {
            ssrc: Ssrc(1),
            seq: sfu_rtp::SeqNo(0),
            timestamp: RtpTimestamp(timestamp),
            payload_type: PayloadType(96),
            marker,
        };
        write_rtp(
            &mut packet,
            &header,
            &sfu_model::ExtensionMap::default(),
            &OutgoingExtensions::default(),
            &OutgoingPayload::plain(b"payload"),
        );
        RtpHeader::parse(&packet).unwrap()
    }

    fn arrival(seq: ExtendedSeqNo, header: RtpHeader, frame: Frame) -> Arrival<'static> {
        Arrival {
            packet: &[],
            header,
            extensions: ExtensionRanges::default(),
            encoding: 0,
            stream: StreamNumber::default(),
            seq,
            codec: Codec::Vp8,
            frame: Some(frame),
            passage: Passage::WithoutDescriptor,
            departure: AbsSendTime::default(),
            padding: 0,
        }
    }

    /// Takes packets of number, timestamp, marker and frame. Returns which completed a key frame, and whether
    /// that is a start.
    fn whole(packets: &[(u64, u32, bool, Frame)]) -> Vec<(usize, bool)> {
        let (mut watch, now) = (KeyFrameWatch::default(), start());
        let mut ahead = Ahead::default();
        let mut whole = Vec::new();
        for (place, (seq, timestamp, marker, frame)) in packets.iter().enumerate() {
            let header = header(*timestamp, *marker);
            let seq = ExtendedSeqNo(70_000 + seq);
            let completed = watch.on_packet(now, seq, &header, frame, &ahead);
            ahead.on_packet(&arrival(seq, header, *frame));
            whole.extend(completed.map(|frame| (place, frame.is_start)));
        }
        whole
    }

    #[test]
    fn a_key_frame_is_whole_with_its_last_packet_in_any_order() {
        let packets = [
            (0, 5, false, START),
            (2, 5, true, PICTURE),
            (1, 5, false, PICTURE),
        ];
        assert_eq!(whole(&packets), [(2, true)]);
        assert_eq!(whole(&[(0, 5, true, START)]), [(0, true)]);
        assert_eq!(whole(&packets[..2]), []);
    }

    #[test]
    fn packets_that_came_before_the_first_count_once_it_has_come() {
        let late_start = [
            (1, 5, false, PICTURE),
            (2, 5, true, PICTURE),
            (0, 5, false, START),
        ];
        assert_eq!(whole(&late_start), [(2, true)]);
        let cut = [(2, 5, true, PICTURE), (0, 5, false, START)];
        assert_eq!(whole(&cut), []);
    }

    #[test]
    fn without_a_marker_the_next_frame_tells_the_end() {
        let packets = [
            (0, 5, false, START),
            (1, 5, false, PICTURE),
            (2, 6, true, PICTURE),
        ];
        assert_eq!(whole(&packets), [(2, true)]);
    }

    #[test]
    fn parameter_sets_alone_are_no_frame() {
        let own_timestamp = [
            (0, 5, true, PARAMETER_SETS),
            (1, 6, false, INTRA),
            (2, 6, true, PICTURE),
        ];
        assert_eq!(whole(&own_timestamp), [(2, true)]);
        let lost = [(0, 5, true, PARAMETER_SETS), (2, 6, true, PICTURE)];
        assert_eq!(whole(&lost), []);
    }

    #[test]
    fn a_picture_without_its_parameter_sets_is_a_recovery_and_no_start() {
        assert_eq!(
            whole(&[(1, 5, false, INTRA), (2, 5, true, PICTURE)]),
            [(1, false)]
        );
        let sets_later = [
            (1, 5, false, INTRA),
            (0, 5, false, PARAMETER_SETS),
            (2, 5, true, PICTURE),
        ];
        assert_eq!(whole(&sets_later), [(2, true)]);
    }

    #[test]
    fn the_next_key_frame_takes_the_place_of_one_that_was_cut() {
        let packets = [
            (0, 5, false, START),
            (9, 8, false, START),
            (10, 8, true, PICTURE),
        ];
        assert_eq!(whole(&packets), [(2, true)]);
    }
}
