//! What the node counts, for Prometheus.
//!
//! Labels are bounded: a shard, a direction, a reason; never a room or an identity.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};
use sfu_driver::ShardReport;
use signaling::{Limit, QualityCounts, Rooms, RoomsReport};

use crate::bans::{BanCounts, Bans};
use crate::events::EventCounts;
use crate::histograms::{tracks, turn_lengths, waits};
use crate::quotas::KeyQuotas;
use crate::sessions::Sessions;
use crate::webhooks::{TargetHealth, Webhooks};

/// Who may read metrics (RFC 7617).
#[derive(Clone)]
pub struct MetricsLogin {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for MetricsLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsLogin")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl MetricsLogin {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
        let Some(given) = given.and_then(|text| BASE64_STANDARD.decode(text.trim()).ok()) else {
            return false;
        };
        let expected = format!("{}:{}", self.username, self.password);
        verify_slices_are_equal(&given, expected.as_bytes()).is_ok()
    }
}

/// What there is to tell of.
#[derive(Clone, Debug)]
pub struct MetricsSources {
    /// All rooms.
    pub rooms: Rooms,
    /// All bans.
    pub bans: Bans,
    /// All receivers of events.
    pub webhooks: Webhooks,
    /// How far sessions are made of events.
    pub sessions: Sessions,
    /// How much each key may use.
    pub quotas: KeyQuotas,
}

/// Answers every path with the node's metrics, as LiveKit's `prometheus.port` does; with a login,
/// only to who knows it.
pub fn metrics_routes(sources: MetricsSources, login: Option<MetricsLogin>) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Arc::new((sources, login)))
}

async fn serve(
    State(state): State<Arc<(MetricsSources, Option<MetricsLogin>)>>,
    headers: HeaderMap,
) -> Response {
    let (sources, login) = &*state;
    if login.as_ref().is_some_and(|login| !login.admits(&headers)) {
        let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"metrics\"")];
        return (StatusCode::UNAUTHORIZED, ask).into_response();
    }
    let rooms = &sources.rooms;
    let told = Told {
        bans: sources.bans.counts(),
        receivers: sources.webhooks.health(),
        undelivered: sources.webhooks.waiting().await,
        events: EventFigures::of(sources.webhooks.counts()),
        unprojected: sources.sessions.waiting(),
        quotas_exceeded: [
            ("participants", rooms.seats().exceeded()),
            ("minutes", sources.quotas.exceeded()),
        ],
    };
    match render(&rooms.media_reports(), &rooms.report(), &told) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "The metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

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

fn render(reports: &[ShardReport], rooms: &RoomsReport, told: &Told) -> prometheus::Result<String> {
    let registry = Registry::new();
    let shards: Vec<_> = (0..)
        .map(|shard: u32| shard.to_string())
        .zip(reports)
        .collect();
    for (name, help, read) in COUNTS {
        let metric = counter(name, help, &["shard"])?;
        for (shard, report) in &shards {
            metric.with_label_values(&[shard]).inc_by(read(report));
        }
        register(&registry, metric)?;
    }
    for (name, help, read) in GAUGES {
        let metric = gauge(name, help, &["shard"])?;
        for (shard, report) in &shards {
            metric.with_label_values(&[shard]).set(signed(read(report)));
        }
        register(&registry, metric)?;
    }
    register(&registry, drops(&shards)?)?;
    register(&registry, limit_hits(&rooms.limit_hits)?)?;
    register_rooms(&registry, rooms)?;
    register_bans(&registry, told.bans)?;
    register_webhooks(&registry, told)?;
    register_quotas(&registry, &told.quotas_exceeded)?;
    register(&registry, ProcessCollector::for_self())?;
    let mut families = registry.gather();
    families.push(turn_lengths(&shards));
    families.push(waits(&shards));
    families.extend(tracks(&rooms.quality));
    TextEncoder::new().encode_to_string(&families)
}

/// How the rooms and the media threads fare.
fn register_rooms(registry: &Registry, rooms: &RoomsReport) -> prometheus::Result<()> {
    const NONE: &[&str] = &[];

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
    let quality = &rooms.quality.participants;
    let all = quality.excellent + quality.good + quality.poor + quality.lost;
    for (name, help, count) in [
        (
            "livekit_room_total",
            "Rooms that are open, under LiveKit's name.",
            rooms.open,
        ),
        (
            "livekit_participant_total",
            "Participants, under LiveKit's name.",
            all,
        ),
    ] {
        let metric = prometheus::IntGauge::new(name, help)?;
        metric.set(signed(count));
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

/// What is told beside rooms and shards.
#[derive(Debug, Default)]
struct Told {
    bans: BanCounts,
    receivers: Vec<TargetHealth>,
    /// Events that receivers have still to take, where that is known.
    undelivered: Option<i64>,
    events: EventFigures,
    /// Events that sessions have still to be made of.
    unprojected: i64,
    /// How often somebody came beyond each quota.
    quotas_exceeded: [(&'static str, u64); 2],
}

/// What has become of events.
#[derive(Debug, Default)]
struct EventFigures {
    written: u64,
    lost: u64,
    waiting: u64,
}

impl EventFigures {
    fn of(counts: &EventCounts) -> Self {
        Self {
            written: counts.written(),
            lost: counts.lost(),
            waiting: counts.waiting(),
        }
    }
}

/// What receivers have taken of what there was to tell; under LiveKit's name where it has one.
fn register_webhooks(registry: &Registry, told: &Told) -> prometheus::Result<()> {
    const NONE: &[&str] = &[];

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
        let queue = prometheus::IntGauge::new("livekit_webhook_queue_length", help)?;
        queue.set(undelivered);
        register(registry, queue)?;
    }
    for (name, help, count) in [
        (
            "events_total",
            "Events of rooms that were written down.",
            told.events.written,
        ),
        (
            "events_lost_total",
            "Events that were lost because the journal could not be written.",
            told.events.lost,
        ),
    ] {
        let metric = counter(name, help, NONE)?;
        metric.with_label_values(NONE).inc_by(count);
        register(registry, metric)?;
    }
    let help = "Events of rooms that wait in memory to be written down.";
    let unwritten = gauge("events_unwritten", help, NONE)?;
    let count = i64::try_from(told.events.waiting).unwrap_or(i64::MAX);
    unwritten.with_label_values(NONE).set(count);
    register(registry, unwritten)?;
    let help = "Events of rooms that wait until sessions are made of them in the database.";
    let unprojected = gauge("session_events_waiting", help, NONE)?;
    unprojected.with_label_values(NONE).set(told.unprojected);
    register(registry, unprojected)?;
    let help = "Receivers of webhooks that take nothing.";
    let failing = gauge("webhook_receivers_failing", help, NONE)?;
    let count = told
        .receivers
        .iter()
        .filter(|it| it.failing_since.is_some());
    failing.with_label_values(NONE).set(signed(count.count()));
    register(registry, failing)
}

/// How often somebody came when an API key had as much as it may.
fn register_quotas(registry: &Registry, exceeded: &[(&str, u64)]) -> prometheus::Result<()> {
    let help =
        "Participants that came when their API key had as much as its quota, refused or not.";
    let metric = counter("quota_exceeded_total", help, &["quota"])?;
    for (quota, count) in exceeded {
        metric.with_label_values(&[quota]).inc_by(*count);
    }
    register(registry, metric)
}

/// How many bans there are, and how often somebody was refused for one.
fn register_bans(registry: &Registry, bans: BanCounts) -> prometheus::Result<()> {
    const NONE: &[&str] = &[];

    let help = "Bans that hold, and those of them that the database has not taken yet.";
    let metric = gauge("bans", help, &["state"])?;
    for (state, count) in [("held", bans.held), ("unsaved", bans.unsaved)] {
        metric.with_label_values(&[state]).set(signed(count));
    }
    register(registry, metric)?;
    let help = "Times that somebody was refused, or removed, because of a ban.";
    let refused = counter("ban_refusals_total", help, NONE)?;
    refused.with_label_values(NONE).inc_by(bans.refusals);
    register(registry, refused)
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

/// How often somebody was held back, or lost something, by a limit.
fn limit_hits(hits: &[(Limit, u64)]) -> prometheus::Result<IntCounterVec> {
    let help = "Times that a client or a room met a limit; docs/limits.md names them.";
    let metric = counter("limit_hits_total", help, &["limit"])?;
    for (limit, count) in hits {
        metric.with_label_values(&[limit.label()]).inc_by(*count);
    }
    Ok(metric)
}

fn counter(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(format!("sluice_{name}"), help), labels)
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(format!("sluice_{name}"), help), labels)
}

fn register(registry: &Registry, metric: impl Collector + 'static) -> prometheus::Result<()> {
    registry.register(Box::new(metric))
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signaling::QualityReport;

    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let value = authorization.parse().unwrap();
        [(header::AUTHORIZATION, value)].into_iter().collect()
    }

    #[test]
    fn every_shard_and_every_reason_for_a_drop_is_told() {
        let mut second = ShardReport::default();
        second.counters.rtp_out = 7;
        second.counters.peers = 3;
        second.receive_overflows = 9;
        let mut quality = QualityReport::default();
        quality.participants.poor = 4;
        quality.received.loss.note(15_000);
        let rooms = RoomsReport {
            open: 2,
            behind: 1,
            longest: Duration::from_millis(1500),
            failed: 3,
            limit_hits: vec![(Limit::SignalRate, 4), (Limit::Backlog, 0)],
            threads: vec![true, false],
            quality,
        };
        let told = Told {
            bans: BanCounts {
                held: 5,
                unsaved: 1,
                refusals: 6,
            },
            receivers: vec![TargetHealth {
                taken: 8,
                failed: 2,
                ..TargetHealth::default()
            }],
            undelivered: Some(10),
            events: EventFigures {
                written: 9,
                ..EventFigures::default()
            },
            unprojected: 3,
            quotas_exceeded: [("participants", 4), ("minutes", 0)],
        };
        let text = render(&[ShardReport::default(), second], &rooms, &told).unwrap();
        for line in [
            "sluice_rtp_packets_out_total{shard=\"0\"} 0",
            "sluice_rtp_packets_out_total{shard=\"1\"} 7",
            "sluice_peers{shard=\"1\"} 3",
            "sluice_drops_total{reason=\"receive_buffer_full\",shard=\"1\"} 9",
            "sluice_drops_total{reason=\"transmit_queue_full\",shard=\"1\"} 0",
            "sluice_data_holds_total{shard=\"1\"} 0",
            "sluice_turn_seconds_bucket{shard=\"0\",le=\"0.0002\"} 0",
            "sluice_turn_seconds_count{shard=\"1\"} 0",
            "sluice_held_seconds_bucket{shard=\"0\",le=\"0.25\"} 0",
            "sluice_held_total{shard=\"1\"} 0",
            "sluice_drops_total{reason=\"layer_thinned\",shard=\"1\"} 0",
            "sluice_participants{quality=\"poor\"} 4",
            "sluice_track_loss_ratio_bucket{direction=\"out\",le=\"0.01\"} 0",
            "sluice_track_loss_ratio_bucket{direction=\"out\",le=\"0.02\"} 1",
            "sluice_track_loss_ratio_count{direction=\"in\"} 0",
            "sluice_track_round_trip_seconds_count{direction=\"out\"} 0",
            "sluice_bans{state=\"held\"} 5",
            "sluice_bans{state=\"unsaved\"} 1",
            "sluice_ban_refusals_total 6",
            "livekit_webhook_dispatch_total{status=\"success\"} 8",
            "livekit_webhook_dispatch_total{status=\"failure\"} 2",
            "livekit_webhook_queue_length 10",
            "sluice_events_total 9",
            "sluice_session_events_waiting 3",
            "sluice_quota_exceeded_total{quota=\"participants\"} 4",
            "sluice_webhook_receivers_failing 0",
            "livekit_room_total 2",
            "livekit_participant_total 4",
            "sluice_rooms 2",
            "sluice_rooms_behind 1",
            "sluice_room_lag_seconds 1.5",
            "sluice_rooms_failed_total 3",
            "sluice_media_thread_up{shard=\"0\"} 1",
            "sluice_media_thread_up{shard=\"1\"} 0",
            "sluice_limit_hits_total{limit=\"signal_rate\"} 4",
            "sluice_limit_hits_total{limit=\"backlog\"} 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
        assert!(text.contains("process_resident_memory_bytes"));
    }

    #[test]
    fn only_who_knows_the_login_may_read() {
        let login = MetricsLogin {
            username: "me".to_owned(),
            password: "hush".to_owned(),
        };
        let right = format!("Basic {}", BASE64_STANDARD.encode("me:hush"));
        assert!(login.admits(&headers(&right)));
        let wrong = format!("Basic {}", BASE64_STANDARD.encode("me:hust"));
        for authorization in [wrong.as_str(), "Basic", "Basic %%%", "Bearer x", ""] {
            assert!(!login.admits(&headers(authorization)), "{authorization}");
        }
        assert!(!login.admits(&HeaderMap::new()));
    }
}
