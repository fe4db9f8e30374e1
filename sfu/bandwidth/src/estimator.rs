//! What one subscriber's transport carries, by whatever tells it.

use std::time::{Duration, Instant};

use sfu_model::Bitrate;

use crate::application_limit::Limited;
use crate::limits::{
    FEEDBACK_STATUSES, MAX_ESTIMATE, MIN_ESTIMATE, STATUSES_OF_A_PACKET, UNNUMBERED_BYTES,
};
use crate::micros::Micros;
use crate::numbers::{ProbeCluster, TransportSeqNo};
use crate::probe::Probe;
use crate::probe_control::{Link, ProbeControl, Situation};
use crate::report_control::ReportControl;
use crate::send_log::{Reported, SendLog, SentPacket};
use crate::stream_control::StreamControl;
use crate::transport_control::TransportControl;

/// What happened on a transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Statuses of packets that were never sent, or too long ago.
    pub unknown_statuses: u64,
    /// Feedbacks that told of more packets than those that were sent call for.
    pub cut_feedbacks: u64,
    /// Arrivals that fit to none before, as after a jump of the receiver's clock.
    pub absurd_arrivals: u64,
    /// Probes that were handed out.
    pub probes: u64,
    /// Times that the estimate fell because no feedback came.
    pub silences: u64,
}

/// Silence after which the estimate falls, beside three round trips, and time from one fall to the next.
const SILENCE: Duration = Duration::from_millis(800);
const SILENCE_STEP: Micros = Micros::from_millis(500);
const SILENCE_DECREASE: f64 = 0.7;

/// A cap that was not told for this long is none: libwebrtc tells it once a second.
const REMB_LASTS: Micros = Micros::from_millis(10_000);

/// A rise of what is wanted by this factor is probed for at once.
const MUCH_MORE: f64 = 1.2;

/// Estimates what a transport carries: the congestion controller of what is sent to one peer.
#[derive(Debug)]
pub struct Estimator {
    began: Instant,
    start: f64,
    want: f64,
    log: SendLog,
    /// How many statuses of feedback are read until more is sent.
    readable_statuses: usize,
    /// Bytes sent ever, and by the last feedback.
    bytes: u64,
    bytes_before: u64,
    /// Bytes without a number since the last packet that has one.
    unnumbered: u16,
    /// When the estimate falls unless feedback comes.
    silent: Option<Micros>,
    /// Whether it fell since the last feedback.
    was_silent: bool,
    /// What follows transport-wide feedback, and whether any has come: before that it only awaits probes.
    transport: Option<Box<TransportControl>>,
    is_told: bool,
    reports: Option<Box<ReportControl>>,
    stream: Option<Box<StreamControl>>,
    /// What the receiver allows, and when it said so.
    remb: Option<f64>,
    remb_at: Micros,
    probes: ProbeControl,
    counters: Counters,
}

impl Estimator {
    /// Begins with what is assumed before anything is known.
    pub fn new(now: Instant, start: Bitrate) -> Self {
        Self {
            began: now,
            start: bounded(start),
            want: 0.0,
            log: SendLog::default(),
            readable_statuses: 0,
            bytes: 0,
            bytes_before: 0,
            unnumbered: 0,
            silent: None,
            was_silent: false,
            transport: None,
            is_told: false,
            reports: None,
            stream: None,
            remb: None,
            remb_at: Micros(0),
            probes: ProbeControl::default(),
            counters: Counters::default(),
        }
    }

    /// Notes that a packet with a transport-wide number left, of so many bytes on the wire. Numbers follow each other.
    #[inline]
    pub fn on_sent(
        &mut self,
        now: Instant,
        seq: TransportSeqNo,
        bytes: usize,
        cluster: Option<ProbeCluster>,
    ) {
        let departure = self.micros(now);
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.bytes += u64::from(bytes);
        let bytes = match cluster {
            // What a probe measures is its own.
            Some(_) => bytes,
            None => bytes.saturating_add(std::mem::take(&mut self.unnumbered)),
        };
        let packet = SentPacket {
            departure,
            bytes,
            cluster,
        };
        self.log.push(seq, packet);
        self.readable_statuses =
            (self.readable_statuses + STATUSES_OF_A_PACKET).min(FEEDBACK_STATUSES);
        if self.silent.is_none() {
            self.arm_silence(departure);
        }
    }

    /// Notes that so many bytes left without a number. They are taken to arrive with the next packet that has one, or the
    /// estimate would follow a part of what the link carries.
    #[inline]
    pub fn on_sent_unnumbered(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.unnumbered = self.unnumbered.saturating_add(bytes).min(UNNUMBERED_BYTES);
    }

    /// Takes transport-wide feedback: the numbers in order, each with when it arrived by the receiver's clock.
    pub fn on_feedback(
        &mut self,
        now: Instant,
        statuses: impl IntoIterator<Item = (TransportSeqNo, Option<Duration>)>,
    ) {
        let now = self.micros(now);
        let readable = self.readable_statuses;
        let mut statuses = statuses.into_iter();
        let before = self.estimate_bits();
        let transport = self
            .transport
            .get_or_insert_with(|| Box::new(TransportControl::new(before)));
        let mut known = false;
        for (seq, arrival) in statuses.by_ref().take(readable) {
            self.readable_statuses -= 1;
            let arrival_time = arrival.map(Micros::from).unwrap_or_default();
            let reported = self.log.report(seq, arrival.is_some());
            known |= !matches!(reported, Reported::Unknown | Reported::Repeated);
            match reported {
                Reported::Arrived(packet) => transport.arrived(now, &packet, arrival_time),
                Reported::ArrivedLate(packet) => {
                    transport.arrived_late(now, &packet, arrival_time);
                }
                Reported::Lost(packet) => transport.lost(&packet),
                Reported::Repeated => {}
                Reported::Unknown => self.counters.unknown_statuses += 1,
            }
        }
        // The rest is not even counted: it costs its sender nothing to say so much.
        self.counters.cut_feedbacks += u64::from(statuses.next().is_some());
        if known {
            self.is_told = true;
            self.end_feedback(now, before);
        }
    }

    /// Takes the most that the receiver wants to be sent (REMB): a cap, or the estimate where nothing tells more.
    pub fn on_remb(&mut self, now: Instant, bitrate: Bitrate) {
        self.remb = Some(bounded(bitrate));
        self.remb_at = self.micros(now);
    }

    /// Takes what a receiver report tells of a stream: the share that was lost in 256ths, and the round trip if it is known.
    pub fn on_report(&mut self, now: Instant, fraction_lost: u8, rtt: Option<Duration>) {
        let now = self.micros(now);
        if self.is_told || self.stream.is_some() {
            return;
        }
        let (start, bytes) = (self.estimate_bits(), self.bytes);
        let reports = self
            .reports
            .get_or_insert_with(|| Box::new(ReportControl::new(now, start, bytes)));
        reports.handle_report(now, f64::from(fraction_lost) / 256.0, rtt, bytes);
    }

    /// Takes what the socket of a stream transport took since the last call, and what waits for it, in bytes.
    pub fn on_stream(&mut self, now: Instant, taken: u64, queued: u64) {
        let now = self.micros(now);
        let start = self.start;
        let stream = self
            .stream
            .get_or_insert_with(|| Box::new(StreamControl::new(now, start)));
        stream.handle_taken(now, taken, queued);
    }

    /// Tells what the allocation could use. While that is more than the estimate, more is probed for.
    pub fn want(&mut self, now: Instant, bitrate: Bitrate) {
        let now = self.micros(now);
        let want = bounded(bitrate);
        if want > self.want * MUCH_MORE && want > self.estimate_bits() {
            self.probes.hasten(now);
        }
        self.want = want;
    }

    /// Returns what the transport carries, between [`MIN_ESTIMATE`] and [`MAX_ESTIMATE`].
    pub fn estimate(&self) -> Bitrate {
        Bitrate(self.estimate_bits() as u64)
    }

    /// Returns how long packets wait in a queue on the way that does not drain, or before the socket of a stream transport.
    pub fn queue_delay(&self) -> Duration {
        if let Some(stream) = &self.stream {
            return stream.queue_delay();
        }
        let transport = self.transport.as_ref();
        transport.map_or(Duration::ZERO, |transport| transport.queue_delay())
    }

    /// Returns the round trip as transport-wide feedback shows it.
    pub fn rtt(&self) -> Option<Duration> {
        self.told().map(TransportControl::rtt)
    }

    /// Returns the share of packets that is lost of late, from 0 to 1, as transport-wide feedback shows it.
    pub fn loss(&self) -> f64 {
        let transport = self.transport.as_ref();
        transport.map_or(0.0, |transport| transport.loss())
    }

    /// Reports whether less is sent than could be, so that the estimate may be too low and a probe is all that finds out.
    pub fn is_application_limited(&self) -> bool {
        let transport = self.transport.as_ref();
        transport.is_some_and(|transport| transport.limited() == Limited::ByApplication)
    }

    /// Returns what happened so far.
    pub fn counters(&self) -> Counters {
        let transport = self.transport.as_ref();
        Counters {
            absurd_arrivals: transport.map_or(0, |transport| transport.absurd()),
            ..self.counters
        }
    }

    /// Returns a burst to send at once, when one is due; call it until it returns `None`. Each may wait for the one before.
    pub fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        let now = self.micros(now);
        let situation = self.situation(now)?;
        let probe = self.probes.poll(now, &situation)?;
        self.counters.probes += 1;
        let start = self.start;
        let transport = self
            .transport
            .get_or_insert_with(|| Box::new(TransportControl::new(start)));
        transport.expect(probe);
        Some(probe)
    }

    /// Returns when to call [`Estimator::handle_timeout`], and [`Estimator::poll_probe`] after it.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let now = self.micros(now);
        let situation = self.situation(now);
        let probe = situation.and_then(|situation| self.probes.due(&situation));
        let first = [probe, self.silent].into_iter().flatten().min();
        first.map(|at| self.began + at.duration())
    }

    /// Lowers the estimate when feedback that is due has not come: it may be what a full queue holds back.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.micros(now);
        if self.silent.is_none_or(|due| now < due) {
            return;
        }
        self.silent = Some(now + SILENCE_STEP);
        let before = self.estimate_bits();
        if let Some(transport) = &mut self.transport {
            self.counters.silences += 1;
            self.was_silent = true;
            transport.lower(before * SILENCE_DECREASE);
            // A fall by silence is tried again whatever its size.
            self.probes.note_fall(now, before, 0.0);
        }
    }

    fn end_feedback(&mut self, now: Micros, before: f64) {
        self.remb.take_if(|_| now - self.remb_at > REMB_LASTS);
        self.silent = None;
        if self.log.has_unreported() {
            self.arm_silence(now);
        }
        let bytes = self.bytes - self.bytes_before;
        self.bytes_before = self.bytes;
        let Some(transport) = &mut self.transport else {
            return;
        };
        let result = transport.end_feedback(now, bytes);
        let after = self.estimate_bits();
        if std::mem::take(&mut self.was_silent) {
            self.probes.hasten(now);
        }
        if let Some(result) = result {
            self.probes.handle_result(&result, self.want);
        }
        if after < before {
            self.probes.note_fall(now, before, after);
        }
    }

    /// Awaits feedback, from a peer that has sent some before.
    fn arm_silence(&mut self, now: Micros) {
        if let Some(transport) = self.told() {
            self.silent = Some(now + Micros::from(SILENCE + transport.rtt() * 3));
        }
    }

    /// Returns what decides on probes; `None` where nothing would tell what they found.
    fn situation(&self, now: Micros) -> Option<Situation> {
        if self.stream.is_some() || self.log.is_empty() {
            return None;
        }
        let link = match self.told().map(|transport| transport.is_calm(now)) {
            None => Link::Unheard,
            Some(true) => Link::Calm,
            Some(false) => Link::Congested,
        };
        Some(Situation {
            estimate: self.estimate_bits(),
            want: self.want,
            link,
        })
    }

    /// Returns what follows transport-wide feedback, once there is some.
    fn told(&self) -> Option<&TransportControl> {
        self.transport.as_deref().filter(|_| self.is_told)
    }

    fn estimate_bits(&self) -> f64 {
        if let Some(stream) = &self.stream {
            return stream.estimate();
        }
        let remb = self.remb;
        if let Some(transport) = self.told() {
            let estimate = transport.estimate();
            return remb.map_or(estimate, |remb| remb.min(estimate));
        }
        match (remb, &self.reports) {
            (Some(remb), _) => remb,
            (None, Some(reports)) => reports.estimate(),
            (None, None) => self.start,
        }
    }

    fn micros(&self, now: Instant) -> Micros {
        Micros::from(now.saturating_duration_since(self.began))
    }
}

/// Returns a rate within the bounds of an estimate, in bits per second.
fn bounded(bitrate: Bitrate) -> f64 {
    bitrate.clamp(MIN_ESTIMATE, MAX_ESTIMATE).0 as f64
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test needs any instant to begin at"
)]
mod tests {
    use super::*;

    const START: Bitrate = Bitrate(1_000_000);

    /// A link without a bound: a packet of 1,250 bytes each `interval` arrives after 50 ms, and is reported each 100 ms.
    struct Call {
        began: Instant,
        at: Duration,
        estimator: Estimator,
        seq: u16,
    }

    impl Call {
        fn new() -> Self {
            let began = Instant::now();
            Self {
                began,
                at: Duration::ZERO,
                estimator: Estimator::new(began, START),
                seq: 0,
            }
        }

        fn now(&self) -> Instant {
            self.began + self.at
        }

        /// Sends for 100 ms, and returns the numbers with their departures.
        fn send(&mut self, interval: u64) -> Vec<(TransportSeqNo, Duration)> {
            let interval = Duration::from_millis(interval);
            let count = 100 / interval.as_millis();
            let sent = (0..count).map(|_| {
                self.at += interval;
                let seq = TransportSeqNo(self.seq);
                self.seq = self.seq.wrapping_add(1);
                self.estimator
                    .on_sent(self.began + self.at, seq, 1_250, None);
                (seq, self.at)
            });
            sent.collect()
        }

        fn run(&mut self, millis: u64, interval: u64) {
            for _ in 0..millis / 100 {
                let sent = self.send(interval);
                let statuses = sent
                    .into_iter()
                    .map(|(seq, left)| (seq, Some(left + Duration::from_millis(50))));
                let now = self.now() + Duration::from_millis(60);
                self.estimator.on_feedback(now, statuses);
            }
        }
    }

    #[test]
    fn an_estimator_that_has_heard_nothing_takes_less_than_a_kilobyte() {
        assert!(size_of::<Estimator>() + 32 * 8 < 1_024);
    }

    #[test]
    fn an_estimator_never_takes_forty_kilobytes() {
        let log = 8 * crate::limits::SENT_PACKETS;
        let controls =
            size_of::<TransportControl>() + size_of::<ReportControl>() + size_of::<StreamControl>();
        assert!(size_of::<Estimator>() + log + controls < 40_000);
    }

    #[test]
    fn a_link_that_carries_all_is_given_more_but_not_far_beyond_what_it_has_shown() {
        let mut call = Call::new();
        call.run(5_000, 10);
        let sent = Bitrate(1_000_000);
        let estimate = call.estimator.estimate();
        assert!(
            estimate > sent && estimate.0 <= sent.0 * 5 / 4,
            "{estimate:?}"
        );
    }

    #[test]
    fn a_remb_beside_feedback_is_a_cap_and_fades() {
        let mut call = Call::new();
        call.run(1_000, 10);
        let now = call.now();
        call.estimator.on_remb(now, Bitrate(500_000));
        assert_eq!(call.estimator.estimate(), Bitrate(500_000));
        call.run(11_000, 10);
        assert!(call.estimator.estimate() > START);
    }

    #[test]
    fn a_remb_alone_is_the_estimate() {
        let mut call = Call::new();
        let now = call.now();
        call.estimator.on_remb(now, Bitrate(2_500_000));
        assert_eq!(call.estimator.estimate(), Bitrate(2_500_000));
    }

    #[test]
    fn reports_alone_move_the_estimate() {
        let mut call = Call::new();
        for second in 1..10 {
            let now = call.began + Duration::from_secs(second);
            call.estimator.on_sent_unnumbered(125_000);
            call.estimator.on_report(now, 128, None);
        }
        assert!(call.estimator.estimate() < Bitrate(300_000));
    }

    #[test]
    fn what_has_no_number_is_taken_to_arrive_with_the_next_packet_that_has_one() {
        let mut call = Call::new();
        let now = call.now();
        let mut send = |seq, unnumbered| {
            call.estimator.on_sent_unnumbered(unnumbered);
            let seq = TransportSeqNo(seq);
            call.estimator.on_sent(now, seq, 1_000, None);
            let Reported::Arrived(packet) = call.estimator.log.report(seq, true) else {
                panic!("it was sent");
            };
            packet.bytes
        };
        assert_eq!(send(0, 300), 1_300);
        assert_eq!(send(1, 0), 1_000);
        assert_eq!(send(2, 100_000), 1_000 + UNNUMBERED_BYTES);
    }

    #[test]
    fn who_never_tells_is_probed_at_the_beginning_alone_and_moved_by_reports() {
        let mut call = Call::new();
        let mut probes = 0;
        for second in 1..30 {
            call.at = Duration::from_secs(second);
            let now = call.now();
            call.estimator.want(now, Bitrate(20_000_000));
            probes += std::iter::from_fn(|| call.estimator.poll_probe(now)).count();
            call.send(10);
            call.estimator.on_sent_unnumbered(250_000);
            call.estimator.on_report(now, 0, None);
        }
        assert_eq!(probes, 2);
        assert!(call.estimator.estimate() > START);
    }

    #[test]
    fn a_transport_without_numbers_is_not_probed() {
        let mut call = Call::new();
        let now = call.now();
        call.estimator.want(now, Bitrate(20_000_000));
        call.estimator.on_sent_unnumbered(1_200);
        assert_eq!(call.estimator.poll_probe(now), None);
    }

    #[test]
    fn the_estimate_of_a_stream_is_what_its_socket_takes() {
        let mut call = Call::new();
        for step in 1..100 {
            let now = call.began + Duration::from_millis(100 * step);
            call.estimator.on_stream(now, 5_000, 100_000);
        }
        assert_eq!(call.estimator.estimate(), Bitrate(360_000));
        assert!(call.estimator.queue_delay() > Duration::from_secs(2));
    }

    #[test]
    fn silence_lowers_the_estimate_and_an_idle_sender_is_not_silence() {
        let mut call = Call::new();
        call.run(1_000, 10);
        let before = call.estimator.estimate();
        call.at += Duration::from_secs(60);
        let now = call.now();
        call.estimator.handle_timeout(now);
        assert_eq!(call.estimator.estimate(), before);
        call.send(10);
        let due = call.estimator.poll_timeout(call.now()).unwrap();
        call.estimator.handle_timeout(due);
        assert!(call.estimator.estimate() < before);
        assert_eq!(call.estimator.counters().silences, 1);
    }

    #[test]
    fn whatever_a_receiver_tells_the_estimate_keeps_its_bounds() {
        let mut call = Call::new();
        let mut random = 1_u64;
        for round in 0..20_000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            call.at += Duration::from_millis(random >> 60);
            let now = call.now();
            let seq = TransportSeqNo((random >> 40 & 0xffff) as u16);
            match random >> 33 & 7 {
                0 => call
                    .estimator
                    .on_remb(now, Bitrate([0, 1 << 63][(round & 1) as usize])),
                1 => call.estimator.on_report(now, 255, Some(Duration::MAX)),
                2 => call.estimator.on_sent(now, seq, usize::MAX, None),
                3 => call.estimator.handle_timeout(now),
                4 => call.estimator.want(now, Bitrate(u64::MAX)),
                _ => {
                    call.send(10);
                    let arrivals = [Duration::ZERO, Duration::MAX, call.at, call.at * 3];
                    let statuses = (0..20).map(|i| {
                        let seq = TransportSeqNo(call.seq.wrapping_sub(i));
                        (seq, Some(arrivals[usize::from(i & 3)]))
                    });
                    let statuses: Vec<_> = statuses.collect();
                    call.estimator.on_feedback(now, statuses);
                }
            }
            while call.estimator.poll_probe(call.now()).is_some() {}
            let estimate = call.estimator.estimate();
            assert!((MIN_ESTIMATE..=MAX_ESTIMATE).contains(&estimate));
        }
        assert!(call.estimator.counters().unknown_statuses > 0);
        assert!(call.estimator.counters().absurd_arrivals > 0);
    }

    #[test]
    fn a_feedback_that_is_repeated_tells_nothing() {
        let mut call = Call::new();
        call.run(1_000, 10);
        let sent = call.send(10);
        let now = call.now() + Duration::from_millis(60);
        let statuses = || sent.iter().map(|(seq, left)| (*seq, Some(*left)));
        call.estimator.on_feedback(now, statuses());
        let before = call.estimator.estimate();
        for _ in 0..1_000 {
            call.estimator.on_feedback(now, statuses());
        }
        assert_eq!(call.estimator.estimate(), before);
    }

    #[test]
    fn of_statuses_no_more_are_read_than_packets_that_were_sent_call_for() {
        let mut call = Call::new();
        let asked = std::cell::Cell::new(0);
        let tell = |call: &mut Call, count: u16| {
            asked.set(0);
            let statuses = (0..count).map(|seq| {
                asked.set(asked.get() + 1);
                (TransportSeqNo(seq.wrapping_add(30_000)), None)
            });
            let now = call.now();
            call.estimator.on_feedback(now, statuses);
            asked.get()
        };
        assert_eq!(tell(&mut call, 4_000), 1);
        let sent = call.send(1).len();
        let called_for = sent * STATUSES_OF_A_PACKET;
        assert_eq!(tell(&mut call, 4_000), called_for + 1);
        // However often it is said again.
        assert_eq!(tell(&mut call, 4_000), 1);
        assert_eq!(call.estimator.counters().cut_feedbacks, 3);
        for _ in 0..100 {
            call.send(1);
        }
        assert_eq!(tell(&mut call, u16::MAX), FEEDBACK_STATUSES + 1);
    }
}
