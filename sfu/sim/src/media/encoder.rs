//! How large the pictures of a camera are, by the rates that its encoder is given.

use std::time::Duration;

use sfu_model::Bitrate;

/// Decides of each picture of a stream which temporal layer it is of, and how many packets of what size it takes.
#[derive(Clone, Debug)]
pub struct Encoder {
    size: Size,
    temporal: Temporal,
    /// Pictures since the last key frame.
    count: usize,
}

#[derive(Clone, Debug)]
enum Size {
    /// Packets of so many bytes: as many of each picture, and so many of a key frame.
    Even(usize, u8),
    /// By bits per second, of each spatial layer by itself.
    Rates(Vec<Bitrate>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temporal {
    One,
    Three,
}

/// A picture that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Temporal layer.
    pub(crate) temporal: u8,
    /// Whether it stands on the lowest temporal layer alone, so that a receiver can go up here.
    pub(crate) sync: bool,
    /// Packets of each spatial layer, and the bytes of each.
    pub(crate) layers: Vec<(u8, usize)>,
}

impl Encoder {
    /// Time from one picture to the next.
    pub(crate) const INTERVAL: Duration = Duration::from_millis(40);

    /// Packets of a picture, and of a key frame where nothing else is said, where each has as many.
    const PARTS: u8 = 3;
    const KEY_PARTS: u8 = 6;
    /// Longest payload of a packet, give or take a descriptor.
    const LONGEST: u64 = 1_100;
    /// Four pictures, with three temporal layers, as libwebrtc orders them: which layer, whether it is a switching
    /// point, and the size beside the average in hundredths. 40 % of the bits are the lowest layer's.
    const PATTERN: [(u8, bool, u64); 4] =
        [(0, true, 160), (2, true, 80), (1, true, 80), (2, false, 80)];
    /// Pictures of something that moves differ: their size beside the average in hundredths.
    const UNREST: [u64; 5] = [85, 120, 95, 110, 90];
    /// A key frame is as large as so many pictures.
    const KEY_FRAME: u64 = 4;

    /// Makes one whose pictures all have as many packets of so many bytes.
    pub fn even(body: usize) -> Self {
        Self::new(Size::Even(body, Self::KEY_PARTS), Temporal::One)
    }

    /// Makes the same with key frames of so many packets.
    pub fn with_key_frames(body: usize, parts: u8) -> Self {
        Self::new(Size::Even(body, parts), Temporal::One)
    }

    /// Makes one of so many bits per second, in three temporal layers.
    pub fn of_rate(rate: Bitrate) -> Self {
        Self::new(Size::Rates(vec![rate]), Temporal::Three)
    }

    /// Makes one of several spatial layers in one stream (SVC), each of so many bits per second by itself, in three
    /// temporal layers.
    pub fn scalable(rates: &[Bitrate]) -> Self {
        Self::new(Size::Rates(rates.to_vec()), Temporal::Three)
    }

    fn new(size: Size, temporal: Temporal) -> Self {
        Self {
            size,
            temporal,
            count: 0,
        }
    }

    /// Plans the next picture.
    pub(crate) fn next(&mut self, key_frame: bool) -> Plan {
        self.count = if key_frame { 0 } else { self.count + 1 };
        let place = self.count % Self::PATTERN.len();
        let (temporal, sync, share) = match (self.temporal, Self::PATTERN.get(place)) {
            (Temporal::Three, Some(place)) => *place,
            (Temporal::One | Temporal::Three, _) => (0, true, 100),
        };
        let unrest = Self::UNREST.get(self.count % Self::UNREST.len());
        let share = match key_frame {
            true => 100 * Self::KEY_FRAME,
            false => share * unrest.copied().unwrap_or(100) / 100,
        };
        let layers = match &self.size {
            Size::Even(body, parts) if key_frame => vec![(*parts, *body)],
            Size::Even(body, _) => vec![(Self::PARTS, *body)],
            Size::Rates(rates) => rates.iter().map(|rate| packets(*rate, share)).collect(),
        };
        Plan {
            temporal,
            sync,
            layers,
        }
    }
}

/// Returns how many packets, of how many bytes, a picture takes at a rate that has so many hundredths of the average.
fn packets(rate: Bitrate, share: u64) -> (u8, usize) {
    let bits = rate.0 * Encoder::INTERVAL.as_millis() as u64 / 1_000;
    let bytes = bits / 8 * share / 100;
    let parts = bytes.div_ceil(Encoder::LONGEST).clamp(1, 200);
    let body = usize::try_from(bytes / parts).unwrap_or(0);
    (u8::try_from(parts).unwrap_or(u8::MAX), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits per second of each temporal layer over ten seconds without a key frame.
    fn rates(mut encoder: Encoder) -> [usize; 3] {
        let mut bytes = [0; 3];
        for _ in 0..250 {
            let plan = encoder.next(false);
            let whole: usize = plan
                .layers
                .iter()
                .map(|(parts, body)| usize::from(*parts) * body)
                .sum();
            bytes[usize::from(plan.temporal)] += whole;
        }
        bytes.map(|bytes| bytes * 8 / 10)
    }

    #[test]
    fn a_rate_is_kept_and_lies_in_three_layers() {
        let [lowest, middle, highest] = rates(Encoder::of_rate(Bitrate(500_000)));
        let all = lowest + middle + highest;
        assert!((470_000..510_000).contains(&all), "{all}");
        assert!((38..43).contains(&(lowest * 100 / all)), "{lowest}");
        assert!((18..22).contains(&(middle * 100 / all)), "{middle}");
    }

    #[test]
    fn a_key_frame_is_large_and_begins_the_pattern() {
        let mut encoder = Encoder::of_rate(Bitrate(800_000));
        let size = |plan: &Plan| {
            plan.layers
                .iter()
                .map(|(parts, body)| usize::from(*parts) * body)
                .sum::<usize>()
        };
        let usual = size(&encoder.next(false));
        let key_frame = encoder.next(true);
        assert!(size(&key_frame) > 4 * usual);
        assert_eq!(key_frame.temporal, 0);
        assert_eq!(encoder.next(false).temporal, 2);
    }

    #[test]
    fn each_spatial_layer_has_its_rate() {
        let mut encoder = Encoder::scalable(&[100, 400].map(|kbit| Bitrate(kbit * 1_000)));
        let [(1, low), (parts, body)] = encoder.next(false).layers[..] else {
            panic!("two layers");
        };
        let high = usize::from(parts) * body;
        assert!((high as f64 / low as f64 - 4.0).abs() < 0.1, "{low} {high}");
    }
}
