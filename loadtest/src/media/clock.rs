use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sfu_model::{Now, UnixTime};

/// Both clocks, which agree for the life of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    begun: Now,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            begun: Now {
                mono: Instant::now(),
                unix: UnixTime(since.unwrap_or_default()),
            },
        }
    }

    /// Returns the zero of stamps.
    pub(crate) fn epoch(&self) -> Instant {
        self.begun.mono
    }

    pub(crate) fn now(&self) -> Now {
        self.begun.after(self.begun.mono.elapsed())
    }
}
