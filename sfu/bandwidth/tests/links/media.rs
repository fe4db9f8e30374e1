//! A sender of media that follows the estimate, and a receiver that reports each 100 ms.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sfu_bandwidth::{Estimator, Probe, ProbeCluster, TransportSeqNo};
use sfu_model::Bitrate;

use crate::world::{Flow, Packet, Report, Way, at, since_begin};

const PACKET: usize = 1_200;
const REPORT_INTERVAL: Duration = Duration::from_millis(100);
const FRAME_INTERVAL: Duration = Duration::from_micros(33_333);

/// What there is to send.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// As much as may be sent, evenly.
    Everything,
    /// Thirty frames in a second, as large as the estimate has them up to a rate, each sent half as fast again.
    Video(f64),
    /// As video, but of the highest of these rates that fits.
    Layers(Vec<f64>),
}

/// One subscriber.
pub(crate) struct Media {
    source: Source,
    /// When it sends nothing.
    pub(crate) pause: Option<(Duration, Duration)>,
    estimator: Option<Estimator>,
    start: Bitrate,
    seq: u64,
    next_send: Option<Instant>,
    next_frame: Option<Instant>,
    frames: usize,
    backlog: f64,
    probe: VecDeque<Probe>,
    probe_left: (i64, u32),
    /// At the receiver: arrivals that were not reported, what comes next, and when it reported.
    arrivals: BTreeMap<u64, Duration>,
    report_from: u64,
    reported: Instant,
    /// Estimates by time.
    pub(crate) estimates: Vec<(Duration, f64)>,
}

impl Media {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            pause: None,
            estimator: None,
            start: Bitrate(300_000),
            seq: 0,
            next_send: None,
            next_frame: None,
            frames: 0,
            backlog: 0.0,
            probe: VecDeque::new(),
            probe_left: (0, 0),
            arrivals: BTreeMap::new(),
            report_from: 0,
            reported: at(Duration::ZERO),
            estimates: Vec::new(),
        }
    }

    /// What is to be sent in a second, in bits, and how fast a burst of it leaves.
    fn rate(&self, estimate: f64) -> (f64, f64) {
        match &self.source {
            Source::Everything => (estimate, estimate),
            Source::Video(most) => (estimate.min(*most), estimate * 1.5),
            Source::Layers(rates) => {
                let fitting = rates.iter().copied().filter(|rate| *rate <= estimate);
                (fitting.fold(0.0, f64::max), estimate * 1.5)
            }
        }
    }

    fn want(&self, paused: bool) -> f64 {
        match &self.source {
            _ if paused => 0.0,
            Source::Everything => 20e6,
            Source::Video(most) => *most,
            Source::Layers(rates) => rates.iter().copied().fold(0.0, f64::max),
        }
    }

    fn is_paused(&self, now: Instant) -> bool {
        let since = since_begin(now);
        self.pause
            .is_some_and(|(from, until)| (from..until).contains(&since))
    }

    fn make_frames(&mut self, now: Instant, rate: f64) {
        let due = *self.next_frame.get_or_insert(now);
        if now < due {
            return;
        }
        self.next_frame = Some(due + FRAME_INTERVAL);
        // Frames of a moving picture differ.
        let size = [0.7, 1.3, 0.9, 1.1][self.frames & 3];
        self.frames += 1;
        let frame = rate * FRAME_INTERVAL.as_secs_f64() / 8.0 * size;
        self.backlog = (self.backlog + frame).min(rate);
    }

    fn send(
        &mut self,
        now: Instant,
        way: &mut Way<'_>,
        bytes: usize,
        cluster: Option<ProbeCluster>,
    ) {
        let seq = TransportSeqNo((self.seq & 0xffff) as u16);
        let estimator = self.estimator.as_mut().unwrap();
        estimator.on_sent(now, seq, bytes, cluster);
        let seq = self.seq;
        self.seq += 1;
        way.send(Packet { seq, bytes });
    }

    /// Sends a packet of the probe that is under way, and returns how fast.
    fn send_probe(&mut self, now: Instant, way: &mut Way<'_>) -> Option<(usize, f64)> {
        let probe = *self.probe.front()?;
        let bytes = probe.packet_bytes();
        self.backlog = (self.backlog - bytes as f64).max(0.0);
        self.send(now, way, bytes, Some(probe.cluster));
        self.probe_left.0 += bytes as i64;
        self.probe_left.1 += 1;
        if self.probe_left.0 >= i64::from(probe.bytes) && self.probe_left.1 >= Probe::MIN_PACKETS {
            self.probe.pop_front();
            self.probe_left = (0, 0);
        }
        Some((bytes, probe.rate.0 as f64))
    }
}

impl Flow for Media {
    fn wake(&mut self, now: Instant, way: &mut Way<'_>) -> Option<Instant> {
        let start = self.start;
        let paused = self.is_paused(now);
        let want = Bitrate(self.want(paused) as u64);
        let estimator = self
            .estimator
            .get_or_insert_with(|| Estimator::new(now, start));
        estimator.want(now, want);
        estimator.handle_timeout(now);
        while let Some(probe) = estimator.poll_probe(now) {
            self.probe.push_back(probe);
        }
        let estimate = estimator.estimate().0 as f64;
        let timeout = estimator.poll_timeout(now);
        self.estimates.push((since_begin(now), estimate));
        if paused {
            self.backlog = 0.0;
            self.next_frame = None;
            return Some(now + Duration::from_millis(20));
        }
        let (rate, burst) = self.rate(estimate);
        match self.source {
            Source::Everything => self.backlog = PACKET as f64,
            Source::Video(_) | Source::Layers(_) => self.make_frames(now, rate),
        }
        if self.next_send.is_none_or(|due| due <= now) {
            let sent = if !self.probe.is_empty() {
                self.send_probe(now, way)
            } else if self.backlog >= 1.0 {
                let bytes = PACKET.min(self.backlog.ceil() as usize);
                self.backlog = (self.backlog - bytes as f64).max(0.0);
                self.send(now, way, bytes, None);
                Some((bytes, burst))
            } else {
                None
            };
            self.next_send = sent.map(|(bytes, rate)| {
                let due = self
                    .next_send
                    .unwrap_or(now)
                    .max(now - Duration::from_millis(2));
                due + Duration::from_secs_f64(bytes as f64 * 8.0 / rate)
            });
        }
        [self.next_send, self.next_frame, timeout]
            .into_iter()
            .flatten()
            .min()
    }

    fn arrives(&mut self, now: Instant, packet: Packet) -> Option<Report> {
        let since = since_begin(now);
        // The receiver's clock is another, and counts in 250 us.
        let ticks = (since.as_micros() + 77_000_000) / 250;
        let arrival = Duration::from_micros(ticks as u64 * 250);
        self.arrivals.insert(packet.seq, arrival);
        if now - self.reported < REPORT_INTERVAL {
            return None;
        }
        self.reported = now;
        let highest = *self.arrivals.keys().next_back()?;
        let report =
            (self.report_from..=highest).map(|seq| (seq, self.arrivals.get(&seq).copied()));
        let report = report.collect();
        self.report_from = highest + 1;
        self.arrivals.clear();
        Some(report)
    }

    fn told(&mut self, now: Instant, report: &Report) {
        let statuses = report.iter();
        let statuses = statuses.map(|(seq, at)| (TransportSeqNo((seq & 0xffff) as u16), *at));
        if let Some(estimator) = &mut self.estimator {
            estimator.on_feedback(now, statuses);
        }
    }
}
