//! What was counted since a window began, by counters that only grow.

/// Packets of a stream and those of them that were lost: by now, and when the window began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    latest: Packets,
    before: Packets,
}

/// Packets that arrived, or were sent, and those that were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packets {
    pub(super) packets: u64,
    pub(super) lost: u64,
}

impl Counts {
    /// Takes the counters as they are by now. They begin anew with the stream that they count.
    pub(super) fn read(&mut self, latest: Packets) {
        if latest.packets < self.latest.packets {
            self.before = Packets::default();
        }
        self.latest = latest;
    }

    /// Ends the window; returns what was counted in it.
    pub(super) fn take(&mut self) -> Packets {
        let (latest, before) = (self.latest, self.before);
        self.before = latest;
        Packets {
            packets: latest.packets - before.packets,
            // What came late is lost no more.
            lost: latest.lost.saturating_sub(before.lost),
        }
    }

    /// Reports whether any packet was counted in the window so far.
    pub(super) fn moved(&self) -> bool {
        self.latest.packets > self.before.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(counts: &mut Counts, packets: u64, lost: u64) -> (u64, u64) {
        counts.read(Packets { packets, lost });
        let taken = counts.take();
        (taken.packets, taken.lost)
    }

    #[test]
    fn a_window_holds_what_was_counted_since_it_began() {
        let mut counts = Counts::default();
        assert_eq!(read(&mut counts, 100, 3), (100, 3));
        assert_eq!(read(&mut counts, 150, 4), (50, 1));
        assert!(!counts.moved());
    }

    #[test]
    fn counters_that_begin_anew_count_from_zero() {
        let mut counts = Counts::default();
        read(&mut counts, 100, 3);
        assert_eq!(read(&mut counts, 40, 1), (40, 1));
    }

    #[test]
    fn what_came_late_is_no_loss() {
        let mut counts = Counts::default();
        read(&mut counts, 100, 3);
        assert_eq!(read(&mut counts, 103, 1), (3, 0));
    }
}
