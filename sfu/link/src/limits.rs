//! What a script may ask for. `docs/limits.md` says what happens beyond it.

use std::ops::RangeInclusive;
use std::time::Duration;

use sfu_model::Bitrate;

/// Bytes of a script: far more than its most lines need.
pub const MAX_SCRIPT_BYTES: usize = 65_536;

/// Lines of a script: a change a second for a quarter of an hour.
pub const MAX_LINES: usize = 1_000;

/// Time that a packet waits in a queue at most, whatever the queue's size and rate: a longer wait is as good as a loss
/// to everything that has a timer.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// Rates of a bottleneck: from an old modem to what no program here can fill.
pub(crate) const RATES: RangeInclusive<Bitrate> = Bitrate(1_000)..=Bitrate(10_000_000_000);

/// Bytes of a queue: what the fastest link carries in a tenth of a second.
pub(crate) const MAX_QUEUE_BYTES: u64 = 125_000_000;

/// Longest delay or jitter: to the moon and back four times.
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(10);

/// Latest time in a script: a day.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(86_400);
