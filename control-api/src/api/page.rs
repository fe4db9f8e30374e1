//! Pages of what is listed: by time, the latest first.

use std::time::Duration;

use sfu_model::UnixTime;
use store::{After, MAX_PAGE};

use super::error::ApiError;
use super::new_ban::text;

/// Rows of a page if nothing is said.
const USUAL: u32 = 100;

/// Reads how many rows are wanted.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, ApiError> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(ApiError::invalid(
            "limit",
            format!("write a number from 1 to {MAX_PAGE}"),
        )),
    }
}

/// Reads after which row a page begins: `MILLISECONDS_ID`, as `next` of the page before says.
pub(crate) fn after(asked: Option<&str>) -> Result<Option<After>, ApiError> {
    let Some(asked) = asked else {
        return Ok(None);
    };
    let read = asked.split_once('-').and_then(|(at, id)| {
        Some(After {
            at: UnixTime(Duration::from_millis(at.parse().ok()?)),
            id: text("after", id).ok()?,
        })
    });
    let read =
        read.ok_or_else(|| ApiError::invalid("after", "write what `next` of the page before says"));
    read.map(Some)
}

/// Names the last row of a full page, after which the next one begins.
pub(crate) fn next(rows: usize, limit: u32, last: Option<(UnixTime, &str)>) -> Option<String> {
    following(rows, limit, last).map(|after| name(&after))
}

/// Returns the last row of a full page, after which the next one begins.
pub(crate) fn following(rows: usize, limit: u32, last: Option<(UnixTime, &str)>) -> Option<After> {
    let is_full = u32::try_from(rows).is_ok_and(|rows| rows == limit);
    let (at, id) = last.filter(|_| is_full)?;
    let id = id.to_owned();
    Some(After { at, id })
}

/// Writes what [`after`] reads.
pub(crate) fn name(after: &After) -> String {
    format!("{}-{}", after.at.millis(), after.id)
}

/// Reads a time in milliseconds since 1970.
pub(crate) fn time(field: &str, asked: Option<u64>) -> Result<Option<UnixTime>, ApiError> {
    let in_range = |millis: u64| i64::try_from(millis).is_ok();
    match asked {
        Some(millis) if !in_range(millis) => {
            Err(ApiError::invalid(field, "it is later than there can be"))
        }
        asked => Ok(asked.map(|millis| UnixTime(Duration::from_millis(millis)))),
    }
}
