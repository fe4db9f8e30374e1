//! What share of the sound a subscriber loses.

use sfu_rtp::SeqNo;

use crate::limits::SOUND_LOSS_PACKETS;

/// The share of a stream's packets that its receiver lost lately, by what it asks for again and by what it reports. What
/// came of a packet counts the less the more were sent after it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SoundLoss {
    share: f32,
    /// How many packets had been sent when `share` was brought up to date.
    sent: u64,
    /// How many had been sent, and how many of them lost, when the receiver reported last.
    reported: (u64, u64),
    /// How many of those sent since then it has asked for.
    asked: u16,
    /// The newest that it has asked for, and how many had been sent by then.
    newest_asked: Option<(SeqNo, u64)>,
}

impl SoundLoss {
    /// Returns the share, of one.
    pub(super) fn share(&self) -> f32 {
        self.share
    }

    /// Takes that the receiver asks for a packet that was sent, when so many have been. Returns the share since it asked last:
    /// nothing of a packet that it asks for once more.
    pub(super) fn on_asked(&mut self, packets: u64, seq: SeqNo) -> Option<f32> {
        let newest = self.newest_asked;
        if newest.is_some_and(|(newest, _)| seq.ahead_of(newest) <= 0) {
            return None;
        }
        self.newest_asked = Some((seq, packets));
        self.asked = self.asked.saturating_add(1);
        self.age(packets);
        self.share += 1.0 / SOUND_LOSS_PACKETS;
        let since = newest.map_or(u64::MAX, |(_, then)| packets.saturating_sub(then));
        Some(1.0 / count(since).max(1.0))
    }

    /// Takes how many of the packets that were sent are lost by what the receiver reports. Returns the share since its last
    /// report that it has not asked for.
    pub(super) fn on_report(&mut self, packets: u64, lost: u64) -> f32 {
        let asked = f32::from(std::mem::take(&mut self.asked));
        self.age(packets);
        let (packets_before, lost_before) = std::mem::replace(&mut self.reported, (packets, lost));
        let since = count(packets.saturating_sub(packets_before));
        if since == 0.0 {
            return 0.0;
        }
        let lost = count(lost.saturating_sub(lost_before));
        let news = ((lost - asked) / since).clamp(0.0, 1.0);
        self.share += news * (1.0 - weight_after(since));
        news
    }

    /// Has all count less that was known before these were sent.
    fn age(&mut self, packets: u64) {
        let since = packets.saturating_sub(self.sent);
        self.share *= weight_after(count(since));
        self.sent = packets;
    }
}

/// Returns what a packet counts after so many others.
fn weight_after(packets: f32) -> f32 {
    (-packets / SOUND_LOSS_PACKETS).exp()
}

/// Returns a number of packets, of which more than a few hundred are all the same.
fn count(packets: u64) -> f32 {
    f32::from(u16::try_from(packets).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the share after 600 packets, each of which `lost` says whether it was lost and is asked for.
    fn after_asking(lost: impl Fn(u16) -> bool) -> f32 {
        let mut loss = SoundLoss::default();
        for seq in 0..600 {
            if lost(seq) {
                loss.on_asked(u64::from(seq), SeqNo(seq));
                loss.on_asked(u64::from(seq), SeqNo(seq));
            }
        }
        loss.age(600);
        loss.share()
    }

    #[test]
    fn the_share_follows_what_is_asked_for_and_counts_each_packet_once() {
        let tenth = after_asking(|seq| seq % 10 == 0);
        assert!((0.09..0.11).contains(&tenth), "{tenth}");
        assert!(after_asking(|seq| seq == 599) < 0.01);
        assert!(after_asking(|seq| seq < 100) < 0.02);
    }

    #[test]
    fn the_share_follows_what_is_reported() {
        let mut loss = SoundLoss::default();
        for report in 1..=10 {
            loss.on_report(50 * report, 5 * report);
        }
        assert!((0.09..0.11).contains(&loss.share()), "{}", loss.share());
        loss.on_report(1_500, 50);
        assert!(loss.share() < 0.001);
    }

    #[test]
    fn what_was_asked_for_is_not_counted_once_more_when_it_is_reported() {
        let mut loss = SoundLoss::default();
        for seq in (0..250).step_by(10) {
            let since = loss.on_asked(u64::from(seq), SeqNo(seq)).unwrap();
            assert!(seq == 0 || (0.09..0.11).contains(&since), "{since}");
        }
        assert!(loss.on_report(250, 25) < 0.001);
        assert!(loss.on_report(250, 255) < 0.001);
        assert!(loss.on_report(300, 265) > 0.19);
    }
}
