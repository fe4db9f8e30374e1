use std::fs;
use std::path::Path;

use loadtest_peer::Histogram;

use super::TestResult;
use super::data::DataTotals;
use super::joins::millis;
use super::json::to_json;
use super::plot::{Form, Plot, short};
use super::table::rows;
use crate::outcome::Outcome;
use crate::timeline::Moment;

const STYLE: &str = include_str!("page.css");

/// Writes the result as one page that needs nothing else.
pub(crate) fn write_html(result: &TestResult, path: &Path) -> Outcome<()> {
    fs::write(path, page(result)).map_err(|error| format!("{}: {error}", path.display()))
}

fn page(result: &TestResult) -> String {
    let json = to_json(result);
    let text = |place: &str| match json.pointer(place) {
        Some(serde_json::Value::String(text)) => escape(text),
        Some(serde_json::Value::Null) | None => String::new(),
        Some(other) => escape(&other.to_string()),
    };
    let tiles: String = tiles(result)
        .iter()
        .map(|(name, value)| tile(name, value))
        .collect();
    let plots: String = plots(result).iter().map(Plot::to_svg).collect();
    let rows = rows(result).into_iter().map(|(name, value)| {
        let (name, value) = (escape(name), escape(&value));
        format!("<tr><th>{name}</th><td>{value}</td></tr>")
    });
    let rows: String = rows.collect();
    let raw = escape(&serde_json::to_string_pretty(&json).unwrap_or_default());
    let (command, cpu, cores) = (
        text("/command"),
        text("/machine/cpu"),
        text("/machine/cores"),
    );
    let (kernel, load, commit) = (
        text("/machine/kernel"),
        text("/machine/load_average"),
        text("/commit"),
    );
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Load test</title>\
         <style>{STYLE}</style></head><body><header><h1>Load test</h1><code>{command}</code>\
         <p>{cpu}, {cores} cores, Linux {kernel}; load average {load}; commit {commit}</p></header>\
         <section class=\"tiles\">{tiles}</section><section class=\"plots\">{plots}</section>\
         <section><h2>All figures</h2><table>{rows}</table></section>\
         <details><summary>JSON</summary><pre>{raw}</pre></details></body></html>\n"
    )
}

/// The figures that most people look for first.
fn tiles(result: &TestResult) -> Vec<(&'static str, String)> {
    let window = &result.window;
    let seconds = window.length.as_secs_f64();
    let in_millis = |histogram: &Histogram, part| match histogram.quantile(part) {
        Some(value) => format!("{} ms", short(millis(value))),
        None => "-".to_owned(),
    };
    let mut tiles = vec![
        ("joined", result.joins.joined().to_string()),
        ("failed", result.joins.failed().to_string()),
        ("join, p95", in_millis(&result.joins.total, 0.95)),
        (
            "packets per second",
            short(window.tally.packets as f64 / seconds),
        ),
        ("lost", window.completeness.lost().to_string()),
        ("latency, p50", in_millis(&window.tally.latency, 0.5)),
        ("latency, p99", in_millis(&window.tally.latency, 0.99)),
    ];
    let data = DataTotals::of(&window.data);
    if data.sent > 0 {
        let latency = in_millis(&window.tally.data_latency, 0.99);
        tiles.push(("data packets", data.received.to_string()));
        tiles.push(("data packets lost", data.lost.to_string()));
        tiles.push(("data latency, p99", latency));
    }
    if let Some(micros) = result.cpu_us_per_packet() {
        tiles.push(("server CPU per packet", format!("{micros:.2} us")));
    }
    if let Some(millis) = result.cpu_ms_per_join() {
        tiles.push(("server CPU per join", format!("{millis:.2} ms")));
    }
    if let Some((_, after)) = window.usage {
        let memory = after.rss as f64 / f64::from(1 << 20);
        tiles.push(("server memory", format!("{memory:.0} MiB")));
    }
    tiles
}

fn tile(name: &str, value: &str) -> String {
    format!("<div class=\"tile\"><b>{value}</b><span>{name}</span></div>")
}

fn plots(result: &TestResult) -> Vec<Plot> {
    let moments = &result.timeline.moments;
    let line = |title, unit, value: fn(&Moment) -> Option<f64>| Plot {
        title,
        unit,
        across: "s",
        form: Form::Line(
            moments
                .iter()
                .filter_map(|moment| Some((moment.at, value(moment)?)))
                .collect(),
        ),
    };
    let bars = |title, across, histogram: &Histogram, scale: f64| Plot {
        title,
        unit: "count",
        across,
        form: Form::Bars(coarse(histogram, scale)),
    };
    let mut plots = vec![
        line("Participants", "", |moment| {
            Some(moment.participants as f64)
        }),
        line("Packets received", "per second", |moment| {
            Some(moment.packets_per_second)
        }),
        line("Received", "bit/s", |moment| Some(moment.bits_per_second)),
    ];
    if result.window.usage.is_some() {
        plots.push(line("Server CPU", "cores", |moment| moment.server_cores));
        let memory = |moment: &Moment| Some(moment.server_rss_bytes? as f64 / f64::from(1 << 20));
        plots.push(line("Server memory", "MiB", memory));
    }
    plots.push(bars("Latency", "ms", &result.window.tally.latency, 1.0));
    if result.window.tally.data_latency.count() > 0 {
        let latency = &result.window.tally.data_latency;
        plots.push(bars("Latency of data", "ms", latency, 1.0));
    }
    plots.push(bars("Time to join", "ms", &result.joins.total, 1.0));
    plots.push(bars(
        "Time to first media",
        "ms",
        &result.joins.first_media,
        1.0,
    ));
    plots
}

/// Sums a histogram into bars that are a tenth of a power of ten wide or so.
fn coarse(histogram: &Histogram, scale: f64) -> Vec<(f64, f64)> {
    let mut bars: Vec<(f64, f64)> = Vec::new();
    for (end, count) in histogram.iter() {
        let end = (millis(end) * scale).max(1e-3);
        let end = 1.1_f64.powf((end.ln() / 1.1_f64.ln()).ceil());
        let count = count as f64;
        match bars.last_mut() {
            Some((last, sum)) if (*last - end).abs() < 1e-9 => *sum += count,
            Some(_) | None => bars.push((end, count)),
        }
    }
    bars
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn text_of_others_is_no_markup() {
        assert_eq!(
            escape("<a href=\"x\">&"),
            "&lt;a href=&quot;x&quot;&gt;&amp;"
        );
    }

    #[test]
    fn bars_hold_every_count_once() {
        let mut histogram = Histogram::new();
        for micros in [100, 101, 102, 5_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let bars = coarse(&histogram, 1.0);
        let sum: f64 = bars.iter().map(|bar| bar.1).sum();
        assert!((sum - 4.0).abs() < 1e-9, "{bars:?}");
        assert!(
            bars.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "{bars:?}"
        );
    }
}
