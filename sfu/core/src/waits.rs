//! How long packets wait for their links.

use std::time::Duration;

use sfu_model::Histogram;

/// How many packets of video waited how long before they left, of those that had to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits(Histogram<8>);

impl Default for Waits {
    fn default() -> Self {
        let bounds = [
            5_000, 10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
        ];
        Self(Histogram::new(bounds))
    }
}

impl Waits {
    /// Returns how many waited for how many microseconds.
    pub fn histogram(&self) -> &Histogram<8> {
        &self.0
    }

    pub(crate) fn note(&mut self, wait: Duration) {
        self.0.note_time(wait);
    }
}
