use sfu_model::UnixTime;

/// Most rows of one answer.
pub const MAX_PAGE: u32 = 1000;

/// The last row of the page before: rows are listed by time, the latest first, and by id within one millisecond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Its time.
    pub at: UnixTime,
    /// Its id.
    pub id: String,
}

impl After {
    /// Returns what comes before every row.
    pub(crate) fn bounds(after: Option<&Self>) -> (i64, &str) {
        match after {
            Some(after) => (after.at.millis(), after.id.as_str()),
            None => (i64::MAX, ""),
        }
    }
}

/// Returns how many rows an answer has, at least one.
pub(crate) fn rows(limit: u32) -> i64 {
    i64::from(limit.clamp(1, MAX_PAGE))
}

/// Writes what is searched for as a pattern of `LIKE ... ESCAPE '!'`, which finds it anywhere.
pub(crate) fn pattern(searched: &str) -> String {
    let mut pattern = String::with_capacity(searched.len() + 2);
    pattern.push('%');
    for c in searched.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Writes a time that may be none.
pub(crate) fn millis(time: Option<UnixTime>) -> i64 {
    time.map_or(0, UnixTime::millis)
}

/// Reads a time that may be none. A negative one is none either.
pub(crate) fn time(millis: i64) -> Option<UnixTime> {
    let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0)?;
    Some(UnixTime(std::time::Duration::from_millis(millis)))
}
