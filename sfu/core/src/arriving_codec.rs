//! What codec a publication is in, as its packets say.

use std::time::Instant;

use sfu_model::Codec;

use crate::limits::CODEC_REPORT_INTERVAL;

/// The codec that the control plane takes a publication's packets for: what a description lists first is
/// believed until a packet is something else.
#[derive(Debug, Default)]
pub(crate) struct ArrivingCodec {
    /// What was told last, and when.
    told: Option<(Codec, Instant)>,
}

impl ArrivingCodec {
    /// Takes the codec of a packet. Returns whether the control plane is to be told of it, where `first`
    /// is what the description lists first.
    #[inline]
    pub(crate) fn on_packet(&mut self, now: Instant, codec: Codec, first: Option<Codec>) -> bool {
        let told = self.told.map(|(codec, _)| codec);
        if is_same(told.or(first).unwrap_or(codec), codec) {
            return false;
        }
        let too_soon = |(_, at)| now.saturating_duration_since(at) < CODEC_REPORT_INTERVAL;
        if self.told.is_some_and(too_soon) {
            return false;
        }
        self.told = Some((codec, now));
        true
    }
}

/// Reports whether two codecs count as one: a sender of RED sends packets of plain Opus in between.
#[inline]
pub(crate) fn is_same(a: Codec, b: Codec) -> bool {
    a.without_redundancy() == b.without_redundancy()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_clock::start;

    #[test]
    fn what_was_expected_is_not_told_and_what_differs_is_told_once() {
        let now = start();
        let mut codec = ArrivingCodec::default();
        assert!(!codec.on_packet(now, Codec::Vp8, Some(Codec::Vp8)));
        assert!(codec.on_packet(now, Codec::H264, Some(Codec::Vp8)));
        assert!(!codec.on_packet(now, Codec::H264, Some(Codec::Vp8)));
    }

    #[test]
    fn a_description_that_lists_another_codec_first_is_believed_until_something_was_told() {
        let now = start();
        let mut codec = ArrivingCodec::default();
        assert!(!codec.on_packet(now, Codec::Vp8, Some(Codec::Vp8)));
        assert!(codec.on_packet(now, Codec::Vp8, Some(Codec::H264)));
        assert!(!codec.on_packet(now, Codec::Vp8, Some(Codec::Av1)));
    }

    #[test]
    fn redundant_and_plain_opus_are_one_codec() {
        let now = start();
        let mut codec = ArrivingCodec::default();
        assert!(!codec.on_packet(now, Codec::Opus, Some(Codec::Red)));
        assert!(!codec.on_packet(now, Codec::Red, Some(Codec::Red)));
        assert!(codec.on_packet(now, Codec::Pcmu, Some(Codec::Red)));
    }

    #[test]
    fn a_publisher_that_alternates_is_told_of_once_a_second() {
        let begin = start();
        let mut codec = ArrivingCodec::default();
        let mut told = 0;
        for step in 0..500 {
            let now = begin + Duration::from_millis(10 * step);
            let sent = if step % 2 == 0 {
                Codec::Vp8
            } else {
                Codec::H264
            };
            told += u32::from(codec.on_packet(now, sent, Some(Codec::Vp8)));
        }
        assert!((4..=6).contains(&told), "{told}");
    }
}
