//! Packets that came while one before them was missing: whoever begins at that one, when it has come, gets them too.

use sfu_rtp::ExtendedSeqNo;

use crate::arrival::Arrival;
use crate::limits::PACKETS_AHEAD;

/// The packets of a stream that came since one before them has been missing.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// The number of the packet that follows all that came; none before the first.
    next: Option<ExtendedSeqNo>,
    missing: u64,
    /// By their numbers.
    packets: Vec<Came>,
}

#[derive(Debug)]
struct Came {
    /// How many of them came before it.
    turn: usize,
    /// Without its bytes.
    arrival: Arrival<'static>,
}

impl Ahead {
    /// Takes a packet.
    #[inline]
    pub(crate) fn on_packet(&mut self, arrival: &Arrival<'_>) {
        let seq = arrival.seq;
        match self.next {
            Some(next) if seq < next => self.missing = self.missing.saturating_sub(1),
            Some(next) => {
                self.missing += seq.0 - next.0;
                self.next = Some(seq.plus(1));
            }
            None => {
                // The beginning of a frame in whose midst a stream begins may still come.
                let is_start = arrival.frame.is_some_and(|frame| frame.key);
                self.missing = u64::from(!is_start);
                self.next = Some(seq.plus(1));
            }
        }
        if self.missing > 0 || !self.packets.is_empty() {
            self.keep(arrival);
        }
    }

    #[cold]
    fn keep(&mut self, arrival: &Arrival<'_>) {
        if self.packets.len() >= PACKETS_AHEAD {
            self.forget();
            return;
        }
        let place = self.place_of(arrival.seq);
        let came = Came {
            turn: self.packets.len(),
            arrival: arrival.detached(),
        };
        self.packets.insert(place, came);
    }

    /// All who get what came so far have it.
    #[inline]
    pub(crate) fn end_of_burst(&mut self) {
        if self.missing == 0 && !self.packets.is_empty() {
            self.forget();
        }
    }

    /// Returns the packets that came before `seq` did though their numbers are higher, in the order of these. It is the
    /// newest packet, unless it is one of those that were kept.
    pub(crate) fn before(&self, seq: ExtendedSeqNo) -> impl Iterator<Item = &Arrival<'static>> {
        let place = self.place_of(seq);
        let later = self.packets.get(place..).unwrap_or_default();
        let own = later.first().filter(|came| came.arrival.seq == seq);
        let turn = own.map_or(usize::MAX, |came| came.turn);
        let before = later.iter().filter(move |came| came.turn < turn);
        before.map(|came| &came.arrival)
    }

    fn place_of(&self, seq: ExtendedSeqNo) -> usize {
        self.packets.partition_point(|came| came.arrival.seq < seq)
    }

    fn forget(&mut self) {
        self.packets = Vec::new();
        self.missing = 0;
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::{Codec, ExtensionMap, PayloadType, Ssrc};
    use sfu_rtp::{
        AbsSendTime, ExtensionRanges, Outgoing, OutgoingExtensions, OutgoingPayload, RtpHeader,
        RtpTimestamp, SeqNo, StreamNumber, write_rtp,
    };

    use super::*;
    use crate::arrival::Passage;

    fn arrival(seq: u64) -> Arrival<'static> {
        let mut packet = Vec::new();
        let header = Outgoing {
            ssrc: Ssrc(1),
            seq: SeqNo(0),
            timestamp: RtpTimestamp(0),
            payload_type: PayloadType(96),
            marker: false,
        };
        let (map, values) = (ExtensionMap::default(), OutgoingExtensions::default());
        let payload = OutgoingPayload::plain(b"payload");
        write_rtp(&mut packet, &header, &map, &values, &payload);
        Arrival {
            packet: &[],
            header: RtpHeader::parse(&packet).unwrap(),
            extensions: ExtensionRanges::default(),
            encoding: 0,
            stream: StreamNumber::default(),
            seq: ExtendedSeqNo(seq),
            codec: Codec::Vp8,
            frame: None,
            passage: Passage::WithoutDescriptor,
            departure: AbsSendTime::default(),
            padding: 0,
        }
    }

    fn take(ahead: &mut Ahead, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            ahead.on_packet(&arrival(seq));
        }
    }

    fn before(ahead: &Ahead, seq: u64) -> Vec<u64> {
        let before = ahead.before(ExtendedSeqNo(seq));
        before.map(|arrival| arrival.seq.0).collect()
    }

    /// A stream of which everything has come so far, to number 9.
    fn complete() -> Ahead {
        let mut ahead = Ahead::default();
        take(&mut ahead, [9, 8]);
        ahead.end_of_burst();
        assert_eq!(ahead.packets.len(), 0);
        ahead
    }

    #[test]
    fn packets_that_came_before_a_lower_number_did_are_known_in_their_order() {
        let mut ahead = complete();
        take(&mut ahead, [10, 13, 12, 14]);
        assert_eq!(before(&ahead, 11), [12, 13, 14]);
        take(&mut ahead, [11, 15]);
        assert_eq!(before(&ahead, 11), [12, 13, 14]);
        assert_eq!(before(&ahead, 12), [13]);
        assert_eq!(before(&ahead, 15), [0; 0]);
        ahead.end_of_burst();
        assert_eq!(before(&ahead, 11), [0; 0]);
    }

    #[test]
    fn nothing_is_kept_while_nothing_is_missing() {
        let mut ahead = complete();
        take(&mut ahead, 10..1_000);
        assert_eq!(ahead.packets.capacity(), 0);
    }

    #[test]
    fn no_more_is_kept_than_may() {
        let mut ahead = complete();
        take(&mut ahead, 11..10_000);
        assert!(ahead.packets.len() <= PACKETS_AHEAD);
        take(&mut ahead, [20_000]);
        assert_eq!(before(&ahead, 19_999), [20_000]);
    }
}
