//! What of a sound comes to be heard.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Plays packets of 20 ms, and makes up for what has not come: as NetEQ does it, roughly.
///
/// What comes later than it should have been played makes it play later from then on; what is missing
/// meanwhile is made up. Where packets come in good time for seconds, it catches up again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Playout {
    /// The first packet, and when it was to be played; that moves with what comes late.
    first: Option<(u64, Instant)>,
    /// The packet that is played next.
    next: u64,
    waiting: BTreeSet<u64>,
    played: u64,
    concealed: u64,
    /// Packets in a row that were made up because nothing was there.
    starved: u64,
    /// Least that packets came before their time, since then.
    spare: Option<(Instant, Duration)>,
}

impl Playout {
    const PACKET: Duration = Duration::from_millis(20);
    /// How long the first packet waits.
    const FIRST: Duration = Duration::from_millis(60);
    /// Packets that are always in time by more than this are played sooner, after a while.
    const SPARE: Duration = Duration::from_millis(60);
    const WHILE: Duration = Duration::from_secs(2);

    /// Takes the packet with this number.
    pub(super) fn arrives(&mut self, now: Instant, number: u64) {
        if self.first.is_none() {
            self.first = Some((number, now + Self::FIRST));
            self.next = number;
        }
        self.play(now);
        if number < self.next {
            return;
        }
        if self.starved > 0 {
            // What was made up stands for packets that will not come any more, as far as there are any.
            let skipped = self.starved.min(number - self.next);
            self.next += skipped;
            let late = u32::try_from(self.starved - skipped).unwrap_or(u32::MAX);
            self.delay(Self::PACKET * late);
            self.starved = 0;
        }
        self.waiting.insert(number);
        self.catch_up(now, number);
    }

    /// Plays what is due.
    fn play(&mut self, now: Instant) {
        while self.due().is_some_and(|due| due <= now) {
            if self.waiting.remove(&self.next) {
                self.played += 1;
            } else if self.waiting.is_empty() {
                self.concealed += 1;
                self.starved += 1;
                continue;
            } else {
                self.concealed += 1;
            }
            self.next += 1;
        }
    }

    /// When the next packet is to be played, after those that are made up.
    fn due(&self) -> Option<Instant> {
        self.due_at(self.next + self.starved)
    }

    /// When a packet is to be played, if none is made up meanwhile.
    fn due_at(&self, number: u64) -> Option<Instant> {
        let (first, at) = self.first?;
        let packets = u32::try_from(number.saturating_sub(first)).unwrap_or(u32::MAX);
        Some(at + Self::PACKET * packets)
    }

    fn delay(&mut self, by: Duration) {
        self.first = self.first.map(|(number, at)| (number, at + by));
        self.spare = None;
    }

    /// Plays sooner if packets come in good time.
    fn catch_up(&mut self, now: Instant, number: u64) {
        let due = self.due_at(number).unwrap_or(now);
        let spare = due.saturating_duration_since(now);
        let (since, least) = self.spare.unwrap_or((now, spare));
        let least = least.min(spare);
        self.spare = Some((since, least));
        if now.saturating_duration_since(since) >= Self::WHILE {
            self.spare = None;
            let sooner = least.saturating_sub(Self::SPARE);
            self.first = self.first.map(|(number, at)| (number, at - sooner));
        }
    }

    /// Returns how many packets were played, and how many made up.
    pub fn counts(&self) -> (u64, u64) {
        (self.played, self.concealed)
    }

    /// Returns the share that was made up, in per cent.
    pub fn concealed(&self) -> f64 {
        let all = self.played + self.concealed;
        self.concealed as f64 * 100.0 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beginning;

    fn at(millis: u64) -> Instant {
        beginning().mono + Duration::from_millis(millis)
    }

    #[test]
    fn packets_in_time_are_played() {
        let mut playout = Playout::default();
        for number in 0..500 {
            playout.arrives(at(number * 20 + number % 3 * 10), number);
        }
        assert_eq!(playout.counts().1, 0);
        assert!(playout.counts().0 > 490);
    }

    #[test]
    fn packets_that_are_lost_are_made_up_one_by_one() {
        let mut playout = Playout::default();
        for number in (0..500).filter(|number| number % 10 != 5) {
            playout.arrives(at(number * 20), number);
        }
        assert_eq!(playout.counts().1, 50);
    }

    #[test]
    fn a_delay_that_comes_is_made_up_once_and_one_that_goes_is_caught_up() {
        let mut playout = Playout::default();
        let delayed = |number: u64| if (100..300).contains(&number) { 200 } else { 0 };
        for number in 0..1_000 {
            playout.arrives(at(number * 20 + delayed(number)), number);
        }
        let (played, concealed) = playout.counts();
        assert!((6..=8).contains(&concealed), "{concealed}");
        assert!(played > 980, "{played}");
        let again = playout.clone();
        for number in 1_000..1_100 {
            playout.arrives(at(number * 20 + 200), number);
        }
        let more = playout.counts().1 - again.counts().1;
        assert!((4..=8).contains(&more), "{more}");
    }

    #[test]
    fn an_outage_is_made_up_for_as_long_as_it_lasts() {
        let mut playout = Playout::default();
        for number in (0..1_000).filter(|number| !(100..350).contains(number)) {
            playout.arrives(at(number * 20), number);
        }
        assert_eq!(playout.counts().1, 250);
    }
}
