use std::time::Duration;

use crate::duration;
use crate::problem::{Problem, Read};

pub(crate) fn text(written: &str) -> Read<String> {
    Ok(written.to_owned())
}

/// Reads a truth value, in all spellings that LiveKit's parser takes.
pub(crate) fn truth(written: &str) -> Read<bool> {
    match written.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Ok(true),
        "false" | "no" | "off" | "n" => Ok(false),
        _ => Err(Problem::new(
            "is neither true nor false",
            "write true or false",
        )),
    }
}

/// Reads a whole number: `1_000`, `0x3e8` and `1e3` are the same.
fn whole(written: &str) -> Option<i64> {
    let plain = written.replace('_', "");
    if let Some(hex) = plain.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    plain.parse().ok().or_else(|| {
        let real: f64 = plain.parse().ok()?;
        // Whole numbers up to 2^53 are exact.
        let exact = real.fract() == 0.0 && real.abs() < 9e15;
        exact.then_some(real as i64)
    })
}

fn within(written: &str, from: i64, to: i64) -> Read<i64> {
    let remedy = || format!("write a number from {from} to {to}");
    let number = whole(written).ok_or_else(|| Problem::new("is no whole number", remedy()))?;
    if (from..=to).contains(&number) {
        return Ok(number);
    }
    Err(Problem::new("is out of range", remedy()))
}

/// Reads a port; 0 has a meaning of its own for every key.
pub(crate) fn port(written: &str) -> Read<u16> {
    match whole(written).map(u16::try_from) {
        Some(Ok(port)) => Ok(port),
        Some(Err(_)) | None => Err(Problem::new(
            "is no port number",
            "write a number from 1 to 65535",
        )),
    }
}

/// Reads a port that 0 turns off.
pub(crate) fn port_or_off(written: &str) -> Read<Option<u16>> {
    match port(written) {
        Ok(0) => Ok(None),
        Ok(port) => Ok(Some(port)),
        Err(_) => Err(Problem::new(
            "is no port number",
            "write a number from 1 to 65535, or 0 for none",
        )),
    }
}

/// Reads a count of things or bytes.
pub(crate) fn count(written: &str) -> Read<u32> {
    within(written, 0, i64::from(u32::MAX)).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// Reads a limit; zero and less mean "no limit".
pub(crate) fn limit(written: &str) -> Read<Option<u64>> {
    let number = whole(written)
        .ok_or_else(|| Problem::new("is no whole number", "write a number, or 0 for no limit"))?;
    Ok(u64::try_from(number).ok().filter(|&limit| limit > 0))
}

/// Reads a value from 0 to 127, as audio levels are (RFC 6464).
pub(crate) fn audio_level(written: &str) -> Read<u8> {
    within(written, 0, 127).map(|number| u8::try_from(number).unwrap_or(u8::MAX))
}

/// Reads a percentage.
pub(crate) fn percent(written: &str) -> Read<u8> {
    within(written, 0, 100).map(|number| u8::try_from(number).unwrap_or(100))
}

/// Reads seconds without a unit, as LiveKit's `*_timeout` of rooms are.
pub(crate) fn seconds(written: &str) -> Read<Duration> {
    if let Ok(number) = within(written, 0, i64::from(u32::MAX)) {
        return Ok(Duration::from_secs(number.unsigned_abs()));
    }
    duration::read(written)
        .map_err(|_| Problem::new("is no number of seconds", "write a number such as 300"))
}

/// Reads milliseconds without a unit.
pub(crate) fn millis(written: &str) -> Read<Duration> {
    if let Ok(number) = within(written, 1, 3_600_000) {
        return Ok(Duration::from_millis(number.unsigned_abs()));
    }
    duration::read(written).map_err(|_| {
        Problem::new(
            "is no number of milliseconds",
            "write a number from 1 to 3600000",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_their_spellings() {
        for written in ["1000", "1_000", "0x3e8", "1e3", "+1000", "1000.0"] {
            assert_eq!(count(written), Ok(1000), "{written}");
        }
        for written in ["", "abc", "1.5", "-1", "99999999999", "1e400", "NaN"] {
            assert!(count(written).is_err(), "{written}");
        }
    }

    #[test]
    fn ports_have_sixteen_bits() {
        assert_eq!(port("65535"), Ok(65535));
        assert!(port("65536").is_err());
        assert_eq!(port_or_off("0"), Ok(None));
    }

    #[test]
    fn zero_and_less_is_no_limit() {
        assert_eq!(limit("0"), Ok(None));
        assert_eq!(limit("-1"), Ok(None));
        assert_eq!(limit("5"), Ok(Some(5)));
    }

    #[test]
    fn truth_has_many_spellings() {
        assert_eq!(truth("Yes"), Ok(true));
        assert_eq!(truth("off"), Ok(false));
        assert!(truth("1").is_err());
    }
}
