//! What a node says of the limits that its clients met (docs/limits.md): those that behave meet none.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// Metrics that count a limit, whatever their labels.
const LIMITS: [&str; 2] = ["sluice_limit_hits_total{", "sluice_rooms_failed_total"];
/// Reasons of `sluice_drops_total` that are a limit: the others are no fault of anybody.
const REASONS: [&str; 5] = [
    "too_long",
    "too_many_ssrcs",
    "not_sealed",
    "data_refused",
    "lossy_data_over_budget",
];

/// Returns the lines of the limits that were met, of a node that serves its metrics at `port`.
pub(crate) fn limits_met(port: u16) -> Vec<String> {
    let metrics = read(port);
    assert!(
        metrics.contains("sluice_limit_hits_total{"),
        "the node counts no limits: {metrics}"
    );
    let lines = metrics.lines().filter(|line| counts_a_limit(line));
    let met = lines.filter(|line| !line.ends_with(" 0"));
    met.map(str::to_owned).collect()
}

fn counts_a_limit(line: &str) -> bool {
    let dropped = line.strip_prefix("sluice_drops_total{");
    LIMITS.iter().any(|name| line.starts_with(name))
        || dropped.is_some_and(|labels| {
            REASONS
                .iter()
                .any(|reason| labels.contains(&format!("reason=\"{reason}\"")))
        })
}

fn read(port: u16) -> String {
    let mut connection =
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the node serves its metrics");
    connection
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n")
        .expect("it takes a request");
    let mut answer = String::new();
    connection
        .read_to_string(&mut answer)
        .expect("it answers with text");
    answer
}
