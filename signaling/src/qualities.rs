//! How well participants are connected, over all rooms of a node.

use std::sync::{Arc, Mutex, PoisonError};

use signaling_session::{QualityCounts, QualityReport};

/// What the tracks of all rooms came to since the node began, and how well those are connected who are there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Qualities(Arc<Mutex<QualityReport>>);

/// What one room adds to that, until it is over.
#[derive(Debug)]
pub(crate) struct RoomQualities {
    all: Qualities,
    counted: QualityCounts,
}

impl Qualities {
    /// Returns what all rooms came to.
    pub(crate) fn report(&self) -> QualityReport {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the part of a room.
    pub(crate) fn of_room(&self) -> RoomQualities {
        RoomQualities {
            all: self.clone(),
            counted: QualityCounts::default(),
        }
    }
}

impl RoomQualities {
    /// Adds what a window of the room came to.
    pub(crate) fn note(&mut self, report: &QualityReport) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.published.add(&report.published);
        all.received.add(&report.received);
        replace(&mut all.participants, self.counted, report.participants);
        self.counted = report.participants;
    }
}

impl Drop for RoomQualities {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nobody = QualityCounts::default();
        replace(&mut all.participants, self.counted, nobody);
    }
}

/// Counts the participants of a room anew.
fn replace(all: &mut QualityCounts, before: QualityCounts, after: QualityCounts) {
    all.excellent = all.excellent + after.excellent - before.excellent;
    all.good = all.good + after.good - before.good;
    all.poor = all.poor + after.poor - before.poor;
    all.lost = all.lost + after.lost - before.lost;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(excellent: usize, poor: usize) -> QualityReport {
        let mut report = QualityReport::default();
        report.participants.excellent = excellent;
        report.participants.poor = poor;
        report.received.loss.note(20_000);
        report
    }

    #[test]
    fn participants_count_while_their_room_is_open_and_packets_for_good() {
        let all = Qualities::default();
        let (mut one, mut other) = (all.of_room(), all.of_room());
        one.note(&report(3, 1));
        other.note(&report(5, 0));
        one.note(&report(2, 2));
        let counts = all.report().participants;
        assert_eq!((counts.excellent, counts.poor), (7, 2));
        drop(one);
        let counts = all.report().participants;
        assert_eq!((counts.excellent, counts.poor), (5, 0));
        assert_eq!(all.report().received.loss.count(), 3);
    }
}
