//! How long media threads' turns take, as a histogram for Prometheus.

use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use sfu_driver::{ShardReport, TurnLengths};

/// Describes the turns of each shard: what it counted since it began.
pub(crate) fn turn_lengths(shards: &[(String, &ShardReport)]) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name("sluice_turn_seconds".to_owned());
    family
        .set_help("Time that a media thread took before packets had their turn again.".to_owned());
    family.set_field_type(MetricType::HISTOGRAM);
    let metrics = shards.iter().map(|(shard, report)| {
        let mut label = LabelPair::default();
        label.set_name("shard".to_owned());
        label.set_value(shard.clone());
        let mut metric = Metric::from_label(vec![label]);
        metric.set_histogram(histogram(&report.turns));
        metric
    });
    family.set_metric(metrics.collect());
    family
}

fn histogram(turns: &TurnLengths) -> Histogram {
    let bounds = TurnLengths::BOUNDS.iter().zip(turns.cumulative());
    let buckets = bounds.map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound.as_secs_f64());
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(turns.cumulative().last().unwrap_or(0));
    histogram.set_sample_sum(turns.total.as_secs_f64());
    histogram
}
