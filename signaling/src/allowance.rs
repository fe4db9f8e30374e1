//! What one client may ask for.
//!
//! Each message costs units by its kind and its length: about what it costs the room. Who asks for
//! more than [`SIGNAL_RATE`] allows is not read for a while, so that its messages wait with itself;
//! who goes on like that for [`SIGNAL_PATIENCE`] is disconnected.

use std::time::{Duration, Instant};

use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message;

use crate::bucket::Bucket;
use crate::limits::{SIGNAL_PATIENCE, SIGNAL_RATE};

/// Bytes of a list that cost a unit: some fifteen tracks.
const LIST_BYTES: usize = 256;

/// Bytes of anything else that cost a unit.
const BYTES: usize = 1024;

/// What one participant may still ask for.
#[derive(Debug)]
pub(crate) struct Allowance {
    bucket: Bucket,
    /// Since when it has asked for more than comes back.
    over_since: Option<Instant>,
}

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Read on.
    Read,
    /// Read on after this time.
    Wait(Duration),
    /// It has asked for too much for too long.
    Expel,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            bucket: Bucket::new(SIGNAL_RATE, now),
            over_since: None,
        }
    }

    /// Reports whether it is as if nothing had ever been asked for.
    pub(crate) fn is_whole(&self, now: Instant) -> bool {
        self.bucket.is_full(now)
    }

    /// Takes note of what a message costs.
    pub(crate) fn spend(&mut self, now: Instant, units: u32) {
        self.bucket.spend(now, units);
    }

    /// Returns whether to read the next message.
    pub(crate) fn verdict(&mut self, now: Instant) -> Verdict {
        let wait = self.bucket.wait(now);
        if wait.is_zero() {
            if self.bucket.is_half_full(now) {
                self.over_since = None;
            }
            return Verdict::Read;
        }
        let since = *self.over_since.get_or_insert(now);
        match now.duration_since(since) >= SIGNAL_PATIENCE {
            true => Verdict::Expel,
            false => Verdict::Wait(wait),
        }
    }
}

/// Returns the cost of a message of `length` bytes.
#[expect(deprecated, reason = "clients still send `UpdateLayers`")]
pub(crate) fn cost(request: &proto::SignalRequest, length: usize) -> u32 {
    let (base, bytes) = match &request.message {
        // Told to everybody, or negotiated.
        Some(
            Message::Offer(_)
            | Message::Answer(_)
            | Message::SyncState(_)
            | Message::Simulate(_)
            | Message::UpdateMetadata(_),
        ) => (8, BYTES),
        Some(
            Message::AddTrack(_)
            | Message::PublishDataTrackRequest(_)
            | Message::UnpublishDataTrackRequest(_),
        ) => (4, BYTES),
        Some(
            Message::Subscription(_)
            | Message::TrackSetting(_)
            | Message::SubscriptionPermission(_)
            | Message::UpdateLayers(_)
            | Message::UpdateAudioTrack(_)
            | Message::UpdateVideoTrack(_)
            | Message::UpdateDataSubscription(_),
        ) => (1, LIST_BYTES),
        Some(
            Message::Trickle(_)
            | Message::Mute(_)
            | Message::Leave(_)
            | Message::Ping(_)
            | Message::PingReq(_)
            | Message::StoreDataBlobRequest(_)
            | Message::GetDataBlobRequest(_),
        )
        | None => (1, BYTES),
    };
    let by_length = u32::try_from(length / bytes).unwrap_or(u32::MAX);
    by_length.saturating_add(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: Message, length: usize) -> u32 {
        let message = Some(message);
        cost(&proto::SignalRequest { message }, length)
    }

    fn offer(length: usize) -> u32 {
        of(Message::Offer(proto::SessionDescription::default()), length)
    }

    fn subscription(length: usize) -> u32 {
        of(
            Message::Subscription(proto::UpdateSubscription::default()),
            length,
        )
    }

    #[test]
    fn what_a_busy_client_asks_for_at_once_is_a_tenth_of_what_it_may() {
        let add_track = of(Message::AddTrack(proto::AddTrackRequest::default()), 500);
        let setting = of(
            Message::TrackSetting(proto::UpdateTrackSettings::default()),
            60,
        );
        let publishes = 20 * (add_track + offer(20_000));
        let joins = 100 * (subscription(20) + setting) + 10 * offer(60_000);
        assert!(publishes + joins < SIGNAL_RATE.burst / 10);
    }

    #[test]
    fn a_message_costs_more_the_longer_its_list_is() {
        assert_eq!(subscription(20), 1);
        assert!(subscription(256 << 10) > 1000);
        assert_eq!(of(Message::Ping(1), usize::MAX), u32::MAX);
    }

    #[test]
    fn who_asks_for_too_much_waits_until_it_has_come_back() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert_eq!(allowance.verdict(now), Verdict::Read);
        allowance.spend(now, SIGNAL_RATE.burst + SIGNAL_RATE.per_second);
        let second = Duration::from_secs(1);
        assert_eq!(allowance.verdict(now), Verdict::Wait(second));
        assert_eq!(allowance.verdict(now + second), Verdict::Read);
    }

    #[test]
    fn who_goes_on_with_too_much_is_expelled() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(now);
        let begun = now;
        loop {
            match allowance.verdict(now) {
                Verdict::Read => allowance.spend(now, SIGNAL_RATE.burst),
                Verdict::Wait(wait) => now += wait,
                Verdict::Expel => break,
            }
        }
        let took = now - begun;
        assert!(
            took >= SIGNAL_PATIENCE && took < 2 * SIGNAL_PATIENCE,
            "{took:?}"
        );
    }

    #[test]
    fn who_is_quiet_again_is_forgiven() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(now);
        for _ in 0..100 {
            allowance.spend(now, SIGNAL_RATE.burst + SIGNAL_RATE.per_second);
            assert!(matches!(allowance.verdict(now), Verdict::Wait(_)));
            now += SIGNAL_PATIENCE;
            assert_eq!(allowance.verdict(now), Verdict::Read);
        }
    }
}
