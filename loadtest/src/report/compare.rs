use std::fs;
use std::io::{Write, stdout};
use std::path::Path;

use serde_json::Value;

use crate::outcome::Outcome;

/// Figures that are compared, by their places in the JSON.
const FIGURES: [&str; 23] = [
    "/joined",
    "/failed",
    "/join_ms/p50",
    "/join_ms/p95",
    "/join_ms/p99",
    "/join_phases_ms/first_media/p50",
    "/joins_per_second",
    "/latency_us/p50",
    "/latency_us/p99",
    "/packets_per_second",
    "/packets_lost",
    "/bitrate_bps",
    "/published/bitrate_bps",
    "/freezes",
    "/data/received",
    "/data/lost",
    "/data/bitrate_bps",
    "/data/latency_us/p50",
    "/data/latency_us/p99",
    "/server/cpu_us_per_packet",
    "/server/cpu_ms_per_join",
    "/server/cores",
    "/server/rss_bytes",
];

/// Prints the figures of two results beside each other, with the second by the first.
pub(crate) fn compare(before: &Path, after: &Path) -> Outcome<()> {
    let (first, second) = (read(before)?, read(after)?);
    let table = table(&first, &second);
    stdout()
        .write_all(table.as_bytes())
        .map_err(|error| error.to_string())
}

fn read(path: &Path) -> Outcome<Value> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn table(before: &Value, after: &Value) -> String {
    let mut table = format!("{:<34}{:>16}{:>16}{:>10}\n", "", "first", "second", "ratio");
    for place in FIGURES {
        let figure = |result: &Value| result.pointer(place).and_then(Value::as_f64);
        let (Some(before), Some(after)) = (figure(before), figure(after)) else {
            continue;
        };
        let name = place.trim_start_matches('/').replace('/', ".");
        let ratio = match before {
            0.0 => "-".to_owned(),
            before => format!("{:.3}", after / before),
        };
        table.push_str(&format!(
            "{name:<34}{:>16}{:>16}{ratio:>10}\n",
            round(before),
            round(after)
        ));
    }
    table
}

fn round(figure: f64) -> String {
    match figure.fract() == 0.0 {
        true => format!("{figure:.0}"),
        false => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_ratio_is_the_second_by_the_first() {
        let before = json!({"joined": 4, "server": {"cpu_us_per_packet": 10.8}});
        let after = json!({"joined": 4, "server": {"cpu_us_per_packet": 0.9}});
        let table = table(&before, &after);
        let line = table
            .lines()
            .find(|line| line.starts_with("server.cpu"))
            .unwrap();
        assert!(line.ends_with("0.083"), "{line}");
    }

    #[test]
    fn what_one_result_does_not_have_is_left_out() {
        let table = table(&json!({"failed": 0, "server": null}), &json!({"failed": 1}));
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.ends_with("-\n"), "{table}");
    }
}
