//! What each shard counts.

use prometheus::{IntCounterVec, Registry};
use sfu_driver::ShardReport;

use super::make::{counter, gauge, register, signed};

/// A number of each shard that only grows.
type Count = (&'static str, &'static str, fn(&ShardReport) -> u64);

const COUNTS: [Count; 26] = [
    ("datagrams_in_total", "Datagrams that arrived.", |r| {
        r.counters.datagrams_in
    }),
    ("datagrams_out_total", "Datagrams that were sent.", |r| {
        r.counters.datagrams_out
    }),
    ("bytes_in_total", "Bytes that arrived.", |r| {
        r.counters.bytes_in
    }),
    ("bytes_out_total", "Bytes that were sent.", |r| {
        r.counters.bytes_out
    }),
    (
        "rtp_packets_in_total",
        "RTP packets accepted from publishers.",
        |r| r.counters.rtp_in,
    ),
    (
        "rtp_packets_out_total",
        "RTP packets sent to subscribers.",
        |r| r.counters.rtp_out,
    ),
    (
        "retransmissions_out_total",
        "RTP packets sent again to subscribers who missed them.",
        |r| r.counters.retransmissions_out,
    ),
    (
        "redundancy_out_total",
        "Packets of sound sent with redundancy that was made here, to subscribers who lose some.",
        |r| r.counters.redundancy_out,
    ),
    (
        "held_total",
        "Video packets that had to wait for a subscriber's link.",
        |r| r.counters.held,
    ),
    (
        "repairs_in_total",
        "Packets of publishers that repair lost ones (FlexFEC).",
        |r| r.counters.repairs_in,
    ),
    (
        "restored_in_total",
        "RTP packets that were lost on their way from publishers and restored by such packets.",
        |r| r.counters.restored_in,
    ),
    (
        "recovered_out_total",
        "Packets of sound sent out of the redundancy of later ones, to subscribers of plain Opus.",
        |r| r.counters.recovered_out,
    ),
    (
        "exports_out_total",
        "RTP packets copied to other shards, whose subscribers need them.",
        |r| r.counters.exports_out,
    ),
    (
        "exports_in_total",
        "RTP packets that came from other shards.",
        |r| r.counters.exports_in,
    ),
    (
        "handed_over_total",
        "Datagrams that arrived for peers of other shards.",
        |r| r.counters.handed_over,
    ),
    (
        "nacks_in_total",
        "Packets that subscribers asked for again.",
        |r| r.counters.nacks_in,
    ),
    (
        "nacks_out_total",
        "Packets that publishers were asked for again.",
        |r| r.counters.nacks_out,
    ),
    (
        "plis_in_total",
        "Key frames that subscribers asked for.",
        |r| r.counters.plis_in,
    ),
    (
        "plis_out_total",
        "Key frames that publishers were asked for.",
        |r| r.counters.plis_out,
    ),
    (
        "rembs_in_total",
        "Bandwidth estimates of subscribers (REMB).",
        |r| r.counters.rembs_in,
    ),
    (
        "transport_feedback_in_total",
        "Arrival time reports of subscribers.",
        |r| r.counters.transport_feedback_in,
    ),
    (
        "transport_feedback_out_total",
        "Arrival time reports to publishers.",
        |r| r.counters.transport_feedback_out,
    ),
    (
        "data_messages_in_total",
        "Data messages that peers sent.",
        |r| r.counters.data_in,
    ),
    (
        "data_messages_out_total",
        "Data messages queued to peers.",
        |r| r.counters.data_out,
    ),
    (
        "data_holds_total",
        "Times that a peer was held back because its reliable data was not taken fast enough.",
        |r| r.counters.data_holds,
    ),
    (
        "refused_sends_total",
        "Messages that the kernel refused to send.",
        |r| r.refused_sends,
    ),
];

/// What a shard holds.
type Gauge = (&'static str, &'static str, fn(&ShardReport) -> usize);

const GAUGES: [Gauge; 3] = [
    ("peers", "Peer connections.", |r| r.counters.peers),
    (
        "publications",
        "Tracks received, those of other shards included.",
        |r| r.counters.publications,
    ),
    ("subscriptions", "Tracks sent.", |r| {
        r.counters.subscriptions
    }),
];

/// Registers what shards count and hold, each by its number.
pub(super) fn register_all(
    registry: &Registry,
    shards: &[(String, &ShardReport)],
) -> prometheus::Result<()> {
    for (name, help, read) in COUNTS {
        let metric = counter(name, help, &["shard"])?;
        for (shard, report) in shards {
            metric.with_label_values(&[shard]).inc_by(read(report));
        }
        register(registry, metric)?;
    }
    for (name, help, read) in GAUGES {
        let metric = gauge(name, help, &["shard"])?;
        for (shard, report) in shards {
            metric.with_label_values(&[shard]).set(signed(read(report)));
        }
        register(registry, metric)?;
    }
    register(registry, drops(shards)?)
}

/// Everything that went no further, by reason; the kernel's losses among it.
fn drops(shards: &[(String, &ShardReport)]) -> prometheus::Result<IntCounterVec> {
    let help = "Datagrams, packets and messages that went no further.";
    let drops = counter("drops_total", help, &["shard", "reason"])?;
    for (shard, report) in shards {
        for (reason, count) in report.counters.drops() {
            drops
                .with_label_values(&[shard, reason.label()])
                .inc_by(count);
        }
        let overflow = drops.with_label_values(&[shard.as_str(), "receive_buffer_full"]);
        overflow.inc_by(report.receive_overflows);
    }
    Ok(drops)
}
