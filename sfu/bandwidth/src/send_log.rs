//! What was sent, until feedback tells what became of it.

use crate::limits::{FIRST_SENT_PACKETS, SENT_PACKETS, SENT_PACKETS_BEFORE_FEEDBACK};
use crate::micros::Micros;
use crate::numbers::{ProbeCluster, TransportSeqNo};

/// A packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentPacket {
    /// When it left.
    pub(crate) departure: Micros,
    /// Its size on the wire.
    pub(crate) bytes: u16,
    /// The probe that it was sent for.
    pub(crate) cluster: Option<ProbeCluster>,
}

/// What one status of a feedback tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reported {
    /// The packet arrived.
    Arrived(SentPacket),
    /// The packet arrived, and was said to be lost before.
    ArrivedLate(SentPacket),
    /// The packet did not arrive, or not yet.
    Lost(SentPacket),
    /// What was known.
    Repeated,
    /// A packet that was not sent, or so long ago that it is forgotten.
    Unknown,
}

/// The last packets of a transport, by their number: a ring that grows with what is under way.
#[derive(Debug, Default)]
pub(crate) struct SendLog {
    /// The packet of number `n` is at `n` modulo the length, which is a power of two.
    ring: Vec<Entry>,
    /// Number of the oldest that is remembered.
    first: u64,
    /// Number of the next that will be sent.
    next: u64,
    /// Number behind the newest that was reported on, if any was.
    reported: Option<u64>,
    /// When the newest left.
    latest: Micros,
}

/// Eight bytes of a packet.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The low half of the departure: it lies less than 71 minutes before the newest.
    departure: u32,
    bytes: u16,
    cluster: Option<ProbeCluster>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Arrived,
    Lost,
}

impl Entry {
    const EMPTY: Self = Self {
        departure: 0,
        bytes: 0,
        cluster: None,
        fate: Fate::Arrived,
    };
}

impl SendLog {
    /// Remembers a packet. Numbers follow each other; after a jump all before it is forgotten.
    #[inline]
    pub(crate) fn push(&mut self, seq: TransportSeqNo, packet: SentPacket) {
        if low_half(self.next) != seq.0 {
            self.restart(seq);
        }
        if self.next - self.first == self.ring.len() as u64 {
            self.make_room();
        }
        self.latest = packet.departure;
        let entry = Entry {
            departure: low_word(packet.departure),
            bytes: packet.bytes,
            cluster: packet.cluster,
            fate: Fate::UnderWay,
        };
        let index = self.index(self.next);
        if let Some(slot) = self.ring.get_mut(index) {
            *slot = entry;
        }
        self.next += 1;
    }

    /// Takes what feedback tells of a packet.
    pub(crate) fn report(&mut self, seq: TransportSeqNo, arrives: bool) -> Reported {
        // The nearest number that is not ahead of what was sent.
        let behind = low_half(self.next).wrapping_sub(seq.0);
        let number = self.next.checked_sub(u64::from(behind));
        let number = number.filter(|number| (self.first..self.next).contains(number));
        let Some(number) = number else {
            return Reported::Unknown;
        };
        self.reported = self.reported.max(Some(number + 1));
        let index = self.index(number);
        let latest = self.latest;
        let Some(entry) = self.ring.get_mut(index) else {
            return Reported::Unknown;
        };
        let packet = SentPacket {
            departure: full(latest, entry.departure),
            bytes: entry.bytes,
            cluster: entry.cluster,
        };
        let (fate, reported) = match (entry.fate, arrives) {
            (Fate::UnderWay, true) => (Fate::Arrived, Reported::Arrived(packet)),
            (Fate::Lost, true) => (Fate::Arrived, Reported::ArrivedLate(packet)),
            (Fate::UnderWay, false) => (Fate::Lost, Reported::Lost(packet)),
            (fate @ Fate::Lost, false) | (fate @ Fate::Arrived, _) => (fate, Reported::Repeated),
        };
        entry.fate = fate;
        reported
    }

    /// Reports whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.first
    }

    /// Reports whether packets were sent of which nothing is known.
    pub(crate) fn has_unreported(&self) -> bool {
        self.next > self.reported.unwrap_or(0).max(self.first)
    }

    /// Begins anew with `seq`.
    fn restart(&mut self, seq: TransportSeqNo) {
        // One round further on, so that no number from before is taken for one of these.
        self.next = ((self.next >> 16) + 2) << 16 | u64::from(seq.0);
        self.first = self.next;
    }

    /// Makes room for one packet: by growing while what would be forgotten is not reported on.
    fn make_room(&mut self) {
        let most = match self.reported {
            None => SENT_PACKETS_BEFORE_FEEDBACK,
            Some(_) => SENT_PACKETS,
        };
        if Some(self.first) < self.reported || self.ring.len() >= most {
            self.first += 1;
            return;
        }
        let len = (self.ring.len() * 2).max(FIRST_SENT_PACKETS);
        let mut ring = vec![Entry::EMPTY; len];
        for number in self.first..self.next {
            let from = self.ring.get(self.index(number));
            if let (Some(from), Some(to)) = (from, ring.get_mut(slot(number, len))) {
                *to = *from;
            }
        }
        self.ring = ring;
    }

    fn index(&self, number: u64) -> usize {
        slot(number, self.ring.len())
    }
}

/// Returns where a number lies in a ring of `len`, a power of two.
fn slot(number: u64, len: usize) -> usize {
    (number & (len as u64).wrapping_sub(1)) as usize
}

fn low_half(number: u64) -> u16 {
    (number & 0xffff) as u16
}

fn low_word(time: Micros) -> u32 {
    (time.0 & 0xffff_ffff) as u32
}

/// Returns the latest time up to `latest` whose low half is `low`.
fn full(latest: Micros, low: u32) -> Micros {
    let before = low_word(latest).wrapping_sub(low);
    latest - Micros(i64::from(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(at: i64) -> SentPacket {
        SentPacket {
            departure: Micros(at),
            bytes: 1_200,
            cluster: ProbeCluster::new(3),
        }
    }

    fn filled(from: u16, count: u16) -> SendLog {
        let mut log = SendLog::default();
        for i in 0..count {
            let at = i64::from(i) * 1_000;
            log.push(TransportSeqNo(from.wrapping_add(i)), packet(at));
        }
        log
    }

    #[test]
    fn a_packet_takes_eight_bytes() {
        assert_eq!(size_of::<Entry>(), 8);
    }

    #[test]
    fn a_packet_is_told_once_and_over_a_wrap_of_numbers() {
        let mut log = filled(65_530, 20);
        let seq = TransportSeqNo(3);
        assert_eq!(log.report(seq, true), Reported::Arrived(packet(9_000)));
        assert_eq!(log.report(seq, true), Reported::Repeated);
        assert_eq!(log.report(seq, false), Reported::Repeated);
    }

    #[test]
    fn a_packet_that_was_lost_may_still_arrive() {
        let mut log = filled(0, 3);
        let seq = TransportSeqNo(1);
        assert_eq!(log.report(seq, false), Reported::Lost(packet(1_000)));
        assert_eq!(log.report(seq, false), Reported::Repeated);
        assert_eq!(log.report(seq, true), Reported::ArrivedLate(packet(1_000)));
    }

    #[test]
    fn numbers_that_were_never_sent_are_unknown() {
        let mut log = SendLog::default();
        assert_eq!(log.report(TransportSeqNo(0), true), Reported::Unknown);
        let mut log = filled(100, 10);
        for seq in [99, 110, 32_768, 0] {
            assert_eq!(log.report(TransportSeqNo(seq), true), Reported::Unknown);
        }
    }

    #[test]
    fn a_jump_of_numbers_forgets_what_was_before() {
        let mut log = filled(0, 10);
        log.push(TransportSeqNo(500), packet(0));
        assert_eq!(log.report(TransportSeqNo(5), true), Reported::Unknown);
        assert!(matches!(
            log.report(TransportSeqNo(500), true),
            Reported::Arrived(_)
        ));
    }

    #[test]
    fn a_peer_that_never_reports_fills_four_kilobytes() {
        let log = filled(0, 60_000);
        assert_eq!(log.ring.len(), SENT_PACKETS_BEFORE_FEEDBACK);
    }

    #[test]
    fn the_oldest_give_way_when_too_many_are_under_way() {
        let mut log = filled(0, 10);
        log.report(TransportSeqNo(0), true);
        for seq in 10..10_000 {
            log.push(TransportSeqNo(seq), packet(i64::from(seq)));
        }
        assert_eq!(log.ring.len(), SENT_PACKETS);
        assert_eq!(log.report(TransportSeqNo(5_000), true), Reported::Unknown);
        assert!(matches!(
            log.report(TransportSeqNo(6_000), true),
            Reported::Arrived(_)
        ));
    }

    #[test]
    fn what_is_reported_in_time_takes_no_more_room() {
        let mut log = SendLog::default();
        for seq in 0..60_000 {
            log.push(TransportSeqNo(seq), packet(i64::from(seq)));
            log.report(TransportSeqNo(seq), true);
        }
        assert_eq!(log.ring.len(), FIRST_SENT_PACKETS);
    }

    #[test]
    fn departures_are_told_after_hours() {
        let mut log = SendLog::default();
        let hours = 5 * 3_600 * 1_000_000;
        log.push(TransportSeqNo(0), packet(hours));
        log.push(TransportSeqNo(1), packet(hours + 90_000_000));
        assert_eq!(
            log.report(TransportSeqNo(0), true),
            Reported::Arrived(packet(hours))
        );
    }
}
