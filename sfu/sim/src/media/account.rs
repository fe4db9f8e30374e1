//! What a receiver reports of a stream (RFC 3550 section 6.4).

use std::time::{Duration, Instant};

use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use sfu_model::Ssrc;
use sfu_rtp::ExtendedSeqNo;

/// Counts what came of a stream, and what did not.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// The first number and the highest.
    range: Option<[u64; 2]>,
    received: u64,
    /// What was expected and what received when it reported last.
    reported: [u64; 2],
    /// The middle of the time in the latest sender report, and when that came.
    sender_report: Option<(u32, Instant)>,
    due: Option<Instant>,
}

impl Account {
    /// Between two reports.
    const INTERVAL: Duration = Duration::from_secs(1);

    /// Notes a packet, retransmissions not counted.
    pub(super) fn note_packet(&mut self, now: Instant, seq: ExtendedSeqNo) {
        let [first, highest] = self.range.unwrap_or([seq.0; 2]);
        self.range = Some([first.min(seq.0), highest.max(seq.0)]);
        self.received += 1;
        self.due.get_or_insert(now + Self::INTERVAL);
    }

    pub(super) fn note_sender_report(&mut self, now: Instant, ntp_time: u64) {
        let [_, _, second, third, fourth, fifth, ..] = ntp_time.to_be_bytes();
        let middle = u32::from_be_bytes([second, third, fourth, fifth]);
        self.sender_report = Some((middle, now));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Returns a report when one is due.
    pub(super) fn report(&mut self, now: Instant, own: Ssrc, of: Ssrc) -> Option<ReceiverReport> {
        let due = self.due.filter(|due| *due <= now)?;
        self.due = Some(due.max(now) + Self::INTERVAL);
        let [first, highest] = self.range?;
        let expected = highest + 1 - first;
        let [expected_before, received_before] = self.reported;
        self.reported = [expected, self.received];
        let lost = expected.saturating_sub(self.received);
        let lately = expected - expected_before;
        let lost_lately = lately.saturating_sub(self.received - received_before);
        let fraction = (lost_lately * 256).checked_div(lately).unwrap_or_default();
        let (last_sender_report, delay) = self.echo(now);
        Some(ReceiverReport {
            ssrc: own.0,
            reports: vec![ReceptionReport {
                ssrc: of.0,
                fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
                total_lost: u32::try_from(lost).unwrap_or(u32::MAX),
                last_sequence_number: u32::try_from(highest % (1 << 32)).unwrap_or_default(),
                jitter: 0,
                last_sender_report,
                delay,
            }],
            ..ReceiverReport::default()
        })
    }

    /// Returns what says how long the way is there and back: 0 for both before a sender report has come.
    fn echo(&self, now: Instant) -> (u32, u32) {
        let echo = self.sender_report.map(|(middle, at)| {
            let delay = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            (middle, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        echo.unwrap_or_default()
    }
}
