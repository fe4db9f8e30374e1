//! The clock of all clients of the process.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use loadtest_peer::Arrival;
use sfu_model::{Now, UnixTime};

/// Both clocks as they were when the process first asked.
static BEGUN: LazyLock<Now> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Now {
        mono: Instant::now(),
        unix: UnixTime(since.unwrap_or_default()),
    }
});

/// No datagram waits longer to be read, or the wall clock was set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Returns the zero of stamps.
pub(crate) fn epoch() -> Instant {
    BEGUN.mono
}

pub(crate) fn now() -> Now {
    BEGUN.after(BEGUN.mono.elapsed())
}

/// Returns when a datagram came that is read at this moment, and that the kernel stamped so: a busy reader is no delay of
/// the server's.
pub(crate) fn arrival(stamped: Option<Duration>) -> Arrival {
    let now = now();
    let since = stamped.and_then(|stamped| stamped.checked_sub(BEGUN.unix.0));
    let at = since.and_then(|since| BEGUN.mono.checked_add(since));
    let recent = |at: &Instant| {
        let waited = now.mono.checked_duration_since(*at);
        waited.is_some_and(|waited| waited < LONGEST_WAIT)
    };
    match at.filter(recent) {
        Some(at) => Arrival { now, at },
        None => Arrival::read_at_once(now),
    }
}
