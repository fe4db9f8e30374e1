//! A short burst above the estimate, that finds out whether the link carries more.

use std::time::Duration;

use sfu_model::Bitrate;

use crate::limits::PROBE_CLUSTERS;
use crate::micros::Micros;
use crate::numbers::ProbeCluster;
use crate::send_log::SentPacket;

/// What is to be sent at once: media that waits, then retransmissions or padding, each packet given to
/// [`Estimator::on_sent`](crate::Estimator::on_sent) with the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Marks its packets.
    pub cluster: ProbeCluster,
    /// How fast its packets leave.
    pub rate: Bitrate,
    /// How much of them, at least, and no fewer than [`Probe::MIN_PACKETS`].
    pub bytes: u32,
    /// How long that takes.
    pub duration: Duration,
}

impl Probe {
    /// Fewer packets tell no rate: their intervals are as long as the delays that vary.
    pub const MIN_PACKETS: u32 = 5;
    /// A shorter burst is a matter of one queue in a radio or an interface.
    const MIN_DURATION: f64 = 0.025;
    /// A longer one fills a queue where the link is slow: its packets are smaller then.
    const MAX_DURATION: f64 = 0.04;
    /// Size of a full packet.
    const PACKET_BYTES: f64 = 1_200.0;

    /// Returns the probe of a rate in bits per second.
    pub(crate) fn new(cluster: ProbeCluster, rate: f64) -> Self {
        let full = f64::from(Self::MIN_PACKETS) * Self::PACKET_BYTES;
        let during = |seconds: f64| rate * seconds / 8.0;
        let bytes = full.clamp(during(Self::MIN_DURATION), during(Self::MAX_DURATION));
        Self {
            cluster,
            rate: Bitrate(rate as u64),
            bytes: bytes as u32,
            duration: Duration::from_secs_f64(bytes * 8.0 / rate.max(1.0)),
        }
    }

    /// Returns the size of its packets at most, on the wire.
    pub fn packet_bytes(&self) -> usize {
        let share = self.bytes.div_ceil(Self::MIN_PACKETS);
        (share as usize).min(Self::PACKET_BYTES as usize)
    }
}

/// Share of a probe that must have arrived before it tells anything.
const LEAST_ARRIVED: f64 = 0.8;

/// Arrivals slower than that share of departures were held back by the link: it is known what it carries.
const HELD_BACK: f64 = 0.9;

/// Of what it carried then, this is used, so that its queue drains.
const OF_CARRIED: f64 = 0.95;

/// A probe that took longer, or arrived so much faster than it left, tells of something else.
const LONGEST: Micros = Micros::from_millis(1_000);
const FASTEST: f64 = 2.0;

/// Adds up the arrivals of the last clusters.
#[derive(Debug, Default)]
pub(crate) struct ProbeResults {
    clusters: [Option<Arrivals>; PROBE_CLUSTERS],
    next: usize,
}

/// Arrivals of a cluster.
#[derive(Clone, Copy, Debug)]
struct Arrivals {
    probe: Probe,
    packets: u32,
    bytes: u32,
    /// Departure, arrival and size of the first to leave, the last to leave, the first and the last to arrive.
    first_departure: Micros,
    last_departure: (Micros, u16),
    first_arrival: (Micros, u16),
    last_arrival: Micros,
}

impl ProbeResults {
    /// Awaits the packets of a probe.
    pub(crate) fn expect(&mut self, probe: Probe) {
        if let Some(slot) = self.clusters.get_mut(self.next) {
            *slot = Some(Arrivals {
                probe,
                packets: 0,
                bytes: 0,
                first_departure: Micros(i64::MAX),
                last_departure: (Micros(i64::MIN), 0),
                first_arrival: (Micros(i64::MAX), 0),
                last_arrival: Micros(i64::MIN),
            });
        }
        self.next = (self.next + 1) % PROBE_CLUSTERS;
    }

    /// Takes a packet that arrived, and returns the rate that its probe measured, each time that is known better.
    pub(crate) fn push(&mut self, packet: &SentPacket, arrival: Micros) -> Option<ProbeResult> {
        let cluster = packet.cluster?;
        let mut known = self.clusters.iter_mut().flatten();
        let arrivals = known.find(|arrivals| arrivals.probe.cluster == cluster)?;
        arrivals.push(packet, arrival);
        arrivals.result()
    }
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProbeResult {
    /// What was tried.
    pub(crate) probe: Probe,
    /// Bits per second that the link carries at least.
    pub(crate) rate: f64,
}

impl Arrivals {
    fn push(&mut self, packet: &SentPacket, arrival: Micros) {
        self.packets += 1;
        self.bytes += u32::from(packet.bytes);
        self.first_departure = self.first_departure.min(packet.departure);
        if packet.departure >= self.last_departure.0 {
            self.last_departure = (packet.departure, packet.bytes);
        }
        if arrival < self.first_arrival.0 {
            self.first_arrival = (arrival, packet.bytes);
        }
        self.last_arrival = self.last_arrival.max(arrival);
    }

    fn result(&self) -> Option<ProbeResult> {
        let enough = f64::from(self.bytes) >= LEAST_ARRIVED * f64::from(self.probe.bytes);
        if self.packets < Probe::MIN_PACKETS - 1 || !enough {
            return None;
        }
        let leaving = self.last_departure.0 - self.first_departure;
        let arriving = self.last_arrival - self.first_arrival.0;
        let sane = Micros(1)..LONGEST;
        if !sane.contains(&leaving) || !sane.contains(&arriving) {
            return None;
        }
        // The last to leave had its time after the measure, the first to arrive before it.
        let bits = |without: u16| f64::from(self.bytes - u32::from(without)) * 8.0;
        let sent = bits(self.last_departure.1) / leaving.secs();
        let carried = bits(self.first_arrival.1) / arriving.secs();
        if carried > FASTEST * sent {
            return None;
        }
        let rate = match carried < HELD_BACK * sent {
            true => OF_CARRIED * carried,
            false => carried.min(sent),
        };
        Some(ProbeResult {
            probe: self.probe,
            rate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a probe of 2 Mbit/s over a link that carries `carries`, and returns what it measures.
    fn measured(carries: f64, lost: &[u32]) -> Option<f64> {
        let mut results = ProbeResults::default();
        let probe = Probe::new(ProbeCluster::FIRST, 2e6);
        results.expect(probe);
        let mut result = None;
        for i in (0..6).filter(|i| !lost.contains(i)) {
            let after = |rate: f64| Micros((f64::from(i) * 9_600e6 / rate) as i64);
            let packet = SentPacket {
                departure: after(2e6),
                bytes: 1_200,
                cluster: Some(probe.cluster),
            };
            let arrival = Micros::from_millis(50) + after(carries.min(2e6));
            result = results.push(&packet, arrival).or(result);
        }
        result.map(|result| result.rate)
    }

    #[test]
    fn a_probe_takes_a_moment_and_some_packets() {
        let probe = Probe::new(ProbeCluster::FIRST, 1e6);
        assert_eq!(
            (probe.bytes, probe.duration),
            (5_000, Duration::from_millis(40))
        );
        let probe = Probe::new(ProbeCluster::FIRST, 10e6);
        assert_eq!(
            (probe.bytes, probe.duration),
            (31_250, Duration::from_millis(25))
        );
    }

    #[test]
    fn a_link_that_carries_it_is_known_to_carry_it() {
        let rate = measured(3e6, &[]).unwrap();
        assert!((1.99e6..2.01e6).contains(&rate), "{rate}");
    }

    #[test]
    fn a_link_that_holds_it_back_is_measured() {
        let rate = measured(1e6, &[]).unwrap();
        assert!((0.94e6..0.96e6).contains(&rate), "{rate}");
    }

    #[test]
    fn one_lost_packet_is_borne_and_two_are_not() {
        assert!(measured(3e6, &[2]).is_some());
        assert_eq!(measured(3e6, &[2, 3]), None);
    }

    #[test]
    fn what_arrives_faster_than_it_may_tells_nothing() {
        let mut results = ProbeResults::default();
        let probe = Probe::new(ProbeCluster::FIRST, 2e6);
        results.expect(probe);
        for i in 0..5 {
            let packet = SentPacket {
                departure: Micros(i * 4_800),
                bytes: 1_200,
                cluster: Some(probe.cluster),
            };
            assert_eq!(results.push(&packet, Micros(i)), None);
        }
    }

    #[test]
    fn packets_of_forgotten_clusters_tell_nothing() {
        let mut results = ProbeResults::default();
        let mut cluster = ProbeCluster::FIRST;
        for _ in 0..=PROBE_CLUSTERS {
            results.expect(Probe::new(cluster, 1e6));
            cluster = cluster.next();
        }
        let packet = SentPacket {
            departure: Micros(0),
            bytes: 60_000,
            cluster: Some(ProbeCluster::FIRST),
        };
        assert_eq!(results.push(&packet, Micros(0)), None);
    }
}
