use std::fs;
use std::path::Path;
use std::time::Duration;

use loadtest_peer::Histogram;
use serde_json::{Value, json};

use super::tally::{Tally, micros};
use crate::outcome::Outcome;

/// What a link did. `loadtest/README.md` describes the fields of its JSON.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) length: Duration,
    pub(super) down: Tally,
    pub(super) up: Tally,
}

impl Report {
    /// Writes it as JSON.
    pub(super) fn write_json(&self, path: &Path) -> Outcome<()> {
        let json = json!({
            "seconds": self.length.as_secs_f64(),
            "down": to_json(&self.down),
            "up": to_json(&self.up),
        });
        fs::write(path, format!("{json:#}\n"))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Returns it for people.
    pub(super) fn table(&self) -> String {
        let header = format!("{:<22} {:>24} {:>24}\n", "", "down", "up");
        let [down, up] = [&self.down, &self.up].map(|tally| rows(tally, self.length));
        let rows = down.into_iter().zip(up);
        let rows = rows.map(|((name, down), (_, up))| format!("{name:<22} {down:>24} {up:>24}\n"));
        header + &rows.collect::<String>()
    }
}

fn rows(tally: &Tally, length: Duration) -> Vec<(&'static str, String)> {
    let bits = tally.bytes as f64 * 8.0;
    let busiest = tally.seconds.iter().map(|second| second.bits).max();
    let rows = [
        ("packets", tally.carried.to_string()),
        ("lost by the queue", tally.lost_by_queue.to_string()),
        ("lost by chance", tally.lost_by_chance.to_string()),
        ("doubled", tally.doubled.to_string()),
        ("kbit/s, mean", kilo(bits / length.as_secs_f64())),
        ("kbit/s, busiest second", kilo(busiest.unwrap_or(0) as f64)),
        ("ms in the queue", quantiles(&tally.waited)),
        ("ms late by this program", quantiles(&tally.late)),
        (
            "dropped by this program",
            (tally.no_place + tally.refused).to_string(),
        ),
    ];
    rows.into()
}

fn kilo(bits: f64) -> String {
    format!("{:.0}", bits / 1_000.0)
}

fn quantiles(histogram: &Histogram) -> String {
    let [p50, p95, max] = [0.5, 0.95, 1.0].map(|part| {
        let value = histogram.quantile(part).unwrap_or_default();
        value.as_secs_f64() * 1_000.0
    });
    format!("{p50:.1} p95 {p95:.1} max {max:.1}")
}

fn to_json(tally: &Tally) -> Value {
    json!({
        "packets": tally.carried,
        "bytes": tally.bytes,
        "lost_by_queue": tally.lost_by_queue,
        "lost_by_chance": tally.lost_by_chance,
        "doubled": tally.doubled,
        "no_place": tally.no_place,
        "refused": tally.refused,
        "queue_us": in_micros(&tally.waited),
        "late_us": in_micros(&tally.late),
        "by_second": tally.seconds,
    })
}

fn in_micros(histogram: &Histogram) -> Value {
    let quantile = |part| histogram.quantile(part).map(micros);
    json!({ "p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99), "max": quantile(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_column_for_each_direction() {
        let down = Tally {
            carried: 1_000,
            bytes: 250_000,
            lost_by_queue: 7,
            ..Tally::default()
        };
        let report = Report {
            length: Duration::from_secs(2),
            down,
            up: Tally::default(),
        };
        let table = report.table();
        let row = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(name));
            let line = line.expect(name).trim_start_matches(name);
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(row("packets"), ["1000", "0"]);
        assert_eq!(row("lost by the queue"), ["7", "0"]);
        assert_eq!(row("kbit/s, mean"), ["1000", "0"]);
    }
}
