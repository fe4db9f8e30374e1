//! The bitrate that arrives.

use crate::micros::Micros;
use crate::send_log::SentPacket;

/// Spans that are kept. Of 20 ms each they are the longest window and the span that is open.
const SPANS: usize = 32;

/// Packets that arrive within this time are one span.
const SPAN: Micros = Micros::from_millis(20);

/// Time over which the rate is taken: shorter, and the frames of a video are seen as its rate; longer, and
/// the rate before a drop is taken for that behind it.
const WINDOW: Micros = Micros::from_millis(400);

/// The same of what arrived latest.
const LATEST: Micros = Micros::from_millis(150);

/// Least time that tells a rate.
const LEAST: Micros = Micros::from_millis(100);

/// After such a pause the window begins anew: nothing was sent.
const PAUSE: Micros = Micros::from_millis(1_000);

/// Measures the rate over the last spans of arrivals, and the rate at which the same packets left: the lesser
/// of the two is what the link carried. Packets that a link held back arrive faster than it can carry on.
#[derive(Debug, Default)]
pub(crate) struct AcknowledgedBitrate {
    spans: [Span; SPANS],
    /// Where the open span is, and how many are in use.
    open: usize,
    len: usize,
}

/// Packets that arrived closely behind each other.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    first_arrival: Micros,
    last_arrival: Micros,
    first_departure: Micros,
    last_departure: Micros,
    bytes: u32,
    /// Size of the first packet: it began to arrive before the span did.
    first_bytes: u32,
}

impl AcknowledgedBitrate {
    /// Takes a packet that arrived.
    pub(crate) fn push(&mut self, packet: &SentPacket, arrival: Micros) {
        let bytes = u32::from(packet.bytes);
        let Some(open) = self.spans.get_mut(self.open).filter(|_| self.len > 0) else {
            self.begin(packet, arrival);
            return;
        };
        let gap = arrival - open.last_arrival;
        if gap > PAUSE || gap < Micros(-PAUSE.0) {
            self.len = 0;
            self.begin(packet, arrival);
        } else if arrival - open.first_arrival < SPAN {
            open.last_arrival = open.last_arrival.max(arrival);
            open.last_departure = open.last_departure.max(packet.departure);
            open.bytes = open.bytes.saturating_add(bytes);
        } else {
            self.open = (self.open + 1) % SPANS;
            self.begin(packet, arrival);
        }
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Returns bits per second of the last 400 ms; `None` while too little has arrived.
    pub(crate) fn bitrate(&self) -> Option<f64> {
        self.over(WINDOW)
    }

    /// Returns bits per second of what arrived latest: what the link carries if a queue stands before it, because it
    /// has not stood for long.
    pub(crate) fn latest(&self) -> Option<f64> {
        self.over(LATEST)
    }

    fn over(&self, window: Micros) -> Option<f64> {
        let newest = self.spans.get(self.open)?;
        let mut bytes = 0_u64;
        let mut oldest = newest;
        for back in 0..self.len {
            let span = self.spans.get((self.open + SPANS - back) % SPANS)?;
            if back > 0 && newest.last_arrival - span.first_arrival > window {
                break;
            }
            bytes += u64::from(span.bytes);
            oldest = span;
        }
        let arriving = newest.last_arrival - oldest.first_arrival;
        let leaving = newest.last_departure - oldest.first_departure;
        let bytes = bytes.saturating_sub(u64::from(oldest.first_bytes));
        let took = arriving.max(leaving);
        (took >= LEAST && bytes > 0).then(|| bytes as f64 * 8.0 / took.secs())
    }

    /// Begins a span with a packet.
    fn begin(&mut self, packet: &SentPacket, arrival: Micros) {
        let bytes = u32::from(packet.bytes);
        let span = Span {
            first_arrival: arrival,
            last_arrival: arrival,
            first_departure: packet.departure,
            last_departure: packet.departure,
            bytes,
            first_bytes: bytes,
        };
        if let Some(slot) = self.spans.get_mut(self.open) {
            *slot = span;
        }
        self.len = (self.len + 1).min(SPANS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes `count` packets of 1,250 bytes, 10,000 bits, from `from` on that leave and arrive at these intervals
    /// in milliseconds.
    fn push(rate: &mut AcknowledgedBitrate, from: i64, count: i64, leave: i64, arrive: i64) {
        for i in 0..count {
            let packet = SentPacket {
                departure: Micros::from_millis(from + i * leave),
                bytes: 1_250,
                cluster: None,
            };
            rate.push(&packet, Micros::from_millis(from + 50 + i * arrive));
        }
    }

    #[test]
    fn the_rate_is_that_of_the_slower_side() {
        for (leave, arrive) in [(10, 10), (5, 10), (10, 5)] {
            let mut rate = AcknowledgedBitrate::default();
            push(&mut rate, 0, 200, leave, arrive);
            let bitrate = rate.bitrate().unwrap();
            assert!((0.97e6..1.05e6).contains(&bitrate), "{bitrate}");
        }
    }

    #[test]
    fn too_little_tells_nothing() {
        let mut rate = AcknowledgedBitrate::default();
        assert_eq!(rate.bitrate(), None);
        push(&mut rate, 0, 5, 10, 10);
        assert_eq!(rate.bitrate(), None);
    }

    #[test]
    fn a_pause_is_no_low_rate() {
        let mut rate = AcknowledgedBitrate::default();
        push(&mut rate, 0, 100, 10, 10);
        push(&mut rate, 5_000, 100, 5, 5);
        let bitrate = rate.bitrate().unwrap();
        assert!((1.9e6..2.1e6).contains(&bitrate), "{bitrate}");
    }

    #[test]
    fn a_drop_is_seen_within_half_a_second() {
        let mut rate = AcknowledgedBitrate::default();
        push(&mut rate, 0, 100, 10, 10);
        push(&mut rate, 1_000, 10, 50, 50);
        let bitrate = rate.bitrate().unwrap();
        assert!(bitrate < 250_000.0, "{bitrate}");
    }
}
