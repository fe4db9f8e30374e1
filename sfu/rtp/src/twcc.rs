//! When packets of a transport arrived, for transport-wide congestion control.

use std::collections::VecDeque;
use std::time::Instant;

use sfu_model::Ssrc;

use crate::limits::{ARRIVALS_INTERVAL, KEPT_ARRIVALS, MAX_ARRIVALS, REPORTED_ARRIVALS};
use crate::rtcp::{Arrivals, write_transport_feedback};
use crate::{ExtendedSeqNo, SeqNo, SeqUnwrapper};

/// Records when packets of one transport arrive and writes feedback about it
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Clone, Debug)]
pub struct TwccRecorder {
    unwrapper: SeqUnwrapper,
    /// Arrivals from `first` on, in ticks since `epoch`; `None` where nothing arrived.
    arrivals: VecDeque<Option<u64>>,
    first: ExtendedSeqNo,
    /// Where the next feedback begins.
    next: ExtendedSeqNo,
    epoch: Option<Instant>,
    media: Ssrc,
    count: u8,
    due: Option<Instant>,
}

impl TwccRecorder {
    /// Makes a recorder that has seen nothing.
    pub fn new() -> Self {
        Self {
            unwrapper: SeqUnwrapper::default(),
            arrivals: VecDeque::new(),
            first: ExtendedSeqNo(0),
            next: ExtendedSeqNo(0),
            epoch: None,
            media: Ssrc(0),
            count: 0,
            due: None,
        }
    }

    /// Notes the arrival of a packet; `ssrc` is its stream.
    #[inline]
    pub fn on_packet(&mut self, now: Instant, seq: SeqNo, ssrc: Ssrc) {
        let epoch = *self.epoch.get_or_insert(now);
        let elapsed = now.saturating_duration_since(epoch).as_micros();
        // Ticks of 250 us.
        let arrival = u64::try_from(elapsed / 250).unwrap_or(u64::MAX);
        self.media = ssrc;
        let seq = self.unwrapper.unwrap(seq);
        if seq < self.first {
            return;
        }
        let index = seq.ahead_of(self.end());
        if index >= 0 {
            self.extend_to(seq);
        }
        let index = usize::try_from(seq.ahead_of(self.first)).unwrap_or(usize::MAX);
        let Some(slot @ None) = self.arrivals.get_mut(index) else {
            return;
        };
        *slot = Some(arrival);
        self.next = self.next.min(seq);
        self.due.get_or_insert(now + ARRIVALS_INTERVAL);
    }

    /// Returns the number behind the last that is recorded.
    fn end(&self) -> ExtendedSeqNo {
        self.first.plus(self.arrivals.len() as u64)
    }

    /// Makes room up to `seq`, which lies at or behind the end.
    fn extend_to(&mut self, seq: ExtendedSeqNo) {
        let missing = usize::try_from(seq.ahead_of(self.end())).unwrap_or(usize::MAX);
        if self.arrivals.is_empty() || missing.saturating_add(self.arrivals.len()) >= MAX_ARRIVALS {
            self.arrivals.clear();
            self.first = seq;
            self.next = seq;
        } else {
            let len = self.arrivals.len() + missing;
            self.arrivals.resize(len, None);
        }
        self.arrivals.push_back(None);
    }

    /// Returns when feedback is due. `None` when nothing arrived since the last.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Appends one feedback packet to `out`, when one is due, and reports whether; call it until it
    /// returns `false`, each into a compound or reduced-size packet of its own.
    ///
    /// It covers everything from the end of the last feedback, lost packets included, or from a
    /// packet that came late.
    pub fn write_feedback(&mut self, now: Instant, sender: Ssrc, out: &mut Vec<u8>) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        let skipped = usize::try_from(self.next.ahead_of(self.first)).unwrap_or(0);
        let mut arrivals = Arrivals::new(self.next.seq(), self.count, sender, self.media);
        for arrival in self.arrivals.iter().skip(skipped).take(REPORTED_ARRIVALS) {
            if !arrivals.push(*arrival) {
                break;
            }
        }
        if !write_transport_feedback(out, &arrivals) {
            self.due = None;
            return false;
        }
        self.count = self.count.wrapping_add(1);
        self.next = self.next.plus(arrivals.len() as u64);
        if self.next >= self.end() {
            self.due = None;
        }
        self.forget();
        true
    }

    /// Forgets what was reported, but for the last [`KEPT_ARRIVALS`].
    fn forget(&mut self) {
        let reported = usize::try_from(self.next.ahead_of(self.first)).unwrap_or(0);
        let forgotten = reported.saturating_sub(KEPT_ARRIVALS);
        self.arrivals.drain(..forgotten.min(self.arrivals.len()));
        self.first = self.first.plus(forgotten as u64);
    }
}

impl Default for TwccRecorder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rtcp::{Compound, Packet, PacketStatus, TransportFeedback};

    const US: Ssrc = Ssrc(1);
    const MEDIA: Ssrc = Ssrc(2);

    /// What one feedback says, and the packet's own fields.
    struct Feedback {
        statuses: Vec<PacketStatus>,
        base_seq: SeqNo,
        count: u8,
        len: usize,
    }

    fn feedback(recorder: &mut TwccRecorder, now: Instant) -> Option<Feedback> {
        let mut out = b"before".to_vec();
        if !recorder.write_feedback(now, US, &mut out) {
            return None;
        }
        let mut packets = Compound::new(&out[6..]);
        let Some(Ok(Packet::TransportFeedback(feedback))) = packets.next() else {
            panic!("no feedback in {out:?}");
        };
        assert!(packets.next().is_none());
        assert_eq!(feedback.media_ssrc, MEDIA);
        let statuses: Vec<_> = feedback.statuses().collect();
        assert_eq!(statuses.len(), usize::from(feedback.status_count));
        let TransportFeedback {
            base_seq, count, ..
        } = feedback;
        Some(Feedback {
            statuses,
            base_seq,
            count,
            len: out.len() - 6,
        })
    }

    /// Records `(sequence number, arrival in units of 250 us)`.
    fn record(recorder: &mut TwccRecorder, start: Instant, packets: &[(u16, u64)]) {
        for (seq, ticks) in packets {
            let at = start + Duration::from_micros(250 * ticks);
            recorder.on_packet(at, SeqNo(*seq), MEDIA);
        }
    }

    fn ticks(feedback: &Feedback) -> Vec<(u16, Option<u128>)> {
        let statuses = feedback.statuses.iter();
        statuses
            .map(|status| {
                let ticks = status.arrival.map(|arrival| arrival.as_micros() / 250);
                (status.seq.0, ticks)
            })
            .collect()
    }

    #[test]
    fn arrivals_and_losses_are_told_over_a_wrap() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        record(
            &mut recorder,
            start,
            &[(65_534, 0), (65_535, 3), (1, 400), (2, 390)],
        );
        assert_eq!(recorder.poll_timeout(), Some(start + ARRIVALS_INTERVAL));
        assert!(feedback(&mut recorder, start).is_none(), "not yet due");
        let due = start + ARRIVALS_INTERVAL;
        let first = feedback(&mut recorder, due).unwrap();
        assert_eq!((first.base_seq, first.count), (SeqNo(65_534), 0));
        assert_eq!(
            ticks(&first),
            [
                (65_534, Some(0)),
                (65_535, Some(3)),
                (0, None),
                (1, Some(400)),
                (2, Some(390))
            ]
        );
        assert!(feedback(&mut recorder, due).is_none());
        assert_eq!(recorder.poll_timeout(), None);
    }

    #[test]
    fn the_next_feedback_begins_behind_the_last() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        let due = start + Duration::from_secs(1);
        record(&mut recorder, start, &[(10, 0)]);
        feedback(&mut recorder, due).unwrap();
        record(&mut recorder, start, &[(12, 500)]);
        let second = feedback(&mut recorder, due).unwrap();
        assert_eq!((second.base_seq, second.count), (SeqNo(11), 1));
        assert_eq!(ticks(&second), [(11, None), (12, Some(500))]);
    }

    #[test]
    fn a_late_packet_is_told_still() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        let due = start + Duration::from_secs(1);
        record(&mut recorder, start, &[(10, 0), (12, 1)]);
        feedback(&mut recorder, due).unwrap();
        record(&mut recorder, start, &[(11, 500)]);
        let second = feedback(&mut recorder, due).unwrap();
        assert_eq!(ticks(&second), [(11, Some(500)), (12, Some(1))]);
    }

    #[test]
    fn duplicates_tell_nothing() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        record(&mut recorder, start, &[(10, 0)]);
        feedback(&mut recorder, start + Duration::from_secs(1)).unwrap();
        record(&mut recorder, start, &[(10, 0)]);
        assert_eq!(recorder.poll_timeout(), None);
    }

    #[test]
    fn a_feedback_is_bounded_and_the_rest_follows() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        for seq in 0..1_000 {
            record(&mut recorder, start, &[(seq, u64::from(seq))]);
        }
        let due = start + Duration::from_secs(1);
        let sizes: Vec<_> = std::iter::from_fn(|| feedback(&mut recorder, due))
            .map(|feedback| feedback.statuses.len())
            .collect();
        assert_eq!(sizes, [512, 488]);
    }

    #[test]
    fn a_delta_that_is_too_long_begins_another_feedback() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        record(&mut recorder, start, &[(0, 0), (1, 32_767), (2, 65_535)]);
        let due = start + Duration::from_secs(60);
        let first = feedback(&mut recorder, due).unwrap();
        assert_eq!(ticks(&first), [(0, Some(0)), (1, Some(32_767))]);
        let second = feedback(&mut recorder, due).unwrap();
        assert_eq!(ticks(&second), [(2, Some(65_535))]);
    }

    #[test]
    fn a_jump_begins_anew_and_memory_stays_bounded() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        for step in 0..1_000_u32 {
            let seq = ((step * 20_000) & 0xffff) as u16;
            record(&mut recorder, start, &[(seq, u64::from(step))]);
        }
        assert!(recorder.arrivals.len() <= MAX_ARRIVALS);
        let due = start + Duration::from_secs(60);
        assert_eq!(feedback(&mut recorder, due).unwrap().statuses.len(), 1);
    }

    #[test]
    fn what_was_told_is_forgotten() {
        let start = crate::any_instant();
        let mut recorder = TwccRecorder::new();
        for step in 0..200_000_u64 {
            record(&mut recorder, start, &[((step & 0xffff) as u16, step)]);
            if step % 100 == 99 {
                let due = start + Duration::from_secs(60);
                assert_eq!(feedback(&mut recorder, due).unwrap().statuses.len(), 100);
            }
        }
        assert!(recorder.arrivals.len() <= KEPT_ARRIVALS + 100);
    }

    #[test]
    fn every_pattern_of_losses_and_delays_reads_back() {
        let start = crate::any_instant();
        let mut random = 1_u32;
        for round in 0..500_u16 {
            let mut recorder = TwccRecorder::new();
            let mut expected = Vec::new();
            let mut time = 0;
            let last = 1 + round % 60;
            for seq in 0..=last {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let lost = seq != 0 && seq != last && random >> 28 < u32::from(round % 14);
                // Arrivals count from the first.
                time += match random >> 20 & 0xf {
                    _ if seq == 0 => 0,
                    0 => 300,
                    step => u64::from(step & 3),
                };
                expected.push((seq, (!lost).then_some(u128::from(time))));
                if !lost {
                    record(&mut recorder, start, &[(seq, time)]);
                }
            }
            let due = start + Duration::from_secs(60);
            let read = feedback(&mut recorder, due).unwrap();
            assert_eq!(ticks(&read), expected);
            assert_eq!(read.len % 4, 0);
        }
    }
}
