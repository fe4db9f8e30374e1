use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sfu_model::{Now, UnixTime};

/// Reads both clocks.
pub fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    Now {
        mono: Instant::now(),
        unix: UnixTime(unix.unwrap_or(Duration::ZERO)),
    }
}
