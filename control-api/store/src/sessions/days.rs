use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Most days over which one report is spread.
const MAX_DAYS: i64 = 400;

/// A day of UTC, by its number since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// Returns the day of a time in milliseconds since 1970.
    pub fn of(millis: i64) -> Self {
        Self(millis.div_euclid(DAY_MS))
    }

    /// Returns the first day of its month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        Self(self.0 - i64::from(self.date().day0()))
    }

    fn date(self) -> NaiveDate {
        let date = i32::try_from(self.0).ok();
        date.and_then(NaiveDate::from_epoch_days)
            .unwrap_or_default()
    }
}

impl fmt::Display for Day {
    /// Writes `YYYY-MM-DD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

impl FromStr for Day {
    type Err = ();

    /// Reads `YYYY-MM-DD`, from 1970 on.
    fn from_str(text: &str) -> Result<Self, ()> {
        let date: NaiveDate = text.parse().map_err(|_| ())?;
        let read = Self(i64::from(date.to_epoch_days()));
        // What may be written in several ways would be two pages of one answer.
        match read.0 >= 0 && read.to_string() == text {
            true => Ok(read),
            false => Err(()),
        }
    }
}

/// Spreads what came together in the `lasted` milliseconds before `until` over the days in which they lie, in proportion.
/// All shares of an amount come to that amount.
pub(super) fn spread<const N: usize>(
    until: i64,
    lasted: i64,
    amounts: [i64; N],
) -> Vec<(Day, [i64; N])> {
    let lasted = lasted.clamp(0, MAX_DAYS * DAY_MS);
    let began = until.saturating_sub(lasted);
    let (first, last) = (Day::of(began), Day::of(until));
    let mut shares = Vec::new();
    let mut before = [0; N];
    for day in first.0..=last.0 {
        let end = ((day + 1) * DAY_MS).min(until);
        let upto = amounts.map(|amount| match day == last.0 {
            true => amount,
            false => part(amount, end - began, lasted),
        });
        let mut share = upto;
        share.iter_mut().zip(before).for_each(|(to, it)| *to -= it);
        before = upto;
        if share.iter().any(|amount| *amount != 0) || day == last.0 {
            shares.push((Day(day), share));
        }
    }
    shares
}

/// Returns the part of an amount that fell into the first `upto` of `whole`.
fn part(amount: i64, upto: i64, whole: i64) -> i64 {
    let product = i128::from(amount) * i128::from(upto);
    let part = product.checked_div(i128::from(whole)).unwrap_or_default();
    i64::try_from(part).unwrap_or(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_and_read_as_the_calendar_has_them() {
        for (number, text) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_423, "2025-12-01"),
            (20_788, "2026-12-01"),
        ] {
            assert_eq!(Day(number).to_string(), text);
            assert_eq!(text.parse(), Ok(Day(number)));
        }
        assert_eq!(Day(20_819).first_of_month().to_string(), "2027-01-01");
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "+026-01-01",
            "1969-12-31",
        ] {
            assert_eq!(text.parse::<Day>(), Err(()), "{text}");
        }
    }

    #[test]
    fn what_spans_midnight_is_spread_by_time_and_nothing_of_it_is_lost() {
        let shares = spread(2 * DAY_MS + 1_000, DAY_MS + 2_000, [86_402, 7]);
        assert_eq!(
            shares,
            [(Day(0), [1, 0]), (Day(1), [86_400, 6]), (Day(2), [1, 1])]
        );
        assert_eq!(spread(5, 0, [3]), [(Day(0), [3])]);
    }

    #[test]
    fn a_report_over_more_time_than_there_can_be_is_spread_over_bounded_days() {
        let shares = spread(i64::MAX / 2, i64::MAX, [1_000_000]);
        assert!(shares.len() <= 402);
        let sum: i64 = shares.iter().map(|(_, [amount])| amount).sum();
        assert_eq!(sum, 1_000_000);
    }
}
