//! What a subscriber's link carries: estimated by what becomes of what is sent, divided between its tracks,
//! probed for more while they want more, and given no more than that at a time.

mod pacer;
mod probing;
mod rate_meter;

use std::time::{Duration, Instant};

use sfu_bandwidth::{Estimator, ProbeCluster, TransportSeqNo};
use sfu_model::Bitrate;
use sfu_rtp::SeqNo;
use sfu_rtp::rtcp::TransportFeedback;

use crate::allocation::{Allocation, Claim};
use crate::limits::{DIVISION_INTERVAL, START_ESTIMATE};

use pacer::Pacer;
use probing::Probing;
use rate_meter::RateMeter;

/// The state of one subscriber's link: there is one while a peer is sent video.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    estimator: Estimator,
    /// The most that the link is taken to carry.
    cap: Option<Bitrate>,
    allocation: Allocation,
    /// What sound and repair take.
    other: RateMeter,
    /// The estimate that was divided last, and what sound and repair took of it.
    divided: Bitrate,
    other_divided: Bitrate,
    /// What is meant to be sent since then.
    target: Bitrate,
    /// When it is divided again, whatever is heard.
    due: Instant,
    probing: Option<Probing>,
    pacer: Pacer,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Video for the first time: what claims are granted.
    Granted,
    /// Sound, also what is sent again of it: it waits for nothing.
    Sound,
    /// Video that is sent again.
    Repair,
    /// What finds out whether the link carries more.
    Probe,
}

impl Bandwidth {
    /// An estimate that moved by less than one part in this many is as it was.
    const NOTABLE: u64 = 32;

    /// Video leaves at most half as fast again as the link is estimated to carry beside sound: what waits drains although more comes, and
    /// an estimate that is too low holds nobody back for long. libwebrtc has 2.5, for an encoder that keeps to its
    /// target; key frames of others make a queue on the way then.
    const PACE: (u64, u64) = (3, 2);

    pub(crate) fn new(now: Instant, cap: Option<Bitrate>) -> Self {
        Self {
            estimator: Estimator::new(now, START_ESTIMATE),
            cap,
            allocation: Allocation::default(),
            other: RateMeter::new(now),
            divided: START_ESTIMATE,
            other_divided: Bitrate(0),
            target: Bitrate(0),
            due: now + DIVISION_INTERVAL,
            probing: None,
            pacer: Pacer::new(now),
        }
    }

    /// Notes that a packet of `len` bytes left, under a transport-wide number if it has one.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: Instant, seq: Option<SeqNo>, len: usize, is: Use) {
        if matches!(is, Use::Sound | Use::Repair) {
            self.other.add(now, len);
        }
        match is {
            Use::Sound => self.pacer.note_sound(now, len),
            Use::Granted | Use::Repair | Use::Probe => self.pacer.note(now, len),
        }
        match seq {
            Some(seq) => {
                let cluster = self.cluster(len);
                self.estimator
                    .on_sent(now, TransportSeqNo(seq.0), len, cluster);
            }
            None => self.estimator.on_sent_unnumbered(len),
        }
    }

    /// Returns the probe that a packet is part of, whatever else it is for.
    #[inline]
    fn cluster(&mut self, len: usize) -> Option<ProbeCluster> {
        let probing = self.probing.as_mut()?;
        probing.note(len);
        Some(probing.cluster())
    }

    /// Takes what the peer says of when packets arrived. Returns whether the link is to be divided anew.
    pub(crate) fn on_feedback(&mut self, now: Instant, feedback: &TransportFeedback<'_>) -> bool {
        let statuses = feedback.statuses();
        let statuses = statuses.map(|status| (TransportSeqNo(status.seq.0), status.arrival));
        self.estimator.on_feedback(now, statuses);
        self.follow_estimate()
    }

    /// Takes the most that the peer wants to be sent. Returns whether the link is to be divided anew.
    pub(crate) fn on_remb(&mut self, now: Instant, bitrate: Bitrate) -> bool {
        self.estimator.on_remb(now, bitrate);
        self.follow_estimate()
    }

    /// Takes what the peer says of a stream of video. Returns whether the link is to be divided anew.
    pub(crate) fn on_report(
        &mut self,
        now: Instant,
        fraction_lost: u8,
        rtt: Option<Duration>,
    ) -> bool {
        self.estimator.on_report(now, fraction_lost, rtt);
        self.follow_estimate()
    }

    /// Lets packets leave as fast as the estimate has it. Returns whether it has moved.
    fn follow_estimate(&mut self) -> bool {
        let estimate = self.estimate();
        self.pacer.set_rate(self.pace(estimate));
        estimate.0.abs_diff(self.divided.0) > self.divided.0 / Self::NOTABLE
    }

    /// Returns how fast packets may leave: as they come while nothing has shown a bound, and a probe at its own rate.
    fn pace(&self, estimate: Bitrate) -> Option<Bitrate> {
        if estimate >= START_ESTIMATE {
            return None;
        }
        let (times, part) = Self::PACE;
        let other = self.other_divided.min(estimate);
        let pace = Bitrate(other.0 + (estimate.0 - other.0) * times / part);
        let probe = self.probing.as_ref().map(Probing::rate);
        Some(probe.map_or(pace, |probe| probe.max(pace)))
    }

    /// Returns the round-trip time, as reports of arrivals show it.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.estimator.rtt()
    }

    /// Reports whether the link has room for another packet of video.
    #[inline]
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.pacer.is_open(now)
    }

    /// Returns when the link has room for some packets of video.
    pub(crate) fn room_at(&self, now: Instant) -> Instant {
        self.pacer.opens(now)
    }

    /// Returns how many bytes may leave in a time, if that is bounded.
    pub(crate) fn room_in(&self, time: Duration) -> Option<u64> {
        self.pacer.bytes_in(time)
    }

    /// Divides the link between `claims`, and writes into each what it is granted.
    pub(crate) fn divide(&mut self, now: Instant, claims: &mut [Claim]) {
        let estimate = self.estimate();
        self.divided = estimate;
        let other = self.other.rate(now);
        self.other_divided = other;
        let budget = Bitrate(estimate.0.saturating_sub(other.0));
        let outcome = self.allocation.divide(now, budget, claims);
        self.target = Bitrate(outcome.granted.0.saturating_add(other.0));
        let wanted = outcome.wanted.unwrap_or(outcome.granted);
        // Nothing is to be found out beyond a cap.
        let wanted = self.cap.map_or(wanted, |most| most.min(wanted));
        self.estimator
            .want(now, Bitrate(wanted.0.saturating_add(other.0)));
        let latest = now + DIVISION_INTERVAL;
        self.due = outcome.again.map_or(latest, |again| again.min(latest));
    }

    /// Returns what the link carries.
    pub(crate) fn estimate(&self) -> Bitrate {
        let estimate = self.estimator.estimate();
        self.cap.map_or(estimate, |most| most.min(estimate))
    }

    /// Has the link taken to carry no more than this, whatever it carries.
    pub(crate) fn set_cap(&mut self, most: Option<Bitrate>) {
        self.cap = most;
    }

    /// Returns what is meant to be sent.
    pub(crate) fn target(&self) -> Bitrate {
        self.target
    }

    /// Returns how long packets wait in queues on the way.
    pub(crate) fn queue_delay(&self) -> Duration {
        self.estimator.queue_delay()
    }

    /// Does what is due. Returns whether the link is to be divided anew.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> bool {
        self.estimator.handle_timeout(now);
        if self.probing.is_none() {
            self.probing = self
                .estimator
                .poll_probe(now)
                .map(|probe| Probing::begin(now, probe));
        }
        self.follow_estimate() || self.due <= now
    }

    /// Returns how many bytes of a probe are to be sent by now.
    pub(crate) fn probe_bytes(&mut self, now: Instant) -> usize {
        let due = self.probing.as_ref().map_or(0, |probing| probing.due(now));
        if self
            .probing
            .take_if(|probing| probing.is_over(now))
            .is_some()
        {
            self.follow_estimate();
        }
        due
    }

    /// Returns when the next step of a probe is due, while there is one.
    pub(crate) fn probe_at(&self, now: Instant) -> Option<Instant> {
        self.probing.as_ref().map(|probing| probing.next(now))
    }

    /// Returns when there is something else to do.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Instant {
        let estimator = self.estimator.poll_timeout(now);
        estimator.map_or(self.due, |at| at.min(self.due))
    }
}
