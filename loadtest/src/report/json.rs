use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use loadtest_peer::Histogram;
use serde_json::{Value, json};

use super::TestResult;
use super::data::DataTotals;
use super::joins::millis;
use crate::outcome::Outcome;

/// Writes the result as JSON. `loadtest/README.md` describes the fields.
pub(crate) fn write_json(result: &TestResult, path: &Path) -> Outcome<()> {
    let text = serde_json::to_string_pretty(&to_json(result))
        .map_err(|error| format!("no JSON: {error}"))?;
    fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the result as JSON.
pub(super) fn to_json(result: &TestResult) -> Value {
    let joins = &result.joins;
    let window = &result.window;
    let tally = &window.tally;
    let seconds = window.length.as_secs_f64();
    let [low, medium, high] = tally.frames_of_layer;
    let [sent_low, sent_medium, sent_high] = tally.sent_of_layer;
    let streams = window.completeness.streams.max(1) as f64;
    json!({
        "joined": joins.joined(),
        "failed": joins.failed(),
        "failures": joins.failures(),
        "join_ms": in_millis(&joins.total),
        "join_phases_ms": {
            "signal": in_millis(&joins.signal),
            "ice": in_millis(&joins.ice),
            "dtls": in_millis(&joins.dtls),
            "first_media": in_millis(&joins.first_media),
        },
        "resume_ms": in_millis(&joins.resume),
        "resumed": joins.resume.count(),
        "joins_per_second": joins.joined() as f64 / result.joined_in.as_secs_f64().max(1e-9),
        "latency_us": in_micros(&tally.latency),
        "jitter_us": window.completeness.jitter_micros as f64 / streams,
        "packets_received": tally.packets,
        "packets_expected": window.completeness.expected,
        "packets_lost": window.completeness.lost(),
        "packets_retransmitted": tally.retransmitted,
        "packets_duplicate": tally.duplicates,
        "packets_refused": tally.refused,
        "packets_of_unknown_streams": tally.unknown,
        "packets_per_second": tally.packets as f64 / seconds,
        "bytes_received": tally.bytes,
        "bitrate_bps": tally.bytes as f64 * 8.0 / seconds,
        "streams": window.completeness.streams,
        "data_messages": tally.messages,
        "data": data(result),
        "frames": tally.frames,
        "frames_by_layer": {"low": low, "medium": medium, "high": high},
        "freezes": tally.freezes,
        "frozen_ms": millis(tally.frozen),
        "published": {
            "packets": tally.sent,
            "bytes": tally.sent_bytes,
            "bitrate_bps": tally.sent_bytes as f64 * 8.0 / seconds,
            "video_packets_by_layer": {"low": sent_low, "medium": sent_medium, "high": sent_high},
            "retransmitted": tally.resent,
            "key_frame_requests": tally.key_frame_requests,
        },
        "seconds": seconds,
        "server": server(result),
        "harness": harness(result),
        "timeline": result.timeline.moments,
        "machine": machine(),
        "commit": commit(),
        "command": result.command,
        "room": result.room,
        "unix_time": SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    })
}

fn data(result: &TestResult) -> Value {
    let window = &result.window;
    let totals = DataTotals::of(&window.data);
    json!({
        "sent": totals.sent,
        "expected": totals.expected,
        "received": totals.received,
        "lost": totals.lost,
        "duplicates": totals.duplicates,
        "bitrate_bps": totals.bytes as f64 * 8.0 / window.length.as_secs_f64(),
        "latency_us": in_micros(&window.tally.data_latency),
    })
}

fn server(result: &TestResult) -> Value {
    let Some((before, after)) = result.window.usage else {
        return Value::Null;
    };
    let cpu = after.cpu.saturating_sub(before.cpu);
    let [at_start, _, at_end] = result.usage.unwrap_or_default();
    json!({
        "cpu_us_per_packet": result.cpu_us_per_packet(),
        "cpu_ms_per_join": result.cpu_ms_per_join(),
        "cores": cpu.as_secs_f64() / (after.at - before.at).as_secs_f64().max(1e-9),
        "cpu_ms": millis(cpu),
        "rss_bytes": after.rss,
        "rss_bytes_before": at_start.map(|usage| usage.rss),
        "rss_bytes_after": at_end.map(|usage| usage.rss),
        "files": after.files,
        "files_before": at_start.map(|usage| usage.files),
        "files_after": at_end.map(|usage| usage.files),
    })
}

fn harness(result: &TestResult) -> Value {
    let Some((before, after)) = result.window.harness else {
        return Value::Null;
    };
    let cpu = after.cpu.saturating_sub(before.cpu);
    json!({
        "cpu_us_per_packet": result.harness_us_per_packet(),
        "cores": cpu.as_secs_f64() / (after.at - before.at).as_secs_f64().max(1e-9),
        "rss_bytes": after.rss,
    })
}

fn in_millis(histogram: &Histogram) -> Value {
    let quantile = |part| histogram.quantile(part).map(millis);
    json!({"p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99), "max": quantile(1.0)})
}

fn in_micros(histogram: &Histogram) -> Value {
    let quantile = |part| histogram.quantile(part).map(|value| millis(value) * 1e3);
    json!({"p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99), "max": quantile(1.0)})
}

/// Returns what the figures depend on most.
fn machine() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map(|rest| rest.trim_start_matches(['\t', ' ', ':']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpu": model,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": kernel.trim(),
        "load_average": load.trim(),
    })
}

/// Returns the commit of the working directory, if it is in a repository.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
