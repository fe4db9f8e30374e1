//! How much of earlier sound is sent again with each packet.

use std::time::Instant;

use sfu_rtp::RtpHeader;
use sfu_rtp::payload::red;
use sfu_rtp::payload::red_writer::{Earlier, write_red};

use crate::arrival::Arrival;
use crate::limits::{REDUNDANCY_CALM, REDUNDANT_BLOCKS};
use crate::receive_stream::ReceiveStream;

/// Sends sound that comes with redundancy (RED) with as much of it as the subscriber's loss calls for: what one packet
/// before each was lost with too is in the next but one. The earlier packets are those of the publisher's ring.
#[derive(Debug, Default)]
pub(super) struct Redundancy {
    /// When it was last called for.
    called_for: Option<Instant>,
    /// The payload that was made last.
    payload: Vec<u8>,
}

impl Redundancy {
    /// Loss, in 256ths, from which on more is sent than comes: 5 %.
    const LOSSY: u8 = 13;

    /// Takes what share of the sound the subscriber has lost, in 256ths.
    pub(super) fn on_loss(&mut self, now: Instant, fraction_lost: u8) {
        if fraction_lost >= Self::LOSSY {
            self.called_for = Some(now);
        }
    }

    /// Reports whether more is to be sent than comes.
    #[inline]
    pub(super) fn is_called_for(&self, now: Instant) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        self.called_for
            .is_some_and(|at| since(at) < REDUNDANCY_CALM)
    }

    /// Makes the payload of a packet of RED anew, with as many earlier ones as may be. `None` where it comes with as
    /// many, or there are no more.
    pub(super) fn deepen(
        &mut self,
        arrival: &Arrival<'_>,
        stream: &ReceiveStream,
    ) -> Option<&[u8]> {
        let blocks = red::blocks(arrival.payload());
        let carried = blocks.clone().count().checked_sub(1)?;
        if carried >= REDUNDANT_BLOCKS {
            return None;
        }
        let primary = blocks.clone().last()?;
        // The latest redundant block is there also where the packet before never came.
        let latest = blocks.filter(|block| !block.primary).last();
        let latest = latest.map(|block| Earlier {
            age: u32::from(block.timestamp_offset),
            bytes: block.bytes,
        });
        let before = |back: u64| earlier(arrival, stream, back);
        let earlier = [before(2)?, before(1).or(latest)?];
        let (payload_type, bytes) = (primary.payload_type, primary.bytes);
        write_red(&mut self.payload, payload_type, &earlier, bytes)
            .then_some(self.payload.as_slice())
    }
}

/// Returns what a packet before another one held.
fn earlier<'a>(arrival: &Arrival<'_>, stream: &'a ReceiveStream, back: u64) -> Option<Earlier<'a>> {
    let packet = stream.packet(arrival.seq.minus(back))?;
    let header = RtpHeader::parse(packet).ok()?;
    if header.payload_type != arrival.header.payload_type {
        return None;
    }
    Some(Earlier {
        age: arrival.header.timestamp.0.wrapping_sub(header.timestamp.0),
        bytes: red::primary(header.payload(packet))?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_clock::start;

    #[test]
    fn more_is_sent_from_five_percent_of_loss_on_until_it_was_calm_for_a_while() {
        let (mut now, mut redundancy) = (start(), Redundancy::default());
        redundancy.on_loss(now, 12);
        assert!(!redundancy.is_called_for(now));
        redundancy.on_loss(now, 13);
        assert!(redundancy.is_called_for(now));
        now += REDUNDANCY_CALM - Duration::from_millis(1);
        assert!(redundancy.is_called_for(now));
        now += Duration::from_millis(1);
        assert!(!redundancy.is_called_for(now));
    }
}
