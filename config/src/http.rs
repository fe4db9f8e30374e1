use std::time::Duration;

use crate::duration;
use crate::group::Group;
use crate::problem::{Problem, Read};

/// The HTTP server: the group `http`. Ours, not LiveKit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// `idle_timeout`: how long a connection may stay without a request. Default 75 s, more than most
    /// balancers keep one; behind Google's, which keep it for 600 s, write 630s.
    pub idle_timeout: Duration,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(75),
        }
    }
}

impl Http {
    pub(crate) fn read(group: &mut Group<'_>) -> Self {
        let default = Self::default();
        Self {
            idle_timeout: group
                .get("idle_timeout", idle_timeout)
                .unwrap_or(default.idle_timeout),
        }
    }
}

/// Reads a duration in which a client can send a request at all.
fn idle_timeout(written: &str) -> Read<Duration> {
    let time = duration::read(written)?;
    match time < Duration::from_secs(1) {
        true => Err(Problem::new(
            "is less than a second",
            "write a longer one, such as 75s",
        )),
        false => Ok(time),
    }
}
