//! The numbers of one RTP stream that we send.

use std::time::{Duration, Instant};

use sfu_model::Ssrc;
use sfu_rtp::payload::{Vp8Descriptor, Vp8Munger, Vp8Rewrite};
use sfu_rtp::rtcp::ReportBlock;
use sfu_rtp::{ExtendedSeqNo, Munged, Munger, RtpTimestamp, SenderStats, SeqNo};

/// The RTP stream of one SSRC that we send: the numbers of its packets, and what was counted of them.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingStream {
    munger: Munger,
    vp8: Vp8Munger,
    pub(crate) stats: SenderStats,
    /// Number of the next retransmission; they have an SSRC of their own.
    retransmission: SeqNo,
    reported: Reported,
}

/// What a subscriber has said of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reported {
    /// How many reports have come.
    pub(crate) reports: u64,
    /// Packets that were lost on the way by these, before any was sent again.
    pub(crate) lost: u64,
    /// Interarrival jitter by the latest, in timestamp units.
    pub(crate) jitter: u32,
}

impl OutgoingStream {
    /// Begins a stream. `random` picks the first numbers (RFC 3550 section 5.1), all below 2^15: where the
    /// first packets are lost and the next one lies behind the wrap, the receiver begins with a rollover
    /// counter that is one too low, and opens no packet of the stream ever (RFC 3711 section 3.3.1).
    pub(crate) fn new(ssrc: Ssrc, clock_rate: u32, random: u32) -> Self {
        let [a, b, c, d] = random.to_be_bytes();
        Self {
            munger: Munger::new(SeqNo(u16::from_be_bytes([a & 0x7f, b])), clock_rate),
            vp8: Vp8Munger::new(),
            stats: SenderStats::new(ssrc),
            retransmission: SeqNo(u16::from_be_bytes([c & 0x7f, d])),
            reported: Reported::default(),
        }
    }

    /// Returns the number that the next packet is likely to get.
    #[inline]
    pub(crate) fn upcoming(&self) -> SeqNo {
        self.munger.upcoming()
    }

    /// Goes on in the clock of another codec, from the next switch on.
    pub(crate) fn set_clock_rate(&mut self, clock_rate: u32) {
        self.munger.set_clock_rate(clock_rate);
    }

    /// Goes on with a packet of another source, or of the same one after a pause; see
    /// [`Munger::switch_source`].
    pub(crate) fn switch_source(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
        same_instant: Option<RtpTimestamp>,
        vp8: Option<&Vp8Descriptor>,
    ) {
        self.munger.switch_source(now, seq, timestamp, same_instant);
        if let Some(descriptor) = vp8 {
            self.vp8.switch_source(descriptor);
        }
    }

    #[inline]
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
    ) -> Option<Munged> {
        self.munger.forward(now, seq, timestamp)
    }

    /// Numbers the picture of a packet that is forwarded.
    #[inline]
    pub(crate) fn forward_picture(&mut self, descriptor: &Vp8Descriptor) -> Option<Vp8Rewrite> {
        self.vp8.forward(descriptor)
    }

    /// Leaves a packet out; see [`Munger::leave_out`].
    pub(crate) fn leave_out(
        &mut self,
        seq: ExtendedSeqNo,
        timestamp: RtpTimestamp,
        vp8: Option<&Vp8Descriptor>,
    ) -> Option<Munged> {
        if let Some(descriptor) = vp8 {
            self.vp8.leave_out(descriptor);
        }
        self.munger.leave_out(seq, timestamp)
    }

    /// Takes what the subscriber says of it. Returns the round-trip time, if that tells it.
    pub(crate) fn on_report_block(
        &mut self,
        now: Instant,
        block: &ReportBlock,
    ) -> Option<Duration> {
        // To the subscriber a packet that never came from the publisher is as lost as one that was lost on its way.
        let numbers = self.munger.numbers();
        let never_sent = numbers.saturating_sub(self.stats.packets());
        let missing = u64::try_from(block.cumulative_lost).unwrap_or(0);
        let missing = missing.min(numbers);
        let reported = &mut self.reported;
        reported.lost = reported.lost.max(missing.saturating_sub(never_sent));
        reported.reports += 1;
        reported.jitter = block.jitter;
        self.stats.on_report_block(now, block)
    }

    /// Returns what the subscriber has said of it.
    pub(crate) fn reported(&self) -> &Reported {
        &self.reported
    }

    pub(crate) fn timestamp_offset(&self) -> Option<u32> {
        self.munger.timestamp_offset()
    }

    /// Returns the number for a retransmission on the SSRC of its own.
    pub(crate) fn next_retransmission(&mut self) -> SeqNo {
        let seq = self.retransmission;
        self.retransmission = seq.next();
        seq
    }
}
