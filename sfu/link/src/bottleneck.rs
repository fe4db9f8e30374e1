use std::time::Duration;

use crate::limits::MAX_WAIT;
use crate::{QueueLimit, Schedule};

/// The narrowest place of a link: it sends one packet after the other, and the others wait in a queue of limited room.
///
/// Nothing is stored for a packet. When each will have gone is certain when it comes, because the queue is in order and
/// the schedule knows all rates to come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bottleneck {
    /// When all that it has taken has gone.
    free: Duration,
}

/// How a packet passes the bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// When it has gone, to its last bit.
    pub(crate) gone: Duration,
    /// How long it waits for its first.
    pub(crate) waited: Duration,
}

impl Bottleneck {
    /// Counts from another beginning, which is so much later than that so far.
    pub(crate) fn begin_again(&mut self, passed: Duration) {
        self.free = self.free.saturating_sub(passed);
    }

    /// Takes a packet that comes when so much time has passed; `None` if the queue has no room.
    pub(crate) fn take(&mut self, passed: Duration, len: usize, by: &Schedule) -> Option<Passage> {
        let begin = self.free.max(passed);
        let waited = begin - passed;
        let fits = match by.span(passed).profile.queue {
            _ if waited.is_zero() => true,
            QueueLimit::Time(limit) => waited <= limit,
            QueueLimit::Bytes(limit) => waiting_bytes(passed, begin, by) + len as u64 <= limit,
        };
        if !fits || waited > MAX_WAIT {
            return None;
        }
        self.free = sent(begin, len, by);
        Some(Passage {
            gone: self.free,
            waited,
        })
    }
}

/// Bits, by a billion: what a rate in bits per second makes of nanoseconds, without a remainder.
type NanoBits = u128;

const NANOS: NanoBits = 1_000_000_000;

/// When a packet has gone whose first bit goes at `begin`.
fn sent(begin: Duration, len: usize, by: &Schedule) -> Duration {
    let mut at = begin;
    let mut left = len as NanoBits * 8 * NANOS;
    loop {
        let span = by.span(at);
        let Some(rate) = span.profile.rate else {
            return at;
        };
        let rate = NanoBits::from(rate.0.max(1));
        let needed = nanos(left.div_ceil(rate));
        match span.end {
            Some(end) if at.saturating_add(needed) > end => {
                left = left.saturating_sub((end - at).as_nanos() * rate);
                at = end;
            }
            Some(_) | None => return at.saturating_add(needed),
        }
    }
}

/// What the bottleneck sends from `begin` to `end`, in bytes: what waits at `begin` if it is free at `end`.
fn waiting_bytes(begin: Duration, end: Duration, by: &Schedule) -> u64 {
    let mut at = begin;
    let mut bits = 0;
    while at < end {
        let span = by.span(at);
        let until = span.end.map_or(end, |until| until.min(end));
        // Where there is no rate, all that waits goes at once.
        let Some(rate) = span.profile.rate else {
            break;
        };
        bits += (until - at).as_nanos() * NanoBits::from(rate.0);
        at = until;
    }
    u64::try_from(bits / (8 * NANOS)).unwrap_or(u64::MAX)
}

fn nanos(count: u128) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use sfu_model::Bitrate;

    use super::*;
    use crate::LinkProfile;

    const MS: Duration = Duration::from_millis(1);

    fn profile(kbit: u64, queue: QueueLimit) -> LinkProfile {
        LinkProfile {
            rate: Some(Bitrate(kbit * 1_000)),
            queue,
            ..LinkProfile::IDEAL
        }
    }

    /// When packets of 1,000 bytes that come all at once have gone; none of those without room.
    fn at_once(count: usize, schedule: &Schedule) -> Vec<Duration> {
        let mut bottleneck = Bottleneck::default();
        let taken = (0..count).map_while(|_| bottleneck.take(Duration::ZERO, 1_000, schedule));
        taken.map(|passage| passage.gone).collect()
    }

    #[test]
    fn packets_leave_one_after_the_other_at_the_rate() {
        let schedule = Schedule::constant(profile(8_000, QueueLimit::Time(100 * MS)));
        assert_eq!(at_once(3, &schedule), [MS, 2 * MS, 3 * MS]);
    }

    #[test]
    fn a_packet_that_would_wait_for_longer_than_the_queue_lasts_has_no_room() {
        let schedule = Schedule::constant(profile(8_000, QueueLimit::Time(10 * MS)));
        assert_eq!(at_once(100, &schedule).len(), 11);
    }

    #[test]
    fn a_queue_of_bytes_has_room_for_so_many_beside_the_packet_that_is_going() {
        let schedule = Schedule::constant(profile(8_000, QueueLimit::Bytes(5_000)));
        assert_eq!(at_once(100, &schedule).len(), 5);
        let small = Schedule::constant(profile(8_000, QueueLimit::Bytes(1)));
        assert_eq!(at_once(100, &small).len(), 1);
    }

    #[test]
    fn what_waits_goes_at_the_rate_that_comes() {
        let queue = QueueLimit::Time(1_000 * MS);
        let mut schedule = Schedule::constant(profile(8_000, queue));
        schedule.change(2 * MS, profile(800, queue));
        schedule.change(7 * MS, profile(8_000, queue));
        // Half of the third packet goes at a tenth of the rate, the rest at the whole again.
        let third = 7 * MS + MS / 2;
        assert_eq!(at_once(4, &schedule), [MS, 2 * MS, third, third + MS]);
    }

    #[test]
    fn bytes_that_wait_are_counted_over_changes_of_the_rate() {
        let queue = QueueLimit::Bytes(4_000);
        let mut schedule = Schedule::constant(profile(8_000, queue));
        schedule.change(2 * MS, profile(800, queue));
        assert_eq!(at_once(100, &schedule).len(), 4);
    }

    #[test]
    fn nothing_waits_where_there_is_no_bottleneck() {
        let schedule = Schedule::constant(LinkProfile::IDEAL);
        assert_eq!(at_once(3, &schedule), [Duration::ZERO; 3]);
    }

    #[test]
    fn no_packet_waits_for_longer_than_anything_has_patience() {
        let schedule = Schedule::constant(profile(1, QueueLimit::Bytes(u64::MAX)));
        // Each takes eight seconds.
        assert_eq!(at_once(100, &schedule).len(), 2);
    }
}
