//! What LiveKit's server tells, too, under its names, so that its dashboards show a node.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use sfu_driver::ShardReport;
use signaling::RoomsReport;

use super::make::{register, signed};
use super::told::Told;
use crate::webhooks::TargetHealth;

/// Registers what this node has the numbers of.
pub(super) fn register_all(
    registry: &Registry,
    shards: &[ShardReport],
    rooms: &RoomsReport,
    told: &Told,
) -> prometheus::Result<()> {
    register_packets(registry, shards)?;
    register_webhooks(registry, told)?;
    let quality = &rooms.quality.participants;
    let all = quality.excellent + quality.good + quality.poor + quality.lost;
    for (name, help, count) in [
        (
            "livekit_room_total",
            "Rooms that are open.",
            signed(rooms.open),
        ),
        ("livekit_participant_total", "Participants.", signed(all)),
    ] {
        let metric = IntGauge::new(name, help)?;
        metric.set(count);
        register(registry, metric)?;
    }
    let help = "Tracks that are published.";
    let published = IntGaugeVec::new(Opts::new("livekit_track_published_total", help), &["kind"])?;
    for (kind, count) in told.events.tally.tracks {
        published.with_label_values(&[kind]).set(count);
    }
    register(registry, published)?;
    let help = "Participants whose media was connected, and those who left before.";
    let joins = IntCounterVec::new(
        Opts::new("livekit_participant_join_total", help),
        &["state"],
    )?;
    for (state, count) in told.events.tally.joins {
        joins.with_label_values(&[state]).inc_by(count);
    }
    register(registry, joins)
}

/// Sums of all shards, by direction.
type Sum = (&'static str, &'static str, fn(&ShardReport) -> [u64; 2]);

const SUMS: [Sum; 4] = [
    ("livekit_packet_total", "RTP packets.", |shard| {
        [shard.counters.rtp_in, shard.counters.rtp_out]
    }),
    ("livekit_packet_bytes", "Bytes of datagrams.", |shard| {
        [shard.counters.bytes_in, shard.counters.bytes_out]
    }),
    (
        "livekit_nack_total",
        "Packets that were asked for again.",
        |shard| [shard.counters.nacks_in, shard.counters.nacks_out],
    ),
    (
        "livekit_pli_total",
        "Key frames that were asked for.",
        |shard| [shard.counters.plis_in, shard.counters.plis_out],
    ),
];

fn register_packets(registry: &Registry, shards: &[ShardReport]) -> prometheus::Result<()> {
    for (name, help, read) in SUMS {
        let metric = IntCounterVec::new(Opts::new(name, help), &["direction"])?;
        for shard in shards {
            for (direction, count) in ["incoming", "outgoing"].iter().zip(read(shard)) {
                metric.with_label_values(&[direction]).inc_by(count);
            }
        }
        register(registry, metric)?;
    }
    Ok(())
}

/// What receivers of webhooks have taken of what there was to tell.
fn register_webhooks(registry: &Registry, told: &Told) -> prometheus::Result<()> {
    let sum = |figure: fn(&TargetHealth) -> u64| told.receivers.iter().map(figure).sum::<u64>();
    let help = "Requests to receivers of webhooks, and events that were given up.";
    let name = "livekit_webhook_dispatch_total";
    let dispatches = IntCounterVec::new(Opts::new(name, help), &["status"])?;
    for (status, count) in [
        ("success", sum(|it| it.taken)),
        ("failure", sum(|it| it.failed)),
        ("dropped", sum(|it| it.given_up)),
    ] {
        dispatches.with_label_values(&[status]).inc_by(count);
    }
    register(registry, dispatches)?;
    if let Some(undelivered) = told.undelivered {
        let help = "Events that receivers of webhooks have still to take.";
        let queue = IntGauge::new("livekit_webhook_queue_length", help)?;
        queue.set(undelivered);
        register(registry, queue)?;
    }
    Ok(())
}
