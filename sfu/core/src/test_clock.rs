//! Where the virtual time of unit tests begins.

use std::time::Instant;

pub(crate) fn start() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock is virtual from here on"
    )]
    Instant::now()
}
