//! How much of earlier sound is sent again with each packet.

use std::time::Instant;

use sfu_model::{Codec, PayloadType};
use sfu_rtp::payload::red::{self, Block};
use sfu_rtp::payload::red_writer::{Earlier, write_red};
use sfu_rtp::payload::{Origin, REDUNDANT_BLOCKS, RedRecipe};
use sfu_rtp::{ExtendedSeqNo, RtpHeader, SeqNo};

use super::sound_loss::SoundLoss;
use crate::arrival::Arrival;
use crate::limits::REDUNDANCY_CALM;
use crate::publication::Publication;
use crate::receive_stream::ReceiveStream;

/// How many earlier packets the loss of a subscriber calls for. What one packet before each was lost with too is in the next
/// but one.
#[derive(Debug, Default)]
pub(super) struct Redundancy {
    loss: SoundLoss,
    /// When the first was last called for, and the second.
    called_for: [Option<Instant>; REDUNDANT_BLOCKS],
}

impl Redundancy {
    /// The share of its packets from which on a subscriber is sent one earlier packet with each, or two, and the one below
    /// which it must have lost for [`REDUNDANCY_CALM`] until that ends.
    const LEVELS: [(f32, f32); REDUNDANT_BLOCKS] = [(0.01, 0.005), (0.05, 0.025)];

    /// Takes how many of the packets that were sent are lost by what the subscriber reports.
    pub(super) fn on_report(&mut self, now: Instant, packets: u64, lost: u64) {
        let news = self.loss.on_report(packets, lost);
        if news > 0.0 {
            self.review(now, news);
        }
    }

    /// Takes that the subscriber asks for a packet again that was sent.
    pub(super) fn on_asked(&mut self, now: Instant, packets: u64, seq: SeqNo) {
        if let Some(news) = self.loss.on_asked(packets, seq) {
            self.review(now, news);
        }
    }

    /// Sees what is called for, when such a share was lost since it was seen last.
    fn review(&mut self, now: Instant, news: f32) {
        let share = self.loss.share();
        for (called_for, (from, until)) in self.called_for.iter_mut().zip(Self::LEVELS) {
            if share >= from || (news >= until && is_recent(*called_for, now)) {
                *called_for = Some(now);
            }
        }
    }

    /// Returns how many earlier packets are to go with each.
    #[inline]
    pub(super) fn depth(&self, now: Instant) -> usize {
        let levels = self.called_for.iter();
        levels.filter(|at| is_recent(**at, now)).count()
    }
}

#[inline]
fn is_recent(called_for: Option<Instant>, now: Instant) -> bool {
    called_for.is_some_and(|at| now.saturating_duration_since(at) < REDUNDANCY_CALM)
}

/// A packet of sound, and where those before it are.
pub(super) struct Sound<'a> {
    pub(super) publication: &'a Publication,
    pub(super) stream: &'a ReceiveStream,
    pub(super) seq: ExtendedSeqNo,
    pub(super) header: RtpHeader,
    pub(super) payload: &'a [u8],
}

impl<'a> Sound<'a> {
    /// Returns the sound of a packet that was accepted.
    pub(super) fn of(arrival: &Arrival<'a>, publication: &'a Publication) -> Option<Self> {
        Some(Self {
            publication,
            stream: publication.stream(arrival.encoding)?,
            seq: arrival.seq,
            header: arrival.header,
            payload: arrival.payload(),
        })
    }

    /// Returns its own encoding, as plain Opus.
    pub(super) fn primary(&self) -> Option<&'a [u8]> {
        self.opus_of(self.header.payload_type, self.payload)
    }

    /// Replaces `out` with its payload together with up to `depth` earlier packets, as many as go into one. Returns of what
    /// that was made; `None` where there is nothing to go with it.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        opus: PayloadType,
        depth: usize,
    ) -> Option<RedRecipe> {
        (1..=depth).rev().find_map(|depth| {
            let recipe = self.recipe(depth);
            self.write_as(out, opus, recipe).then_some(recipe)
        })
    }

    /// Does the same by a recipe. Returns whether there is a payload.
    pub(super) fn write_as(&self, out: &mut Vec<u8>, opus: PayloadType, recipe: RedRecipe) -> bool {
        let mut earlier = [Earlier::default(); REDUNDANT_BLOCKS];
        let blocks = earlier.iter_mut().rev();
        for ((block, origin), back) in blocks.zip(recipe.before).zip(1..) {
            *block = match self.find(origin, back) {
                Some(found) => found,
                None if origin == Origin::Absent => Earlier::default(),
                None => return false,
            };
        }
        let primary = self.primary();
        primary.is_some_and(|primary| write_red(out, opus, &earlier, primary))
    }

    /// Returns where the `depth` packets before it are found.
    fn recipe(&self, depth: usize) -> RedRecipe {
        let mut recipe = RedRecipe::default();
        for (origin, back) in recipe.before.iter_mut().zip(1..).take(depth) {
            let found = |origin: &Origin| self.find(*origin, back).is_some();
            let origins = [Origin::Kept, Origin::Carried];
            *origin = origins.into_iter().find(found).unwrap_or_default();
        }
        recipe
    }

    /// Returns what the packet `back` before it held.
    fn find(&self, origin: Origin, back: u64) -> Option<Earlier<'a>> {
        match origin {
            Origin::Absent => None,
            Origin::Kept => self.kept(back),
            Origin::Carried => self.carried(back),
        }
    }

    fn kept(&self, back: u64) -> Option<Earlier<'a>> {
        let packet = self.stream.packet(self.seq.minus(back))?;
        let header = RtpHeader::parse(packet).ok()?;
        Some(Earlier {
            age: self.header.timestamp.0.wrapping_sub(header.timestamp.0),
            bytes: self.opus_of(header.payload_type, header.payload(packet))?,
        })
    }

    fn carried(&self, back: u64) -> Option<Earlier<'a>> {
        let format = self.publication.format(self.header.payload_type)?;
        if format.codec != Codec::Red {
            return None;
        }
        let blocks = red::blocks(self.payload);
        let place = blocks.clone().count().checked_sub(1)?;
        let place = place.checked_sub(usize::try_from(back).ok()?)?;
        let block = blocks.into_iter().nth(place)?;
        Some(Earlier {
            age: u32::from(block.timestamp_offset),
            bytes: self.opus_in(block)?,
        })
    }

    /// Returns the Opus in a payload.
    fn opus_of(&self, payload_type: PayloadType, payload: &'a [u8]) -> Option<&'a [u8]> {
        let codec = self.publication.format(payload_type)?.codec;
        if codec == Codec::Opus {
            return Some(payload);
        }
        let is_red = codec == Codec::Red;
        is_red.then(|| self.opus_in(red::primary(payload)?))?
    }

    fn opus_in(&self, block: Block<'a>) -> Option<&'a [u8]> {
        let is_opus = Some(block.payload_type) == self.publication.payload_type(Codec::Opus);
        is_opus.then_some(block.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_clock::start;

    /// A subscriber who reports once a second.
    struct Reports {
        now: Instant,
        packets: u64,
        lost: u64,
        redundancy: Redundancy,
    }

    impl Reports {
        fn new() -> Self {
            Self {
                now: start(),
                packets: 0,
                lost: 0,
                redundancy: Redundancy::default(),
            }
        }

        /// Returns how deep the redundancy is after ten seconds in each of which so many of 500 packets are lost.
        fn depth_at(&mut self, lost: u64) -> usize {
            for _ in 0..10 {
                self.now += Duration::from_secs(1);
                self.packets += 500;
                self.lost += lost;
                self.redundancy.on_report(self.now, self.packets, self.lost);
            }
            self.redundancy.depth(self.now)
        }
    }

    #[test]
    fn one_earlier_packet_is_called_for_from_one_percent_of_loss_on_and_two_from_five() {
        for (lost, depth) in [(0, 0), (4, 0), (6, 1), (24, 1), (27, 2), (400, 2)] {
            assert_eq!(Reports::new().depth_at(lost), depth, "{lost}");
        }
    }

    #[test]
    fn redundancy_stays_while_half_of_the_loss_does_and_ends_ten_seconds_after() {
        let mut reports = Reports::new();
        for (lost, depth) in [(50, 2), (15, 2), (15, 2), (4, 1), (4, 1), (2, 0), (4, 0)] {
            assert_eq!(reports.depth_at(lost), depth, "{lost}");
        }
    }

    #[test]
    fn a_packet_that_is_lost_by_itself_calls_for_nothing() {
        let (mut redundancy, now) = (Redundancy::default(), start());
        redundancy.on_asked(now, 1_000, SeqNo(1));
        assert_eq!(redundancy.depth(now), 0);
        redundancy.on_asked(now, 1_010, SeqNo(10));
        assert_eq!(redundancy.depth(now), 1);
    }
}
