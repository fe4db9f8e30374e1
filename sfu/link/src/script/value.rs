//! The values of a script: times, rates, sizes, shares.

use std::time::Duration;

use sfu_model::Bitrate;

use super::Fault;
use crate::limits::{MAX_DELAY, MAX_QUEUE_BYTES, MAX_WAIT, RATES};
use crate::{Bursts, LinkProfile, PerMille, QueueLimit};

/// Sets what a key stands for.
pub(super) fn set(profile: &mut LinkProfile, key: &str, value: &str) -> Result<(), Fault> {
    match key {
        "rate" => profile.rate = unless_none(value, rate)?,
        "queue" => profile.queue = queue(value)?,
        "delay" => profile.delay = delay(value)?,
        "jitter" => profile.jitter = delay(value)?,
        "loss" => profile.loss = share(value)?,
        "burst" => profile.bursts = unless_none(value, bursts)?,
        "duplicate" => profile.duplication = share(value)?,
        "reorder" => profile.reordering = share(value)?,
        other => return Err(Fault::unknown(other)),
    }
    Ok(())
}

/// Reads a time with its unit.
pub(super) fn time(text: &str) -> Option<Duration> {
    let (millionths, unit) = quantity(text)?;
    let micros = match unit {
        "us" => millionths / MILLION,
        "ms" => millionths / 1_000,
        "s" => millionths,
        "m" => millionths.checked_mul(60)?,
        _ => return None,
    };
    Some(Duration::from_micros(micros))
}

fn unless_none<T>(
    text: &str,
    read: impl FnOnce(&str) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    match text {
        "none" => Ok(None),
        text => read(text).map(Some),
    }
}

fn rate(text: &str) -> Result<Bitrate, Fault> {
    let read = || {
        let (millionths, unit) = quantity(text)?;
        let bits = scaled(millionths, unit.strip_suffix("bit")?)?;
        Some(Bitrate(bits)).filter(|rate| RATES.contains(rate))
    };
    read().ok_or_else(|| {
        Fault::word(
            text,
            "a rate from 1kbit to 10Gbit, such as 300kbit or 2Mbit, or none",
        )
    })
}

fn queue(text: &str) -> Result<QueueLimit, Fault> {
    let bytes = || {
        let (millionths, unit) = quantity(text)?;
        let bytes = scaled(millionths, unit.strip_suffix('B')?)?;
        (bytes <= MAX_QUEUE_BYTES).then_some(QueueLimit::Bytes(bytes))
    };
    let time = time(text).filter(|time| *time <= MAX_WAIT);
    time.map(QueueLimit::Time).or_else(bytes).ok_or_else(|| {
        Fault::word(
            text,
            "a time up to 10s, or bytes up to 125MB, such as 200ms or 64kB",
        )
    })
}

fn delay(text: &str) -> Result<Duration, Fault> {
    let time = time(text).filter(|time| *time <= MAX_DELAY);
    time.ok_or_else(|| Fault::word(text, "a time up to 10s, such as 20ms"))
}

fn share(text: &str) -> Result<PerMille, Fault> {
    try_share(text).ok_or_else(|| Fault::word(text, "a share from 0% to 100% in steps of 0.1%"))
}

fn try_share(text: &str) -> Option<PerMille> {
    /// A tenth of a percent, in millionths of a percent.
    const STEP: u64 = MILLION / 10;
    let (millionths, "%") = quantity(text)? else {
        return None;
    };
    let whole = millionths.is_multiple_of(STEP) && millionths <= 1_000 * STEP;
    let share = u32::try_from(millionths / STEP).ok()?;
    whole.then_some(PerMille(share))
}

fn bursts(text: &str) -> Result<Bursts, Fault> {
    let read = || {
        let mut shares = text.split(':');
        let bursts = Bursts {
            begin: try_share(shares.next()?)?,
            end: try_share(shares.next()?)?,
            loss: shares.next().map_or(Some(PerMille(1_000)), try_share)?,
        };
        shares.next().is_none().then_some(bursts)
    };
    read().ok_or_else(|| {
        Fault::word(
            text,
            "how often a burst begins, ends and loses, such as 0.5%:10% or 0.5%:10%:80%, or none",
        )
    })
}

const MILLION: u64 = 1_000_000;

/// Applies a decimal prefix to a number of millionths.
fn scaled(millionths: u64, prefix: &str) -> Option<u64> {
    let factor: u64 = match prefix {
        "" => 1,
        "k" => 1_000,
        "M" => MILLION,
        "G" => 1_000 * MILLION,
        _ => return None,
    };
    let value = u128::from(millionths) * u128::from(factor) / u128::from(MILLION);
    u64::try_from(value).ok()
}

/// Reads a decimal number, as millionths, and takes what stands behind it as its unit.
fn quantity(text: &str) -> Option<(u64, &str)> {
    /// Digits behind the point that are read.
    const PLACES: usize = 6;
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at_checked(end)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.is_empty() || part.len() > PLACES || !digits(part) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<PLACES$}").parse().ok()?;
    Some((whole.checked_mul(MILLION)?.checked_add(part)?, unit))
}
