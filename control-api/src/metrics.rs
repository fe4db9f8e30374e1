//! What the node counts, for Prometheus.
//!
//! Labels are bounded: a shard, a direction, a reason; never a room or an identity.

mod livekit;
mod make;
mod rooms;
mod shards;
mod told;

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use sfu_driver::ShardReport;
use signaling::{Rooms, RoomsReport};

use crate::bans::Bans;
use crate::histograms::{tracks, turn_lengths, waits};
use crate::quotas::KeyQuotas;
use crate::sessions::Sessions;
use crate::tokens::TokenCounts;
use crate::webhooks::Webhooks;
use told::{EventFigures, Told};

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
    /// What the endpoint of tokens has done.
    pub tokens: TokenCounts,
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
        tokens: sources.tokens.report(),
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

fn render(reports: &[ShardReport], rooms: &RoomsReport, told: &Told) -> prometheus::Result<String> {
    let registry = Registry::new();
    let shards: Vec<_> = (0..)
        .map(|shard: u32| shard.to_string())
        .zip(reports)
        .collect();
    shards::register_all(&registry, &shards)?;
    rooms::register_all(&registry, rooms)?;
    told::register_all(&registry, told)?;
    livekit::register_all(&registry, reports, rooms, told)?;
    make::register(&registry, ProcessCollector::for_self())?;
    let mut families = registry.gather();
    families.push(turn_lengths(&shards));
    families.push(waits(&shards));
    families.extend(tracks(&rooms.quality));
    TextEncoder::new().encode_to_string(&families)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use signaling::{Limit, QualityReport};

    use super::*;
    use crate::bans::BanCounts;
    use crate::webhooks::TargetHealth;

    fn headers(authorization: &str) -> HeaderMap {
        let value = authorization.parse().unwrap();
        [(header::AUTHORIZATION, value)].into_iter().collect()
    }

    #[test]
    fn sessions_that_wait_and_quotas_that_are_exceeded_are_told() {
        let told = Told {
            unprojected: 3,
            quotas_exceeded: [("participants", 4), ("minutes", 0)],
            ..Told::default()
        };
        let text = render(&[ShardReport::default()], &RoomsReport::default(), &told).unwrap();
        for line in [
            "sluice_session_events_waiting 3",
            "sluice_quota_exceeded_total{quota=\"participants\"} 4",
            "sluice_quota_exceeded_total{quota=\"minutes\"} 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}:\n{text}");
        }
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
            tokens: TokenCounts::default().report(),
            events: EventFigures {
                written: 9,
                ..EventFigures::default()
            },
            ..Told::default()
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
            "sluice_webhook_receivers_failing 0",
            "livekit_packet_total{direction=\"outgoing\"} 7",
            "livekit_packet_bytes{direction=\"incoming\"} 0",
            "livekit_track_published_total{kind=\"video\"} 0",
            "livekit_participant_join_total{state=\"rtc_connected\"} 0",
            "sluice_tokens_total{outcome=\"too_often\"} 0",
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

    /// Returns the names and the meanings that a page of metrics has.
    fn names(text: &str) -> BTreeMap<String, String> {
        let told = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
        let told = told.filter_map(|line| line.split_once(' '));
        let ours = told.filter(|(name, _)| !name.starts_with("process_"));
        ours.map(|(name, help)| (name.to_owned(), help.to_owned()))
            .collect()
    }

    #[test]
    fn the_page_of_metrics_names_what_is_told_and_nothing_else() {
        let told = Told {
            undelivered: Some(0),
            tokens: TokenCounts::default().report(),
            ..Told::default()
        };
        let rooms = RoomsReport {
            threads: vec![true],
            limit_hits: vec![(Limit::SignalRate, 0)],
            ..RoomsReport::default()
        };
        let text = render(&[ShardReport::default()], &rooms, &told).unwrap();
        let page = include_str!("../../docs/metrics.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let rows = rows.filter_map(|row| {
            let (name, rest) = row.split_once('`')?;
            let help = rest.split('|').nth(3)?.trim();
            Some((name.to_owned(), help.to_owned()))
        });
        assert_eq!(rows.collect::<BTreeMap<_, _>>(), names(&text), "{text}");
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
