//! How rooms, media threads and participants fare.

use prometheus::{IntCounterVec, IntGaugeVec, Registry};
use signaling::{Limit, QualityCounts, RoomsReport};

use super::make::{counter, gauge, register, signed};

/// How the rooms and the media threads fare.
pub(super) fn register_all(registry: &Registry, rooms: &RoomsReport) -> prometheus::Result<()> {
    const NONE: &[&str] = &[];

    register(registry, limit_hits(&rooms.limit_hits)?)?;
    let counts = [
        ("rooms", "Rooms that are open.", rooms.open),
        (
            "rooms_behind",
            "Rooms whose work has waited for more than a second.",
            rooms.behind,
        ),
    ];
    for (name, help, count) in counts {
        let metric = gauge(name, help, NONE)?;
        metric.with_label_values(NONE).set(signed(count));
        register(registry, metric)?;
    }
    let help = "Age of the oldest work of any room.";
    let lag = prometheus::Gauge::new("sluice_room_lag_seconds", help)?;
    lag.set(rooms.longest.as_secs_f64());
    register(registry, lag)?;
    register(registry, participants(&rooms.quality.participants)?)?;
    let help = "Rooms that ended by a fault of the node.";
    let failed = counter("rooms_failed_total", help, NONE)?;
    failed.with_label_values(NONE).inc_by(rooms.failed);
    register(registry, failed)?;
    let help = "Whether a media thread works.";
    let threads = gauge("media_thread_up", help, &["shard"])?;
    for (shard, works) in (0_u32..).zip(&rooms.threads) {
        let shard = shard.to_string();
        threads.with_label_values(&[shard]).set((*works).into());
    }
    register(registry, threads)
}

/// How many participants are how well connected.
fn participants(counts: &QualityCounts) -> prometheus::Result<IntGaugeVec> {
    let help = "Participants by how well they are connected.";
    let metric = gauge("participants", help, &["quality"])?;
    for (quality, count) in [
        ("excellent", counts.excellent),
        ("good", counts.good),
        ("poor", counts.poor),
        ("lost", counts.lost),
    ] {
        metric.with_label_values(&[quality]).set(signed(count));
    }
    Ok(metric)
}

/// How often somebody was held back, or lost something, by a limit.
fn limit_hits(hits: &[(Limit, u64)]) -> prometheus::Result<IntCounterVec> {
    let help = "Times that a client or a room met a limit; docs/limits.md names them.";
    let metric = counter("limit_hits_total", help, &["limit"])?;
    for (limit, count) in hits {
        metric.with_label_values(&[limit.label()]).inc_by(*count);
    }
    Ok(metric)
}
