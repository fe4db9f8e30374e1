//! A TCP sender beside media, and its receiver.

use std::time::{Duration, Instant};

use sfu_link::Tcp;

use crate::world::{Flow, Packet, Report, Way};

/// A sender that begins when it is first woken.
pub(crate) struct Transfers {
    /// Segments of each, and the pause after it; `None` for one without end.
    each: Option<(u64, Duration)>,
    tcp: Option<Tcp>,
}

impl Transfers {
    pub(crate) fn endless() -> Self {
        Self {
            each: None,
            tcp: None,
        }
    }

    pub(crate) fn of(segments: u64, pause: Duration) -> Self {
        Self {
            each: Some((segments, pause)),
            tcp: None,
        }
    }
}

impl Flow for Transfers {
    fn wake(&mut self, now: Instant, way: &mut Way<'_>) -> Option<Instant> {
        let each = self.each;
        let tcp = self.tcp.get_or_insert_with(|| match each {
            None => Tcp::endless(now),
            Some((segments, pause)) => Tcp::in_transfers(now, segments, pause),
        });
        if tcp.poll_timeout() <= now {
            tcp.handle_timeout(now);
        }
        while let Some(seq) = tcp.poll_transmit(now) {
            let bytes = Tcp::SEGMENT;
            way.send(Packet { seq, bytes });
        }
        Some(tcp.poll_timeout())
    }

    fn arrives(&mut self, _now: Instant, packet: Packet) -> Option<Report> {
        Some(vec![(packet.seq, None)])
    }

    fn told(&mut self, now: Instant, report: &Report) {
        for (acknowledged, _) in report {
            if let Some(tcp) = &mut self.tcp {
                tcp.handle_acknowledgement(now, *acknowledged);
            }
        }
    }
}
