//! How long media threads' turns take, and how long packets wait, as histograms for Prometheus.

use std::time::Duration;

use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use sfu_driver::{ShardReport, TurnLengths, Waits};

/// Describes the turns of each shard: what it counted since it began.
pub(crate) fn turn_lengths(shards: &[(String, &ShardReport)]) -> MetricFamily {
    let help = "Time that a media thread took before packets had their turn again.";
    family("sluice_turn_seconds", help, shards, |report| {
        let turns = &report.turns;
        histogram(&TurnLengths::BOUNDS, turns.cumulative(), turns.total)
    })
}

/// Describes how long packets of video waited for the links of each shard's subscribers, of those that had to.
pub(crate) fn waits(shards: &[(String, &ShardReport)]) -> MetricFamily {
    let help = "Time that video packets waited for a subscriber's link before they left.";
    family("sluice_held_seconds", help, shards, |report| {
        let waits = &report.counters.waits;
        histogram(&Waits::BOUNDS, waits.cumulative(), waits.total)
    })
}

fn family(
    name: &str,
    help: &str,
    shards: &[(String, &ShardReport)],
    read: impl Fn(&ShardReport) -> Histogram,
) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::HISTOGRAM);
    let metrics = shards.iter().map(|(shard, report)| {
        let mut label = LabelPair::default();
        label.set_name("shard".to_owned());
        label.set_value(shard.clone());
        let mut metric = Metric::from_label(vec![label]);
        metric.set_histogram(read(report));
        metric
    });
    family.set_metric(metrics.collect());
    family
}

/// Makes a histogram of how many kept each bound, and in the end how many there were.
fn histogram(
    bounds: &[Duration],
    cumulative: impl Iterator<Item = u64>,
    total: Duration,
) -> Histogram {
    let counts: Vec<_> = cumulative.collect();
    let buckets = bounds.iter().zip(&counts).map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound.as_secs_f64());
        bucket.set_cumulative_count(*count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(counts.last().copied().unwrap_or(0));
    histogram.set_sample_sum(total.as_secs_f64());
    histogram
}
