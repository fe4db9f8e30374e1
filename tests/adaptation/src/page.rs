//! All records as one page.

use crate::plot::{Plot, Stroke};
use crate::record::{INTERVAL, Record, Sample, Seen};

/// A page of plots that needs nothing else.
#[derive(Clone, Debug)]
pub struct Page {
    body: String,
}

const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><title>Adaptation</title><style>\
body{font:14px system-ui,sans-serif;max-width:940px;margin:2em auto;color:#222}\
figure{margin:0 0 4px}figcaption{color:#555}svg{width:100%;background:#fafafa}\
path{fill:none;stroke-width:1.4}.area{fill:#e3e3e3;stroke:none}.pale{opacity:.35}\
.grid{stroke:#ddd;stroke-width:1}text{font-size:11px;fill:#555}pre{white-space:pre-wrap}</style>\
<h1>Adaptation</h1><p>Each viewer has a colour. Of rates, the area is what the link carries, the line is the estimate, \
and pale is what is sent. Of layers, the line is the mean of a viewer's cameras, and of freezes, how many of them stand still.</p>";

/// Room above the highest capacity.
const ABOVE: f64 = 1.25;

/// Samples over which rates are drawn.
const SMOOTHED: usize = 5;

impl Page {
    /// Makes a page without a case.
    pub fn new() -> Self {
        Self {
            body: HEAD.to_owned(),
        }
    }

    /// Adds what was seen of a case.
    pub fn add(&mut self, title: &str, row: &str, record: &Record) {
        let samples = &record.samples;
        let plots = [
            rates(samples),
            queue(samples),
            layers(samples),
            freezes(samples),
        ];
        self.body += &format!("<h2>{title}</h2><pre>{row}</pre>");
        self.body.extend(plots);
    }

    /// Returns the page.
    pub fn into_html(self) -> String {
        self.body
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

fn seconds(samples: &[Sample]) -> f64 {
    samples.last().map_or(0.0, |sample| sample.at.as_secs_f64())
}

fn count_viewers(samples: &[Sample]) -> usize {
    samples.first().map_or(0, |sample| sample.viewers.len())
}

/// Returns what `read` finds of a viewer at each time.
fn of_viewer(
    samples: &[Sample],
    viewer: usize,
    read: impl Fn(&Seen) -> f64,
) -> impl Iterator<Item = (f64, f64)> {
    let seen = samples.iter().filter_map(move |sample| {
        let seen = sample.viewers.get(viewer)?;
        Some((sample.at.as_secs_f64(), seen))
    });
    seen.map(move |(at, seen)| (at, read(seen)))
}

fn rates(samples: &[Sample]) -> String {
    let capacity = || {
        samples
            .iter()
            .map(|sample| (sample.at.as_secs_f64(), sample.capacity))
    };
    let highest = capacity().map(|(_, rate)| rate).fold(0.0, f64::max);
    let mut plot = Plot::new("rates", highest * ABOVE, seconds(samples));
    plot.steps(Stroke::Area, capacity());
    for viewer in 0..count_viewers(samples) {
        let sent: Vec<_> = of_viewer(samples, viewer, |seen| seen.sent).collect();
        let smooth = sent.chunks(SMOOTHED).filter_map(|chunk| {
            let sum: f64 = chunk.iter().map(|(_, rate)| rate).sum();
            Some((chunk.last()?.0, sum / chunk.len() as f64))
        });
        plot.steps(Stroke::Pale(viewer), smooth);
        plot.steps(
            Stroke::Line(viewer),
            of_viewer(samples, viewer, |seen| seen.estimate),
        );
    }
    plot.to_svg(" Mbit/s", 1e6)
}

fn queue(samples: &[Sample]) -> String {
    let waits = || {
        samples
            .iter()
            .map(|sample| (sample.at.as_secs_f64(), sample.queue))
    };
    let highest = waits().map(|(_, wait)| wait).fold(60.0, f64::max);
    let mut plot = Plot::new("longest wait in the queue", highest, seconds(samples));
    plot.steps(Stroke::Area, waits());
    plot.to_svg(" ms", 1.0)
}

fn layers(samples: &[Sample]) -> String {
    let mut plot = Plot::new("layers shown, from 1", 3.0, seconds(samples));
    let mean = |seen: &Seen| {
        let shown = seen.layers.iter().flatten();
        let sum: f64 = shown.map(|layer| f64::from(*layer) + 1.0).sum();
        sum / seen.layers.len().max(1) as f64
    };
    for viewer in 0..count_viewers(samples) {
        plot.steps(Stroke::Line(viewer), of_viewer(samples, viewer, mean));
    }
    plot.to_svg("", 1.0)
}

fn freezes(samples: &[Sample]) -> String {
    let mut plot = Plot::new("cameras that stand still", 3.0, seconds(samples));
    for viewer in 0..count_viewers(samples) {
        let frozen = |sample: &Sample| {
            let seen = sample.viewers.get(viewer);
            seen.map(|seen| seen.frozen.clone()).unwrap_or_default()
        };
        let pairs = samples.iter().zip(samples.iter().skip(1));
        let standing = pairs.map(|(before, after)| {
            let cameras = frozen(before).into_iter().zip(frozen(after));
            let standing = cameras.filter(|(before, after)| after.0 - before.0 >= INTERVAL / 2);
            (after.at.as_secs_f64(), standing.count() as f64)
        });
        plot.steps(Stroke::Line(viewer), standing);
    }
    plot.to_svg("", 1.0)
}
