//! How much each layer of a stream sends.

use std::time::{Duration, Instant};

use sfu_model::{Bitrate, SpatialLayer, Step, TemporalLayer};

use crate::allocation::LayerCosts;
use crate::limits::RATE_WINDOW;

/// Bits per second of every layer of one stream, by what came of it lately.
///
/// A rate follows a rise within a window or two, and a fall slowly: a screen share that stands still will move again, and
/// a link should have room for it then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerRates {
    since: Instant,
    /// Bytes since then, by spatial and temporal layer.
    bytes: [[u32; TemporalLayer::COUNT]; SpatialLayer::COUNT],
    rates: [[u32; TemporalLayer::COUNT]; SpatialLayer::COUNT],
    /// Whether a spatial layer is sent without those below it.
    independent: bool,
}

impl LayerRates {
    /// What part of a fall is followed in one window: one in this many.
    const DECAY: u32 = 8;

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: Default::default(),
            rates: Default::default(),
            independent: false,
        }
    }

    /// Says whether a spatial layer is sent without those below it.
    pub(crate) fn set_independent_layers(&mut self, independent: bool) {
        self.independent = independent;
    }

    /// Takes a packet of a layer. Returns whether the rates are others than before.
    #[inline]
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        spatial: u8,
        temporal: u8,
        len: usize,
    ) -> bool {
        let elapsed = now.saturating_duration_since(self.since);
        let is_over = elapsed >= RATE_WINDOW;
        if is_over {
            self.end_window(now, elapsed);
        }
        let row = self.bytes.get_mut(usize::from(spatial));
        if let Some(bytes) = row.and_then(|row| row.get_mut(usize::from(temporal))) {
            *bytes = bytes.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
        is_over
    }

    fn end_window(&mut self, now: Instant, elapsed: Duration) {
        let millis = u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let all = self
            .rates
            .iter_mut()
            .flatten()
            .zip(self.bytes.iter_mut().flatten());
        for (rate, bytes) in all {
            let latest = u64::from(std::mem::take(bytes)) * 8_000 / millis;
            let latest = u32::try_from(latest).unwrap_or(u32::MAX);
            *rate = match *rate {
                // What has just begun counts whole, what rises by half.
                0 => latest,
                before if latest > before => before + (latest - before).div_ceil(2),
                before => before - (before - latest).div_ceil(Self::DECAY),
            };
        }
        self.since = now;
    }

    /// Returns the highest temporal layer that sends.
    pub(crate) fn highest_temporal(&self) -> Option<u8> {
        let layers = self.rates.iter().flat_map(|row| (0..).zip(row));
        let sending = layers.filter(|(_, rate)| **rate > 0);
        sending.map(|(temporal, _)| temporal).max()
    }

    /// Adds what each layer costs, with those that it stands on, to `costs`. `place` is the spatial layer of a stream that
    /// has but one.
    pub(crate) fn add_to(&self, costs: &mut LayerCosts, place: u8) {
        let mut below = [0_u64; TemporalLayer::COUNT];
        for (spatial, row) in (0..).zip(&self.rates) {
            let mut sum = 0;
            if self.independent {
                below = Default::default();
            }
            for ((temporal, rate), below) in (0..).zip(row).zip(&mut below) {
                sum += u64::from(*rate);
                *below += sum;
                if *rate > 0 {
                    let step = Step {
                        spatial: SpatialLayer(place.max(spatial)),
                        temporal: TemporalLayer(temporal),
                    };
                    costs.set(step, Bitrate(*below));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    /// Sends `rate` kbit/s of one layer for a while.
    fn run(rates: &mut LayerRates, now: &mut Instant, layer: (u8, u8), rate: usize, windows: u32) {
        for _ in 0..windows * 10 {
            *now += RATE_WINDOW / 10;
            let len = rate * 1_000 / 8 * usize::try_from(RATE_WINDOW.as_millis()).unwrap() / 10_000;
            rates.on_packet(*now, layer.0, layer.1, len);
        }
    }

    fn costs(rates: &LayerRates, place: u8) -> LayerCosts {
        let mut costs = LayerCosts::default();
        rates.add_to(&mut costs, place);
        costs
    }

    fn kbps(costs: &LayerCosts, spatial: u8, temporal: u8) -> u64 {
        let step = Step {
            spatial: SpatialLayer(spatial),
            temporal: TemporalLayer(temporal),
        };
        (costs.get(step).0 + 500) / 1_000
    }

    #[test]
    fn a_rate_is_known_after_a_window() {
        let mut now = start();
        let mut rates = LayerRates::new(now);
        assert_eq!(costs(&rates, 1), LayerCosts::default());
        run(&mut rates, &mut now, (0, 0), 800, 2);
        let rate = kbps(&costs(&rates, 1), 1, 0);
        assert!((750..=850).contains(&rate), "{rate} kbit/s");
    }

    #[test]
    fn a_higher_layer_costs_what_those_below_it_cost_too() {
        let mut now = start();
        let mut rates = LayerRates::new(now);
        // 100 kbit/s of each layer in every window.
        let len = 100_000 / 8 * usize::try_from(RATE_WINDOW.as_millis()).unwrap() / 1_000;
        for _ in 0..3 {
            for (spatial, temporal) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                rates.on_packet(now, spatial, temporal, len);
            }
            now += RATE_WINDOW;
        }
        rates.on_packet(now, 0, 0, 0);
        let costs = costs(&rates, 0);
        let known = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(s, t)| kbps(&costs, s, t));
        assert_eq!(known, [100, 200, 200, 400]);
    }

    #[test]
    fn a_spatial_layer_that_stands_alone_costs_no_more_than_its_own() {
        let mut now = start();
        let mut rates = LayerRates::new(now);
        rates.set_independent_layers(true);
        let len = 100_000 / 8 * usize::try_from(RATE_WINDOW.as_millis()).unwrap() / 1_000;
        for _ in 0..3 {
            for (spatial, temporal) in [(0, 0), (1, 0), (1, 1)] {
                rates.on_packet(now, spatial, temporal, len);
            }
            now += RATE_WINDOW;
        }
        rates.on_packet(now, 0, 0, 0);
        let costs = costs(&rates, 0);
        let known = [(0, 0), (1, 0), (1, 1)].map(|(s, t)| kbps(&costs, s, t));
        assert_eq!(known, [100, 100, 200]);
    }

    #[test]
    fn a_fall_is_followed_slowly_and_a_rise_at_once() {
        let mut now = start();
        let mut rates = LayerRates::new(now);
        run(&mut rates, &mut now, (0, 0), 800, 2);
        run(&mut rates, &mut now, (0, 0), 80, 2);
        assert!(kbps(&costs(&rates, 0), 0, 0) > 500);
        run(&mut rates, &mut now, (0, 0), 80, 40);
        assert!(kbps(&costs(&rates, 0), 0, 0) < 100);
        run(&mut rates, &mut now, (0, 0), 800, 3);
        assert!(kbps(&costs(&rates, 0), 0, 0) > 600);
    }
}
