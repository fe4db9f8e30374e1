//! What a record comes to.

use std::fmt;
use std::time::Duration;

use crate::record::{INTERVAL, Record, Sample, Seen};
use crate::span::Span;

/// The figures of one case; where one does not apply it is not a number.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Share of the link that the call used, in per cent, but for the first seconds after each change of the link.
    pub used: f64,
    /// 95th percentile of the time in the queue, in milliseconds.
    pub queue: f64,
    /// Share of the call's datagrams that found no room, in per cent.
    pub loss: f64,
    /// Seconds until no more was sent than a link carries that had fallen, at most.
    pub down: f64,
    /// Seconds until nearly as much was sent as in the end, over a link that had risen, at most.
    pub up: f64,
    /// Jain's index of what viewers got while all looked: 1 when all got the same.
    pub fairness: f64,
    /// Seconds that the worst camera of the worst viewer stood still.
    pub frozen: f64,
    /// Freezes of all cameras.
    pub freezes: u64,
    /// Changes of layers in a minute of the link staying the same, of all cameras of the worst viewer.
    pub changes: f64,
    /// Share of the worst viewer's sound that was made up, in per cent.
    pub concealed: f64,
}

/// The beginning, in which nothing is known of the link.
const BEGINNING: Duration = Duration::from_secs(10);

/// Time after a change of the link in which it need not be used, in seconds.
const ADAPTS: f64 = 5.0;

/// Shorter times between two changes tell nothing of how much is used in the end, in seconds.
const TELLS: f64 = 8.0;

/// Share of what is sent in the end that counts as all.
const NEARLY: f64 = 0.85;

/// Returns the head of a table of figures.
pub fn heading() -> &'static str {
    "| case | link used | queue p95 | loss | down | up | fairness | frozen (times) | layer changes a minute | sound concealed |\n\
     |---|---|---|---|---|---|---|---|---|---|"
}

impl Figures {
    /// Reads a record.
    pub fn of(record: &Record) -> Self {
        let samples = &record.samples;
        let begun = samples.partition_point(|sample| sample.at <= BEGINNING);
        let begun = samples.get(begun..).unwrap_or_default();
        let spans = Span::all(samples);
        let steady: Vec<&[Sample]> = spans.iter().map(|span| settled(span)).collect();
        Self {
            used: used(&steady),
            queue: queue(record),
            loss: loss(begun),
            down: worst(spans.iter().filter_map(down)),
            up: worst(spans.iter().filter_map(up)),
            fairness: fairness(begun),
            frozen: frozen(begun),
            freezes: freezes(begun),
            changes: changes(&steady),
            concealed: concealed(begun),
        }
    }

    /// Returns them as a row of a table.
    pub fn row(&self, case: &str) -> String {
        let Self {
            frozen, freezes, ..
        } = self;
        let shown = |value: f64, unit: &str, digits: usize| Shown(value, digits, unit.to_owned());
        format!(
            "| {case} | {} | {} | {} | {} | {} | {} | {frozen:.1} s ({freezes}) | {} | {} |",
            shown(self.used, " %", 0),
            shown(self.queue, " ms", 0),
            shown(self.loss, " %", 2),
            shown(self.down, " s", 1),
            shown(self.up, " s", 1),
            shown(self.fairness, "", 2),
            shown(self.changes, "", 1),
            shown(self.concealed, " %", 1),
        )
    }
}

/// A number with its unit, or nothing.
struct Shown(f64, usize, String);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, digits, unit) = self;
        match value.is_nan() {
            true => Ok(()),
            false => write!(f, "{value:.digits$}{unit}"),
        }
    }
}

/// Leaves out what comes soon after a change, and the beginning.
fn settled<'a>(span: &Span<'a>) -> &'a [Sample] {
    let samples = span.after(ADAPTS);
    let begun = samples.partition_point(|sample| sample.at <= BEGINNING);
    samples.get(begun..).unwrap_or_default()
}

fn worst(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NAN, f64::max)
}

fn all_sent(sample: &Sample) -> f64 {
    sample.viewers.iter().map(|seen| seen.sent).sum()
}

fn all_passed(sample: &Sample) -> f64 {
    sample.viewers.iter().map(|seen| seen.passed).sum()
}

fn used(steady: &[&[Sample]]) -> f64 {
    let samples = || steady.iter().copied().flatten();
    let capacity: f64 = samples().map(|sample| sample.capacity).sum();
    100.0 * samples().map(all_passed).sum::<f64>() / capacity
}

fn queue(record: &Record) -> f64 {
    let begun = record.waits.iter().filter(|(at, _)| *at > BEGINNING);
    let mut waits: Vec<f64> = begun.map(|(_, wait)| *wait).collect();
    waits.sort_by(f64::total_cmp);
    waits.get(waits.len() * 95 / 100).copied().unwrap_or(0.0)
}

fn loss(samples: &[Sample]) -> f64 {
    let sum = |of: fn(&Sample) -> u64| samples.iter().map(of).sum::<u64>();
    100.0 * sum(|sample| sample.no_room) as f64 / sum(|sample| sample.datagrams).max(1) as f64
}

/// How long after its fall a link was sent more than it carries, over half a second.
fn down(span: &Span<'_>) -> Option<f64> {
    const WINDOW: usize = 5;
    span.before.filter(|before| *before > span.capacity)?;
    let windows = span.samples.windows(WINDOW);
    let fits = |window: &[Sample]| {
        let sum: f64 = window.iter().map(all_sent).sum();
        sum / WINDOW as f64 <= span.capacity
    };
    let after = windows.map(fits).position(|fits| fits);
    let seconds = |count: usize| count as f64 * INTERVAL.as_secs_f64();
    Some(seconds(after.unwrap_or(span.samples.len())))
}

/// How long after its rise a link was sent as much as in the end, over a second.
fn up(span: &Span<'_>) -> Option<f64> {
    const WINDOW: usize = 10;
    span.before.filter(|before| *before < span.capacity)?;
    let last = span.after(TELLS);
    let mean = |samples: &[Sample]| {
        samples.iter().map(all_sent).sum::<f64>() / samples.len().max(1) as f64
    };
    if last.is_empty() {
        return None;
    }
    let enough = NEARLY * mean(last);
    let after = span
        .samples
        .windows(WINDOW)
        .position(|window| mean(window) >= enough);
    let seconds = |count: usize| count as f64 * INTERVAL.as_secs_f64();
    Some(seconds(after.unwrap_or(span.samples.len())))
}

/// What viewers got while all looked.
fn fairness(samples: &[Sample]) -> f64 {
    let all_look = |sample: &&Sample| sample.viewers.iter().all(|seen| seen.looks);
    let together: Vec<&Sample> = samples.iter().filter(all_look).collect();
    let count = together.first().map_or(0, |sample| sample.viewers.len());
    if count < 2 {
        return f64::NAN;
    }
    // The beginning of being together is not counted.
    let together = together.get(together.len() / 3..).unwrap_or_default();
    let got = (0..count).map(|place| {
        let of_viewer = together
            .iter()
            .filter_map(|sample| sample.viewers.get(place));
        of_viewer.map(|seen| seen.passed).sum::<f64>()
    });
    let got: Vec<f64> = got.collect();
    let sum: f64 = got.iter().sum();
    let squares: f64 = got.iter().map(|rate| rate * rate).sum();
    sum * sum / (count as f64 * squares.max(1.0))
}

/// What each viewer saw from beginning to end of some samples.
fn ends(samples: &[Sample]) -> impl Iterator<Item = (&Seen, &Seen)> {
    let (first, last) = (samples.first(), samples.last());
    let viewers = first.into_iter().zip(last);
    viewers.flat_map(|(first, last)| first.viewers.iter().zip(&last.viewers))
}

/// What each camera's picture stood still, by seconds and times. Of a viewer who looked away nothing is counted.
fn standing(samples: &[Sample]) -> impl Iterator<Item = (f64, u64)> {
    let always = |place: usize| {
        let mut seen = samples
            .iter()
            .filter_map(|sample| sample.viewers.get(place));
        seen.by_ref()
            .skip_while(|seen| !seen.looks)
            .all(|seen| seen.looks)
    };
    let viewers = ends(samples)
        .enumerate()
        .filter(move |(place, _)| always(*place));
    viewers.flat_map(|(_, (first, last))| {
        let before = first
            .frozen
            .iter()
            .copied()
            .chain(std::iter::repeat_with(Default::default));
        let pairs = last.frozen.iter().zip(before);
        pairs.map(|(after, before)| ((after.0 - before.0).as_secs_f64(), after.1 - before.1))
    })
}

fn frozen(samples: &[Sample]) -> f64 {
    standing(samples)
        .map(|(seconds, _)| seconds)
        .fold(0.0, f64::max)
}

fn freezes(samples: &[Sample]) -> u64 {
    standing(samples).map(|(_, times)| times).sum()
}

fn changes(steady: &[&[Sample]]) -> f64 {
    let seconds: f64 =
        steady.iter().map(|samples| samples.len()).sum::<usize>() as f64 * INTERVAL.as_secs_f64();
    let count = steady.first().and_then(|samples| samples.first());
    let count = count.map_or(0, |sample| sample.viewers.len());
    let of_viewer = |place: usize| {
        let within = steady.iter().filter_map(|samples| {
            let (first, last) = ends(samples).nth(place)?;
            (!first.changes.is_empty())
                .then(|| last.changes.iter().sum::<u64>() - first.changes.iter().sum::<u64>())
        });
        within.sum::<u64>() as f64 * 60.0 / seconds
    };
    worst((0..count).map(of_viewer))
}

fn concealed(samples: &[Sample]) -> f64 {
    worst(ends(samples).map(|(first, last)| {
        let made_up = last.sound.1 - first.sound.1;
        let played = last.sound.0 - first.sound.0;
        100.0 * made_up as f64 / (made_up + played).max(1) as f64
    }))
}
