//! The estimate of a transport whose receiver tells of each packet when it arrived.

use std::time::Duration;

use crate::acknowledged::AcknowledgedBitrate;
use crate::application_limit::{ApplicationLimit, Limited};
use crate::delay_trend::{DelayTrend, Usage};
use crate::loss::LossControl;
use crate::micros::Micros;
use crate::packet_group::{ArrivedPacket, Grouped, PacketGroups};
use crate::probe::{Probe, ProbeResult, ProbeResults};
use crate::queue_delay::QueueDelay;
use crate::rate_control::{Observation, RateControl};
use crate::send_log::SentPacket;
use crate::standing_queue::StandingQueue;

/// Weight of the latest round trip.
const RTT_WEIGHT: f64 = 0.2;

/// Round trip before the first is known.
const FIRST_RTT: Duration = Duration::from_millis(100);

/// A link with a longer queue, or that was congested just before, is not probed.
const CALM_QUEUE: Duration = Duration::from_millis(25);
const CALM_TIME: Micros = Micros::from_millis(800);

/// Joins the parts that follow transport-wide feedback.
#[derive(Debug)]
pub(crate) struct TransportControl {
    groups: PacketGroups,
    trend: DelayTrend,
    queue: QueueDelay,
    standing: StandingQueue,
    acknowledged: AcknowledgedBitrate,
    loss: LossControl,
    probes: ProbeResults,
    rate: RateControl,
    limit: ApplicationLimit,
    rtt: Option<Duration>,
    /// Of the feedback that is read: the shortest round trip, and what a probe found.
    reading_rtt: Option<Micros>,
    reading_probe: Option<ProbeResult>,
    /// Whether nothing was heard for long.
    silent: bool,
    /// Arrivals that fit to nothing.
    absurd: u64,
}

impl TransportControl {
    /// Begins with an estimate in bits per second.
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            groups: PacketGroups::default(),
            trend: DelayTrend::default(),
            queue: QueueDelay::default(),
            standing: StandingQueue::default(),
            acknowledged: AcknowledgedBitrate::default(),
            loss: LossControl::default(),
            probes: ProbeResults::default(),
            rate: RateControl::new(rate),
            limit: ApplicationLimit::default(),
            rtt: None,
            reading_rtt: None,
            reading_probe: None,
            silent: false,
            absurd: 0,
        }
    }

    /// Awaits the packets of a probe.
    pub(crate) fn expect(&mut self, probe: Probe) {
        self.probes.expect(probe);
    }

    /// Takes a packet that arrived.
    pub(crate) fn arrived(&mut self, now: Micros, packet: &SentPacket, arrival: Micros) {
        self.loss.arrived(packet);
        self.arrives(now, packet, arrival);
    }

    /// Takes a packet that arrived after it was taken for lost.
    pub(crate) fn arrived_late(&mut self, now: Micros, packet: &SentPacket, arrival: Micros) {
        self.loss.arrived_late();
        self.arrives(now, packet, arrival);
    }

    /// Takes a packet that did not arrive.
    pub(crate) fn lost(&mut self, packet: &SentPacket) {
        self.loss.lost(packet);
    }

    fn arrives(&mut self, now: Micros, packet: &SentPacket, arrival: Micros) {
        let rtt = now - packet.departure;
        self.reading_rtt = Some(self.reading_rtt.map_or(rtt, |least| least.min(rtt)));
        let departure = packet.departure;
        match self.groups.push(ArrivedPacket { departure, arrival }) {
            Grouped::Within => {}
            Grouped::Delta(delta) => self.trend.push(&delta),
            Grouped::Absurd => {
                self.absurd += 1;
                self.trend = DelayTrend::default();
                self.queue.clear();
                self.acknowledged.clear();
            }
        }
        self.queue.push(arrival - departure);
        self.acknowledged.push(packet, arrival);
        if let Some(result) = self.probes.push(packet, arrival) {
            self.reading_probe = Some(result);
        }
    }

    /// Ends a feedback: moves the estimate. `bytes` were sent since the last one. Returns what a probe found.
    pub(crate) fn end_feedback(&mut self, now: Micros, bytes: u64) -> Option<ProbeResult> {
        self.queue.end_feedback(now);
        if std::mem::take(&mut self.silent) {
            // What was lost in an outage tells nothing of what the link carries.
            self.loss = LossControl::default();
        }
        if let Some(rtt) = self.reading_rtt.take() {
            let known = self.rtt.unwrap_or_else(|| rtt.duration()).as_secs_f64();
            let rtt = known + RTT_WEIGHT * (rtt.duration().as_secs_f64() - known);
            self.rtt = Some(Duration::from_secs_f64(rtt));
        }
        let limited = self.limit.update(now, bytes, self.estimate());
        let queue = self.queue.standing();
        let rtt = self.rtt().saturating_sub(queue);
        let seen = Observation {
            usage: self.trend.usage(),
            acknowledged: self.acknowledged.bitrate(),
            latest: self.acknowledged.latest(),
            limited,
            rtt,
            queue,
            standing: self.standing.update(now, queue, rtt),
            loss: self.loss.share(),
        };
        let probe = self.reading_probe.take();
        if let Some(result) = probe {
            self.rate.handle_probe(now, result.rate, seen.usage);
            self.loss.handle_probe(result.rate);
        }
        self.rate.update(now, &seen);
        self.loss.end_feedback(self.rate.rate(), seen.acknowledged);
        probe
    }

    /// Lowers the estimate, because nothing is heard.
    pub(crate) fn lower(&mut self, rate: f64) {
        self.rate.lower(rate);
        self.silent = true;
    }

    /// Returns bits per second.
    pub(crate) fn estimate(&self) -> f64 {
        let rate = self.rate.rate();
        self.loss.bound().map_or(rate, |bound| bound.min(rate))
    }

    /// Reports whether a burst would meet no queue.
    pub(crate) fn is_calm(&self, now: Micros) -> bool {
        let decreased = self.rate.decreased();
        let lately = decreased.is_some_and(|at| now - at < CALM_TIME);
        self.trend.usage() == Usage::Normal
            && self.queue.standing() < CALM_QUEUE
            && !lately
            && !self.loss.is_losing()
    }

    /// Returns the queue that stands.
    pub(crate) fn queue_delay(&self) -> Duration {
        self.queue.standing()
    }

    /// Returns the round trip.
    pub(crate) fn rtt(&self) -> Duration {
        self.rtt.unwrap_or(FIRST_RTT)
    }

    /// Returns the share of packets that is lost.
    pub(crate) fn loss(&self) -> f64 {
        self.loss.share()
    }

    /// Reports whether the application sends less than it may.
    pub(crate) fn limited(&self) -> Limited {
        self.limit.limited()
    }

    /// Returns how many arrivals fitted to nothing before them.
    pub(crate) fn absurd(&self) -> u64 {
        self.absurd
    }
}
