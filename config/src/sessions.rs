use std::time::Duration;

use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::value;

/// How long it is kept what sessions came to: the group `sessions`. Ours, not LiveKit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// `keep_days`: of rooms, participants and tracks, after their end. Default 90.
    pub keep: Duration,
    /// `keep_usage_days`: of what was used, by day, key and room. Default 400: this month can be compared with that of a
    /// year ago.
    pub keep_usage: Duration,
}

impl Sessions {
    pub(crate) fn read(group: &mut Group<'_>) -> Self {
        Self {
            keep: group.get("keep_days", days).unwrap_or(of_days(90)),
            keep_usage: group.get("keep_usage_days", days).unwrap_or(of_days(400)),
        }
    }
}

const fn of_days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn days(written: &str) -> Read<Duration> {
    match value::count(written)? {
        days @ 1..=36_500 => Ok(of_days(days.into())),
        _ => Err(Problem::new(
            "is out of range",
            "write a number of days from 1 to 36500",
        )),
    }
}
