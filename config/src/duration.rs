use std::time::Duration;

use crate::problem::{Problem, Read};

/// The longest duration that makes sense anywhere here: a year.
const MAX: Duration = Duration::from_secs(365 * 86_400);

/// Reads a duration as Go writes it: `500ms`, `5s`, `1h30m`, `1.5s`. A number without a unit
/// counts nanoseconds there, which nobody means, so only zero may stand alone.
pub(crate) fn read(written: &str) -> Read<Duration> {
    let problem = || {
        Problem::new(
            "is no duration",
            "write a number with its unit, such as 500ms or 5s",
        )
    };
    if written == "0" {
        return Ok(Duration::ZERO);
    }
    if written.is_empty() {
        return Err(problem());
    }
    let mut total = 0.0;
    let mut rest = written;
    while !rest.is_empty() {
        let (seconds, after) = part(rest).ok_or_else(problem)?;
        total += seconds;
        rest = after;
    }
    Duration::try_from_secs_f64(total)
        .ok()
        .filter(|&duration| duration <= MAX)
        .ok_or_else(|| Problem::new("is longer than a year", "write a shorter one, such as 5s"))
}

/// Takes a number and its unit off the front, and says how many seconds they are.
fn part(text: &str) -> Option<(f64, &str)> {
    const UNITS: [(&str, f64); 7] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
    ];

    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, after) = text.split_at_checked(digits)?;
    let number: f64 = number.parse().ok()?;
    UNITS
        .iter()
        .find_map(|&(unit, seconds)| Some((number * seconds, after.strip_prefix(unit)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let cases = [
            ("500ms", 500),
            ("5s", 5_000),
            ("1.5s", 1_500),
            ("1h30m", 5_400_000),
            ("2m0s", 120_000),
            ("0", 0),
        ];
        for (written, millis) in cases {
            assert_eq!(
                read(written),
                Ok(Duration::from_millis(millis)),
                "{written}"
            );
        }
        assert_eq!(read("20us"), Ok(Duration::from_micros(20)));
    }

    #[test]
    fn what_has_no_unit_or_no_number_is_refused() {
        for written in [
            "", "5", "s", "5 s", "-5s", "5sec", "1e3s", "..s", "9999999h",
        ] {
            assert!(read(written).is_err(), "{written}");
        }
    }
}
