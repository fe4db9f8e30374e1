//! Whether packets are lost because too much is sent, or whatever is sent.

use crate::limits::MIN_ESTIMATE;
use crate::micros::Micros;
use crate::send_log::SentPacket;

/// Observations that are weighed, and how much less one counts that is older by [`LEAST_TIME`].
const OBSERVATIONS: usize = 16;
const AGEING: f64 = 0.9;

/// What an observation holds at least: some packets, or what few there were in a longer time. Where little is sent because of
/// what was lost, that is not remembered for longer.
const LEAST_TIME: Micros = Micros::from_millis(250);
const LEAST_PACKETS: u32 = 10;
const LONG_TIME: Micros = Micros::from_millis(1_000);

/// What is older by more of [`LEAST_TIME`] counts for nothing.
const MOST_STEPS: f64 = 100.0;

/// Loss that is left alone: links lose a little.
const HARMLESS: f64 = 0.02;

/// Loss that a link may have by itself, as far as it is explained by that. A link that loses more carries no call,
/// and a policer that was met at full speed looks like it.
const INHERENT: [f64; 10] = [0.0, 0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3];

/// Shares of the rate that the link might carry.
const CANDIDATES: [f64; 4] = [0.97, 0.9, 0.8, 0.6];

/// How much better, as a difference of logarithms, a link that carries less must explain what was seen.
const PREFERENCE: f64 = 3.0;

/// Growth of the bound in [`LEAST_TIME`] while little is lost.
const RECOVERY: f64 = 1.05;

/// However a loss is explained, beyond this share of it the rate is bounded, at the rate for each share beyond:
/// 4 Mbit/s at 10 % of loss, 1.3 at 20, 0.8 at 30.
const COURTESY_LOSS: f64 = 0.05;
const COURTESY_RATE: f64 = 200_000.0;

/// Bounds the rate by what is lost.
///
/// What was sent and lost at several rates is compared with two kinds of link: one that loses a share of
/// everything, and one that carries only so much and loses what is beyond. The bound falls to what the second
/// carries when that explains clearly better what was seen.
#[derive(Debug, Default)]
pub(crate) struct LossControl {
    observations: [Observation; OBSERVATIONS],
    next: usize,
    open: Open,
    bound: Option<f64>,
}

/// What was seen of packets that left after each other.
#[derive(Clone, Copy, Debug, Default)]
struct Observation {
    /// Bits per second that were sent.
    rate: f64,
    packets: f64,
    lost: f64,
    /// How long it took, in [`LEAST_TIME`].
    steps: f64,
}

/// The observation that is made.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    first: Option<Micros>,
    last: Micros,
    bytes: u64,
    packets: u32,
    lost: u32,
}

impl LossControl {
    /// Takes a packet that arrived.
    pub(crate) fn arrived(&mut self, packet: &SentPacket) {
        self.open.push(packet, 0);
    }

    /// Takes a packet that did not arrive.
    pub(crate) fn lost(&mut self, packet: &SentPacket) {
        self.open.push(packet, 1);
    }

    /// Takes back the loss of a packet that came late.
    pub(crate) fn arrived_late(&mut self) {
        if self.open.lost > 0 {
            self.open.lost -= 1;
        } else if let Some(latest) = self.observations.get_mut(newest(self.next)) {
            latest.lost = (latest.lost - 1.0).max(0.0);
        }
    }

    /// Returns the share of packets that is lost of late.
    pub(crate) fn share(&self) -> f64 {
        let (lost, packets) = self
            .weighed()
            .fold((0.0, 0.0), |(lost, packets), (weight, seen)| {
                (lost + weight * seen.lost, packets + weight * seen.packets)
            });
        if packets > 0.0 { lost / packets } else { 0.0 }
    }

    /// Reports whether loss bounds the rate, and packets were lost just now: a burst would be lost, too.
    pub(crate) fn is_losing(&self) -> bool {
        self.bound.is_some() && self.latest().is_some_and(Observation::is_lossy)
    }

    /// Takes what a probe measured, in bits per second. What arrived is not beyond what the link carries.
    pub(crate) fn handle_probe(&mut self, rate: f64) {
        if !self.latest().is_some_and(Observation::is_lossy) {
            self.bound = self.bound.map(|bound| bound.max(rate));
        }
    }

    fn latest(&self) -> Option<&Observation> {
        self.observations.get(newest(self.next))
    }

    /// Returns the most that may be sent, in bits per second, when loss bounds it.
    pub(crate) fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// Ends a feedback. `rate` is what is sent at most for other reasons, `acknowledged` what arrives.
    pub(crate) fn end_feedback(&mut self, rate: f64, acknowledged: Option<f64>) {
        let Some(observation) = self.open.close() else {
            return;
        };
        if let Some(slot) = self.observations.get_mut(self.next) {
            *slot = observation;
        }
        self.next = (self.next + 1) % OBSERVATIONS;
        let rate = self.bound.map_or(rate, |bound| bound.min(rate));
        let share = self.share();
        let carried = match share > HARMLESS && observation.is_lossy() {
            true => self.carried(rate, acknowledged),
            false => None,
        };
        let courtesy = (share > COURTESY_LOSS).then(|| COURTESY_RATE / (share - COURTESY_LOSS));
        let growth = RECOVERY.powf(observation.steps);
        let grown = self.bound.map(|bound| bound * growth);
        let bounds = [carried, courtesy];
        let lowest = bounds.into_iter().flatten().fold(f64::INFINITY, f64::min);
        self.bound = match grown {
            // What is reached by other reasons bounds nothing.
            _ if lowest < rate => Some(lowest.max(MIN_ESTIMATE.0 as f64)),
            Some(grown) if grown < rate * growth * RECOVERY => Some(grown),
            Some(_) | None => None,
        };
    }

    /// Returns what the link carries, when that explains the losses better than a link that loses by itself.
    fn carried(&self, rate: f64, acknowledged: Option<f64>) -> Option<f64> {
        let by_itself = self.likelihood(f64::INFINITY) + PREFERENCE;
        let acknowledged = acknowledged.filter(|acknowledged| *acknowledged < rate);
        let shares = CANDIDATES.into_iter().map(|share| share * rate);
        shares
            .chain(acknowledged)
            .map(|carried| (carried, self.likelihood(carried)))
            .filter(|(_, likelihood)| *likelihood > by_itself)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(carried, _)| carried)
    }

    /// Returns how likely what was seen is on a link that carries so much, and loses by itself as is most likely.
    fn likelihood(&self, carried: f64) -> f64 {
        let likelihoods = INHERENT.into_iter().map(|inherent| {
            let each = self
                .weighed()
                .map(|(weight, seen)| weight * seen.likelihood(carried, inherent));
            each.sum::<f64>()
        });
        likelihoods.fold(f64::NEG_INFINITY, f64::max)
    }

    /// Iterates over the observations, the latest first, with their weights.
    fn weighed(&self) -> impl Iterator<Item = (f64, &Observation)> {
        let (newer, older) = self.observations.split_at(self.next);
        let seen = newer.iter().rev().chain(older.iter().rev());
        let weighed = seen.scan(1.0, |weight, seen| {
            let this = *weight;
            *weight *= AGEING.powf(seen.steps);
            Some((this, seen))
        });
        weighed.filter(|(_, seen)| seen.packets > 0.0)
    }
}

/// Returns the place before `next`.
fn newest(next: usize) -> usize {
    (next + OBSERVATIONS - 1) % OBSERVATIONS
}

impl Observation {
    fn is_lossy(&self) -> bool {
        self.lost > HARMLESS * self.packets
    }

    /// Logarithm of how likely it is on a link that carries so much and loses such a share of everything.
    fn likelihood(&self, carried: f64, inherent: f64) -> f64 {
        let beyond = ((self.rate - carried) / self.rate.max(1.0)).max(0.0);
        let loss = (inherent + (1.0 - inherent) * beyond).clamp(0.001, 0.999);
        self.lost * loss.ln() + (self.packets - self.lost) * (1.0 - loss).ln()
    }
}

impl Open {
    fn push(&mut self, packet: &SentPacket, lost: u32) {
        self.first.get_or_insert(packet.departure);
        self.last = self.last.max(packet.departure);
        self.bytes += u64::from(packet.bytes);
        self.packets += 1;
        self.lost += lost;
    }

    /// Returns the observation and begins the next, if it is long enough.
    fn close(&mut self) -> Option<Observation> {
        let time = self.last - self.first?;
        let is_enough = time >= LEAST_TIME && self.packets >= LEAST_PACKETS;
        if !is_enough && time < LONG_TIME {
            return None;
        }
        let closed = std::mem::take(self);
        Some(Observation {
            rate: closed.bytes as f64 * 8.0 / time.secs(),
            packets: f64::from(closed.packets),
            lost: f64::from(closed.lost),
            steps: (time.secs() / LEAST_TIME.secs()).min(MOST_STEPS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends for `seconds` as fast as the bound allows up to `rate`; `loses` decides by what is sent and the packet's number.
    fn send(
        control: &mut LossControl,
        rate: f64,
        seconds: f64,
        loses: impl Fn(f64, u64) -> bool,
    ) -> f64 {
        let mut at = 0.0;
        let mut number = 0;
        let mut wanted = rate;
        let mut fed = 0.0;
        while at < seconds {
            wanted *= 1.0 + 0.08 * 9_600.0 / wanted;
            let rate = control.bound().unwrap_or(wanted).min(wanted);
            at += 9_600.0 / rate;
            number += 1;
            let packet = SentPacket {
                departure: Micros((at * 1e6) as i64),
                bytes: 1_200,
                cluster: None,
            };
            match loses(rate, number) {
                true => control.lost(&packet),
                false => control.arrived(&packet),
            }
            if at - fed > 0.1 {
                fed = at;
                control.end_feedback(wanted, Some(rate * (1.0 - control.share())));
            }
        }
        control.bound().unwrap_or(wanted).min(wanted)
    }

    /// Sends two packets a second, half a minute after all else, and loses none.
    fn send_little(control: &mut LossControl, seconds: i64) {
        for step in 0..seconds * 2 {
            control.arrived(&SentPacket {
                departure: Micros::from_millis(30_000 + step * 500),
                bytes: 1_200,
                cluster: None,
            });
            control.end_feedback(4e6, Some(2e4));
        }
    }

    /// One packet in `n`, spread as if by chance.
    fn one_in(n: u64, number: u64) -> bool {
        (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).is_multiple_of(n)
    }

    #[test]
    fn a_link_that_loses_by_itself_is_used() {
        for n in [10, 20] {
            let mut control = LossControl::default();
            let rate = send(&mut control, 2e6, 20.0, |_, number| one_in(n, number));
            assert!(rate > 2e6, "{rate} at one lost in {n}");
        }
    }

    #[test]
    fn a_link_that_loses_what_is_beyond_is_not_overrun() {
        let mut control = LossControl::default();
        let rate = send(&mut control, 1e6, 20.0, |rate, number| {
            let beyond = ((rate - 1.2e6) / rate).max(0.0);
            (number as f64 * beyond).fract() < beyond
        });
        assert!((1.0e6..1.35e6).contains(&rate), "{rate}");
    }

    #[test]
    fn no_loss_is_no_bound() {
        let mut control = LossControl::default();
        send(&mut control, 1e6, 5.0, |_, _| false);
        assert_eq!(control.bound(), None);
    }

    #[test]
    fn loss_is_forgotten_although_little_is_sent_since() {
        let mut control = LossControl::default();
        send(&mut control, 4e6, 20.0, |_, number| one_in(2, number));
        assert!(control.is_losing());
        let bound = control.bound().unwrap_or_default();
        send_little(&mut control, 10);
        assert!(!control.is_losing());
        let grown = control.bound().unwrap_or(4e6);
        assert!(
            grown > 4.0 * bound,
            "{bound} grew to {grown} in ten seconds"
        );
    }

    #[test]
    fn what_a_probe_measured_lifts_the_bound() {
        let mut control = LossControl::default();
        send(&mut control, 4e6, 20.0, |_, number| one_in(2, number));
        control.handle_probe(2e6);
        assert!(control.bound().is_some_and(|bound| bound < 2e6));
        send_little(&mut control, 2);
        control.handle_probe(2e6);
        assert!(control.bound().is_none_or(|bound| bound >= 2e6));
    }

    #[test]
    fn heavy_loss_bounds_the_rate_whatever_explains_it() {
        let mut control = LossControl::default();
        let rate = send(&mut control, 4e6, 20.0, |_, number| one_in(3, number));
        assert!((0.3e6..1e6).contains(&rate), "{rate}");
    }
}
