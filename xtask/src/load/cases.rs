//! The loads of the table in the README, and the figures that are read from each.

use serde_json::Value;

/// One load, and what is read from its results.
pub(super) struct Case {
    /// Flags of the node that is started for it.
    pub(super) node: &'static [&'static str],
    /// Flags of the harness, for each of its runs; all are of the same node.
    pub(super) runs: &'static [&'static str],
    /// The datagrams that subscribers get, where all figures are what a packet costs.
    pub(super) datagram: Option<Datagram>,
    pub(super) figures: &'static [Figure],
}

/// What the kernel alone is measured with, for comparison.
#[derive(Clone, Copy)]
pub(super) struct Datagram {
    pub(super) bytes: u16,
    /// What a packet may cost, in what the kernel alone takes for it.
    pub(super) aim: &'static str,
}

const VIDEO: Datagram = Datagram {
    bytes: 1_150,
    aim: "0.6",
};

const AUDIO: Datagram = Datagram {
    bytes: 120,
    aim: "1.4",
};

/// A figure of a case.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) aim: &'static str,
    /// Reads it from the results of the case's runs.
    pub(super) read: fn(&[Value]) -> Option<f64>,
}

/// The churn comes last: not every server recovers from it.
pub(super) const CASES: &[Case] = &[
    Case {
        node: &[],
        runs: &[
            "--video-publishers 1 --no-simulcast --subscribers 100 --num-per-second 50 --duration 15",
        ],
        datagram: Some(VIDEO),
        figures: &[Figure {
            name: "CPU per video packet, 1 to 100 (us)",
            aim: "0.9",
            read: |runs| number(runs.first()?, "/server/cpu_us_per_packet"),
        }],
    },
    Case {
        node: &[],
        runs: &["--audio-publishers 5 --subscribers 145 --num-per-second 50 --duration 15"],
        datagram: Some(AUDIO),
        figures: &[Figure {
            name: "CPU per audio packet, 5 to 150 (us)",
            aim: "1.5",
            read: |runs| number(runs.first()?, "/server/cpu_us_per_packet"),
        }],
    },
    Case {
        node: &[],
        runs: &[
            "--video-publishers 1 --no-simulcast --subscribers 250 --num-per-second 50 --duration 15",
        ],
        datagram: None,
        figures: &[
            Figure {
                name: "added latency, 1 to 250, p50 (us)",
                aim: "100",
                read: |runs| number(runs.first()?, "/latency_us/p50"),
            },
            Figure {
                name: "added latency, 1 to 250, p99 (us)",
                aim: "2000",
                read: |runs| number(runs.first()?, "/latency_us/p99"),
            },
        ],
    },
    Case {
        node: &[],
        runs: &[
            "--rooms 30 --video-publishers 1 --no-simulcast --subscribers 9 --num-per-second 50 --duration 15",
        ],
        datagram: None,
        figures: &[
            Figure {
                name: "added latency, 30 rooms of 1 to 9, p50 (us)",
                aim: "100",
                read: |runs| number(runs.first()?, "/latency_us/p50"),
            },
            Figure {
                name: "added latency, 30 rooms of 1 to 9, p99 (us)",
                aim: "2000",
                read: |runs| number(runs.first()?, "/latency_us/p99"),
            },
        ],
    },
    Case {
        node: &[],
        runs: &[
            "--video-publishers 1 --no-simulcast --subscribers 100 --num-per-second 50 --duration 5",
            "--video-publishers 1 --no-simulcast --subscribers 400 --num-per-second 50 --duration 5",
        ],
        datagram: None,
        figures: &[Figure {
            name: "memory per subscriber beyond 100 (kB)",
            aim: "100",
            read: |runs| {
                let resident = |run| number(runs.get(run)?, "/server/rss_bytes");
                Some((resident(1)? - resident(0)?) / 300.0 / 1_000.0)
            },
        }],
    },
    Case {
        node: &[],
        runs: &[
            "--video-publishers 1 --no-simulcast --subscribers 1000 --num-per-second 50 --duration 10",
        ],
        datagram: None,
        figures: &[
            Figure {
                name: "1 to 1,000: participants joined",
                aim: "1001",
                read: |runs| number(runs.first()?, "/joined"),
            },
            Figure {
                name: "1 to 1,000: packets lost (%)",
                aim: "0.1",
                read: |runs| {
                    let lost = number(runs.first()?, "/packets_lost")?;
                    Some(100.0 * lost / number(runs.first()?, "/packets_expected")?)
                },
            },
        ],
    },
    Case {
        node: &["--shards", "1"],
        runs: &SPREAD,
        datagram: Some(VIDEO),
        figures: &[
            Figure {
                name: "CPU per video packet, 1 to 10, 1 shard (us)",
                aim: "flat",
                read: |runs| number(runs.first()?, "/server/cpu_us_per_packet"),
            },
            Figure {
                name: "CPU per video packet, 1 to 100, 1 shard (us)",
                aim: "flat",
                read: |runs| number(runs.get(1)?, "/server/cpu_us_per_packet"),
            },
            Figure {
                name: "CPU per video packet, 1 to 500, 1 shard (us)",
                aim: "flat",
                read: |runs| number(runs.get(2)?, "/server/cpu_us_per_packet"),
            },
        ],
    },
    Case {
        node: &["--shards", "2"],
        runs: &SPREAD,
        datagram: Some(VIDEO),
        figures: &[
            Figure {
                name: "CPU per video packet, 1 to 10, 2 shards (us)",
                aim: "flat",
                read: |runs| number(runs.first()?, "/server/cpu_us_per_packet"),
            },
            Figure {
                name: "CPU per video packet, 1 to 100, 2 shards (us)",
                aim: "flat",
                read: |runs| number(runs.get(1)?, "/server/cpu_us_per_packet"),
            },
            Figure {
                name: "CPU per video packet, 1 to 500, 2 shards (us)",
                aim: "flat",
                read: |runs| number(runs.get(2)?, "/server/cpu_us_per_packet"),
            },
        ],
    },
    Case {
        node: &[],
        runs: &["--churn --num-per-second 200 --duration 20 --stay 0.5"],
        datagram: None,
        figures: &[
            Figure {
                name: "CPU per join and leave (ms)",
                aim: "2",
                read: |runs| number(runs.first()?, "/server/cpu_ms_per_join"),
            },
            Figure {
                name: "joins per second, of 200 asked for",
                aim: "200",
                read: |runs| number(runs.first()?, "/joins_per_second"),
            },
            Figure {
                name: "joins that failed",
                aim: "0",
                read: |runs| number(runs.first()?, "/failed"),
            },
        ],
    },
    Case {
        node: &[],
        runs: &[
            // The first two fill the allocator and the caches.
            "--churn --num-per-second 200 --duration 10 --stay 0.2",
            "--churn --num-per-second 200 --duration 10 --stay 0.2",
            "--churn --num-per-second 200 --duration 50 --stay 0.2",
        ],
        datagram: None,
        figures: &[
            Figure {
                name: "memory after 10,000 joins and leaves, by that before",
                aim: "1.05",
                read: |runs| growth(runs, "/server/rss_bytes"),
            },
            Figure {
                name: "file handles after 10,000 joins and leaves, by those before",
                aim: "1.05",
                read: |runs| growth(runs, "/server/files"),
            },
        ],
    },
];

/// One publisher to few, many, and very many.
const SPREAD: [&str; 3] = [
    "--video-publishers 1 --no-simulcast --subscribers 10 --num-per-second 50 --duration 10",
    "--video-publishers 1 --no-simulcast --subscribers 100 --num-per-second 50 --duration 10",
    "--video-publishers 1 --no-simulcast --subscribers 500 --num-per-second 50 --duration 10",
];

/// What the last run left, by what was there before it.
fn growth(runs: &[Value], pointer: &str) -> Option<f64> {
    let last = runs.last()?;
    let left = number(last, &format!("{pointer}_after"))?;
    Some(left / number(last, &format!("{pointer}_before"))?)
}

fn number(result: &Value, pointer: &str) -> Option<f64> {
    result.pointer(pointer)?.as_f64()
}
