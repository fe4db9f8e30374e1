//! How long the turns of a shard's thread take.

use std::time::Duration;

use sfu_model::Histogram;

/// How many turns took how long, since the thread began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnLengths(Histogram<9>);

impl Default for TurnLengths {
    fn default() -> Self {
        let bounds = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 200_000];
        Self(Histogram::new(bounds))
    }
}

impl TurnLengths {
    /// Returns how many took how many microseconds.
    pub fn histogram(&self) -> &Histogram<9> {
        &self.0
    }

    pub(crate) fn note(&mut self, length: Duration) {
        self.0.note_time(length);
    }
}
