//! What is told to Prometheus as histograms: how long media threads' turns take, how long packets wait, and what becomes of
//! the packets of all tracks.

use prometheus::proto;
use prometheus::proto::{Bucket, LabelPair, Metric, MetricFamily, MetricType};
use sfu_driver::ShardReport;
use sfu_model::Histogram;
use signaling::{QualityReport, TrackFigures};

/// Describes the turns of each shard: what it counted since it began.
pub(crate) fn turn_lengths(shards: &[(String, &ShardReport)]) -> MetricFamily {
    let help = "Time that a media thread took before packets had their turn again.";
    let turns = shards.iter().map(|(shard, report)| {
        let histogram = histogram(report.turns.histogram());
        metric("shard", shard, histogram)
    });
    family("sluice_turn_seconds", help, turns)
}

/// Describes how long packets of video waited for the links of each shard's subscribers, of those that had to.
pub(crate) fn waits(shards: &[(String, &ShardReport)]) -> MetricFamily {
    let help = "Time that video packets waited for a subscriber's link before they left.";
    let waits = shards.iter().map(|(shard, report)| {
        let histogram = histogram(report.counters.waits.histogram());
        metric("shard", shard, histogram)
    });
    family("sluice_held_seconds", help, waits)
}

/// Describes what became of the packets of all tracks, each counted once in five seconds and direction.
pub(crate) fn tracks(quality: &QualityReport) -> [MetricFamily; 3] {
    type Read = fn(&TrackFigures) -> &Histogram<8>;
    let family_of = |name, help, read: Read| {
        let directions = [("in", &quality.published), ("out", &quality.received)];
        let metrics = directions
            .into_iter()
            .map(|(direction, figures)| metric("direction", direction, histogram(read(figures))));
        family(name, help, metrics)
    };
    [
        family_of(
            "sluice_track_loss_ratio",
            "Share of a track's packets that was lost in five seconds: from publishers after repair, to subscribers before.",
            |figures| &figures.loss,
        ),
        family_of(
            "sluice_track_jitter_seconds",
            "Interarrival jitter of a track, each five seconds.",
            |figures| &figures.jitter,
        ),
        family_of(
            "sluice_track_round_trip_seconds",
            "Round-trip time to a subscriber, of each track and five seconds.",
            |figures| &figures.round_trip,
        ),
    ]
}

fn family(name: &str, help: &str, metrics: impl Iterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::HISTOGRAM);
    family.set_metric(metrics.collect());
    family
}

fn metric(label: &str, value: &str, histogram: proto::Histogram) -> Metric {
    let mut pair = LabelPair::default();
    pair.set_name(label.to_owned());
    pair.set_value(value.to_owned());
    let mut metric = Metric::from_label(vec![pair]);
    metric.set_histogram(histogram);
    metric
}

fn histogram<const N: usize>(counted: &Histogram<N>) -> proto::Histogram {
    let buckets = counted.cumulative().map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(counted.count());
    histogram.set_sample_sum(counted.total());
    histogram
}
