//! The time whose data counts.

use std::time::Duration;

/// Between two moments since the epoch: what was made then counts, whenever it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Duration,
    pub(super) to: Option<Duration>,
}

impl Window {
    pub(super) fn contains(&self, made_at: Duration) -> bool {
        self.from <= made_at && self.to.is_none_or(|to| made_at < to)
    }
}
