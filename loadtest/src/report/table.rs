use std::io::{Write, stdout};

use loadtest_peer::Histogram;

use super::TestResult;
use super::data::DataTotals;
use super::joins::millis;

/// Prints the result for people.
pub(crate) fn print_table(result: &TestResult) {
    // Nobody may be there to read it.
    stdout().write_all(table(result).as_bytes()).ok();
}

fn table(result: &TestResult) -> String {
    let rows = rows(result).into_iter();
    rows.map(|(name, value)| format!("{name:<14} {value}\n"))
        .collect()
}

/// Returns the figures by their names.
pub(super) fn rows(result: &TestResult) -> Vec<(&'static str, String)> {
    let joins = &result.joins;
    let window = &result.window;
    let tally = &window.tally;
    let seconds = window.length.as_secs_f64();
    let mut rows = vec![
        (
            "joined",
            format!("{} ({} failed)", joins.joined(), joins.failed()),
        ),
        ("join", quantiles(&joins.total, "ms", 1.0)),
        ("first media", quantiles(&joins.first_media, "ms", 1.0)),
        (
            "received",
            format!(
                "{} packets in {seconds:.1} s: {:.0} per second, {:.1} Mbit/s",
                tally.packets,
                tally.packets as f64 / seconds,
                tally.bytes as f64 * 8e-6 / seconds,
            ),
        ),
        (
            "published",
            format!(
                "{} packets: {:.0} per second, {:.1} Mbit/s",
                tally.sent,
                tally.sent as f64 / seconds,
                tally.sent_bytes as f64 * 8e-6 / seconds,
            ),
        ),
        (
            "lost",
            format!(
                "{} of {} ({:.4} %), {} came by retransmission",
                window.completeness.lost(),
                window.completeness.expected,
                percentage(window.completeness.lost(), window.completeness.expected),
                tally.retransmitted,
            ),
        ),
        ("latency", quantiles(&tally.latency, "us", 1e3)),
        (
            "freezes",
            format!("{} ({:.0} ms)", tally.freezes, millis(tally.frozen)),
        ),
    ];
    rows.extend(data(result));
    if let Some((before, after)) = window.usage {
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        let cores = cpu / (after.at - before.at).as_secs_f64().max(1e-9);
        rows.push(("server CPU", format!("{cores:.2} cores")));
        if let Some(micros) = result.cpu_us_per_packet() {
            rows.push(("  per packet", format!("{micros:.2} us")));
        }
        if let Some(millis) = result.cpu_ms_per_join() {
            rows.push(("  per join", format!("{millis:.2} ms")));
        }
        rows.push((
            "server memory",
            format!("{:.1} MiB", after.rss as f64 / f64::from(1 << 20)),
        ));
        rows.push(("server files", after.files.to_string()));
    }
    if joins.resume.count() > 0 {
        let text = quantiles(&joins.resume, "ms", 1.0);
        rows.push(("resumed", format!("{}: {text}", joins.resume.count())));
    }
    if let Some((before, after)) = window.harness {
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        let cores = cpu / (after.at - before.at).as_secs_f64().max(1e-9);
        let memory = after.rss as f64 / f64::from(1 << 20);
        rows.push(("this program", format!("{cores:.2} cores, {memory:.1} MiB")));
    }
    for (reason, count) in joins.failures() {
        rows.push(("failed", format!("{count} x {reason}")));
    }
    rows
}

/// The rows of data, if any was sent.
fn data(result: &TestResult) -> Vec<(&'static str, String)> {
    let window = &result.window;
    let totals = DataTotals::of(&window.data);
    if totals.sent == 0 {
        return Vec::new();
    }
    let seconds = window.length.as_secs_f64();
    let received = format!(
        "{} of {} packets, {} lost, {} twice: {:.0} per second, {:.2} Mbit/s",
        totals.received,
        totals.expected,
        totals.lost,
        totals.duplicates,
        totals.received as f64 / seconds,
        totals.bytes as f64 * 8e-6 / seconds,
    );
    vec![
        ("data", received),
        (
            "  latency",
            quantiles(&window.tally.data_latency, "us", 1e3),
        ),
    ]
}

fn quantiles(histogram: &Histogram, unit: &str, scale: f64) -> String {
    let text = |part| match histogram.quantile(part) {
        Some(value) => format!("{:.0}", millis(value) * scale),
        None => "-".to_owned(),
    };
    format!(
        "p50 {} {unit}, p95 {}, p99 {}",
        text(0.5),
        text(0.95),
        text(0.99)
    )
}

fn percentage(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
