//! When a shard must be woken, for whom and why.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sfu_model::RoomIndex;

use crate::keys::{PeerKey, PublicationKey};
use crate::limits::TOGETHER;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TimerReason {
    /// DTLS or SCTP retransmits, or a silent peer is noticed. The transport says when.
    Transport,
    /// Missing packets are asked for again. The NACK trackers say when.
    Nack,
    /// Arrival times are reported to a publisher (transport-cc). The recorder says when.
    TransportFeedback,
    /// Reception is reported to a publisher (RFC 3550 section 6.4.2).
    ReceiverReport,
    /// Time is told to a subscriber (RFC 3550 section 6.4.1), each 3 s while packets are sent.
    SenderReport,
    /// A subscription sends packets of ours, as its publication sends nothing yet.
    Opening,
    /// Loudness is reported to the control plane.
    AudioLevels,
    /// A publisher is asked again for a key frame that has not come.
    KeyFrame,
    /// What a subscriber's link carries is divided anew, or probed.
    Bandwidth,
    /// What waits for a subscriber's link may leave.
    Pacing,
    /// What was counted in a room is reported to the control plane.
    Statistics,
}

impl TimerReason {
    /// Reception is reported this long after the first packet since the last report.
    pub(crate) const RECEIVER_REPORT_DELAY: Duration = Duration::from_secs(1);

    /// A subscription's first sender report follows its first packet this closely, so that players
    /// can bring sound and picture into step.
    pub(crate) const FIRST_SENDER_REPORT_DELAY: Duration = Duration::from_millis(50);

    const ALL: [Self; 11] = [
        Self::Transport,
        Self::Nack,
        Self::TransportFeedback,
        Self::ReceiverReport,
        Self::SenderReport,
        Self::Opening,
        Self::AudioLevels,
        Self::KeyFrame,
        Self::Bandwidth,
        Self::Pacing,
        Self::Statistics,
    ];

    /// Returns the reason as text for logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Nack => "nack",
            Self::TransportFeedback => "transport feedback",
            Self::ReceiverReport => "receiver report",
            Self::SenderReport => "sender report",
            Self::Opening => "opening",
            Self::AudioLevels => "audio levels",
            Self::KeyFrame => "key frame",
            Self::Bandwidth => "bandwidth",
            Self::Pacing => "pacing",
            Self::Statistics => "statistics",
        }
    }
}

/// When a shard must be woken, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// The time.
    pub at: Instant,
    /// What is due then; a busy loop names its cause by it.
    pub reason: TimerReason,
}

/// The deadlines of one peer: at most one for each reason.
#[derive(Debug, Default)]
pub(crate) struct TimerTable {
    at: [Option<Instant>; TimerReason::ALL.len()],
}

impl TimerTable {
    pub(crate) fn set(&mut self, reason: TimerReason, at: Option<Instant>) {
        if let Some(slot) = self.at.get_mut(reason as usize) {
            *slot = at;
        }
    }

    /// Sets a deadline unless one stands already. Returns whether it did.
    pub(crate) fn set_if_idle(&mut self, reason: TimerReason, at: Instant) -> bool {
        match self.at.get_mut(reason as usize) {
            Some(slot @ None) => {
                *slot = Some(at);
                true
            }
            Some(Some(_)) | None => false,
        }
    }

    /// Sets a deadline unless an earlier one stands already. Returns whether it did.
    pub(crate) fn set_if_earlier(&mut self, reason: TimerReason, at: Instant) -> bool {
        match self.at.get_mut(reason as usize) {
            Some(Some(standing)) if *standing <= at => false,
            Some(slot) => {
                *slot = Some(at);
                true
            }
            None => false,
        }
    }

    /// Clears the deadline for `reason` if it is due, and says whether it was.
    pub(crate) fn take_due(&mut self, reason: TimerReason, now: Instant) -> bool {
        match self.at.get_mut(reason as usize) {
            Some(slot) => slot.take_if(|at| *at <= now).is_some(),
            None => false,
        }
    }

    /// Returns the earliest deadline.
    pub(crate) fn next(&self) -> Option<Deadline> {
        TimerReason::ALL
            .into_iter()
            .zip(self.at)
            .filter_map(|(reason, at)| Some(Deadline { at: at?, reason }))
            .min()
    }
}

/// Whose deadline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sleeper {
    Peer(PeerKey),
    Publication(PublicationKey),
    /// A room whose levels are reported.
    Room(RoomIndex),
    /// A room whose statistics are.
    Statistics(RoomIndex),
}

/// Who sleeps until when: one entry each, with the earliest of its deadlines.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    sleepers: BTreeSet<(Deadline, Sleeper)>,
    /// A time at which those that can wait are woken; all others are whole [`TOGETHER`] from it.
    rhythm: Option<Instant>,
}

impl Schedule {
    /// Returns the first time from `at` on when everybody is woken that can wait: many peers that each have something to do now
    /// and then wake the shard once.
    pub(crate) fn together(&mut self, at: Instant) -> Instant {
        let rhythm = *self.rhythm.get_or_insert(at);
        let since = at.saturating_duration_since(rhythm);
        let beyond = since.as_micros() % TOGETHER.as_micros();
        let beyond = Duration::from_micros(u64::try_from(beyond).unwrap_or(0));
        match beyond.is_zero() {
            true => at,
            false => at + (TOGETHER - beyond),
        }
    }

    /// Sees to it that `sleeper` is woken at `next` at the latest. `armed` is its entry here: an
    /// earlier one stays, for waking too early costs one look at the deadlines and re-sorting on
    /// every change costs more.
    pub(crate) fn arm(
        &mut self,
        sleeper: Sleeper,
        armed: &mut Option<Deadline>,
        next: Option<Deadline>,
    ) {
        let Some(next) = next else { return };
        if armed.is_some_and(|armed| armed.at <= next.at) {
            return;
        }
        self.disarm(sleeper, armed);
        self.sleepers.insert((next, sleeper));
        *armed = Some(next);
    }

    /// Takes the entry of `sleeper` out.
    pub(crate) fn disarm(&mut self, sleeper: Sleeper, armed: &mut Option<Deadline>) {
        if let Some(armed) = armed.take() {
            self.sleepers.remove(&(armed, sleeper));
        }
    }

    /// Takes out the next entry that is due; its sleeper is not armed then.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Sleeper> {
        let (deadline, _) = self.sleepers.first()?;
        if deadline.at > now {
            return None;
        }
        self.sleepers.pop_first().map(|(_, sleeper)| sleeper)
    }

    /// Returns the earliest entry.
    pub(crate) fn next(&self) -> Option<Deadline> {
        self.sleepers.first().map(|(deadline, _)| *deadline)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sleepers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    const ROOM: Sleeper = Sleeper::Room(RoomIndex(1));

    fn deadline(base: Instant, millis: u64) -> Deadline {
        Deadline {
            at: base + Duration::from_millis(millis),
            reason: TimerReason::AudioLevels,
        }
    }

    #[test]
    fn an_earlier_deadline_replaces_a_later_one_and_not_the_reverse() {
        let base = start();
        let (mut schedule, mut armed) = (Schedule::default(), None);
        schedule.arm(ROOM, &mut armed, Some(deadline(base, 20)));
        schedule.arm(ROOM, &mut armed, Some(deadline(base, 10)));
        schedule.arm(ROOM, &mut armed, Some(deadline(base, 30)));
        assert_eq!(schedule.next(), Some(deadline(base, 10)));
        assert_eq!(schedule.len(), 1);
    }

    #[test]
    fn nobody_is_woken_before_the_time() {
        let base = start();
        let (mut schedule, mut armed) = (Schedule::default(), None);
        schedule.arm(ROOM, &mut armed, Some(deadline(base, 10)));
        assert_eq!(schedule.take_due(base), None);
        assert_eq!(schedule.take_due(deadline(base, 10).at), Some(ROOM));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn those_that_can_wait_are_woken_at_the_same_times() {
        let base = start();
        let mut schedule = Schedule::default();
        let times = (0..1_000).map(|millis| base + Duration::from_millis(millis));
        let woken: BTreeSet<_> = times
            .map(|at| {
                let together = schedule.together(at);
                assert!(together >= at && together < at + TOGETHER);
                together
            })
            .collect();
        assert_eq!(woken.len(), 21);
    }

    #[test]
    fn a_table_yields_its_earliest_deadline_once() {
        let base = start();
        let mut table = TimerTable::default();
        table.set(TimerReason::Nack, Some(deadline(base, 10).at));
        assert!(table.set_if_idle(TimerReason::SenderReport, deadline(base, 20).at));
        assert!(!table.set_if_idle(TimerReason::SenderReport, deadline(base, 5).at));
        assert_eq!(
            table.next().map(|next| next.reason),
            Some(TimerReason::Nack)
        );
        assert!(table.take_due(TimerReason::Nack, deadline(base, 10).at));
        assert!(!table.take_due(TimerReason::Nack, deadline(base, 10).at));
    }
}
