//! Times in which a link stays the same.

use crate::record::{INTERVAL, Sample};

/// Samples between two changes of the link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    pub(crate) samples: &'a [Sample],
    /// What it carries.
    pub(crate) capacity: f64,
    /// What it carried before; nothing if it is the first.
    pub(crate) before: Option<f64>,
}

/// What a link carries counts as another when it differs by so much.
const OTHER: f64 = 0.2;

impl<'a> Span<'a> {
    /// Parts a record where the link changes by much.
    pub(crate) fn all(samples: &'a [Sample]) -> Vec<Self> {
        let same = |one: &Sample, next: &Sample| {
            (one.capacity - next.capacity).abs() <= OTHER * one.capacity.min(next.capacity)
        };
        let mut before = None;
        let parts = samples.chunk_by(same);
        let spans = parts.map(|samples| {
            let capacity = samples.first().map_or(0.0, |sample| sample.capacity);
            Self {
                samples,
                capacity,
                before: before.replace(capacity),
            }
        });
        spans.collect()
    }

    /// Returns what comes more than so many seconds after it began.
    pub(crate) fn after(&self, seconds: f64) -> &'a [Sample] {
        let skipped = (seconds / INTERVAL.as_secs_f64()) as usize;
        self.samples.get(skipped..).unwrap_or_default()
    }
}
