use std::time::{SystemTime, UNIX_EPOCH};

use sfu_model::UnixTime;

/// Returns the time of day.
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime(since.unwrap_or_default())
}
