//! A probe that is being sent.

use std::time::{Duration, Instant};

use sfu_bandwidth::{Probe, ProbeCluster};
use sfu_model::Bitrate;

use crate::limits::PROBE_STEP;

/// A probe that is being sent: at its rate, of what is sent anyway and of padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probing {
    probe: Probe,
    began: Instant,
    sent: usize,
}

impl Probing {
    /// A probe that could not be sent within this time is given up.
    const LONGEST: Duration = Duration::from_millis(500);

    pub(crate) fn begin(now: Instant, probe: Probe) -> Self {
        Self {
            probe,
            began: now,
            sent: 0,
        }
    }

    pub(crate) fn cluster(&self) -> ProbeCluster {
        self.probe.cluster
    }

    /// Returns how fast it leaves.
    pub(crate) fn rate(&self) -> Bitrate {
        self.probe.rate
    }

    /// Notes that a packet of it left.
    pub(crate) fn note(&mut self, len: usize) {
        self.sent += len;
    }

    /// Returns how many bytes are behind time.
    pub(crate) fn due(&self, now: Instant) -> usize {
        let elapsed = now.saturating_duration_since(self.began) + PROBE_STEP;
        let bits = u128::from(self.probe.rate.0) * elapsed.as_micros() / 1_000_000;
        let bytes = usize::try_from(bits / 8).unwrap_or(usize::MAX);
        bytes.min(self.whole()).saturating_sub(self.sent)
    }

    /// Reports whether all of it left, or too little to tell anything.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.sent >= self.whole() || now.saturating_duration_since(self.began) > Self::LONGEST
    }

    /// Returns when more of it is due.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        now + PROBE_STEP
    }

    fn whole(&self) -> usize {
        usize::try_from(self.probe.bytes).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use sfu_bandwidth::{Estimator, TransportSeqNo};

    use super::*;
    use crate::test_clock::start;

    /// A probe, as an estimator asks for one.
    fn probing(now: Instant) -> Probing {
        let mut estimator = Estimator::new(now, Bitrate(1_000_000));
        estimator.on_sent(now, TransportSeqNo(0), 1_200, None);
        estimator.want(now, Bitrate(20_000_000));
        let probe = estimator.poll_probe(now);
        Probing::begin(
            now,
            probe.expect("more is wanted than is known to be there"),
        )
    }

    #[test]
    fn a_probe_leaves_at_its_rate_and_ends() {
        let mut now = start();
        let mut probing = probing(now);
        let mut steps = 0;
        while !probing.is_over(now) {
            let due = probing.due(now);
            probing.note(due);
            now = probing.next(now);
            steps += 1;
        }
        assert_eq!(probing.sent, probing.whole());
        let expected = probing.probe.duration.as_millis() / PROBE_STEP.as_millis();
        assert!(steps >= expected && steps <= expected + 2, "{steps} steps");
        assert_eq!(probing.due(now), 0);
    }

    #[test]
    fn a_probe_that_cannot_be_sent_is_given_up() {
        let now = start();
        let probing = probing(now);
        assert!(!probing.is_over(now + Probing::LONGEST));
        assert!(probing.is_over(now + Probing::LONGEST + PROBE_STEP));
    }
}
