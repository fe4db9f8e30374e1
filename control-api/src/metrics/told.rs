//! What there is to tell of bans, webhooks and tokens.

use prometheus::Registry;

use super::make::{counter, gauge, register, signed};
use crate::bans::BanCounts;
use crate::events::{EventCounts, TallyReport};
use crate::webhooks::TargetHealth;

/// What is told beside rooms and shards.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) bans: BanCounts,
    pub(super) receivers: Vec<TargetHealth>,
    /// Events that receivers have still to take, where that is known.
    pub(super) undelivered: Option<i64>,
    pub(super) events: EventFigures,
    /// Answers of the endpoint of tokens, by outcome.
    pub(super) tokens: Vec<(&'static str, u64)>,
    /// Events that sessions have still to be made of.
    pub(super) unprojected: i64,
    /// How often somebody came beyond each quota.
    pub(super) quotas_exceeded: [(&'static str, u64); 2],
}

/// What has become of events.
#[derive(Debug, Default)]
pub(super) struct EventFigures {
    pub(super) written: u64,
    pub(super) lost: u64,
    pub(super) waiting: u64,
    pub(super) tally: TallyReport,
}

impl EventFigures {
    pub(super) fn of(counts: &EventCounts) -> Self {
        Self {
            written: counts.written(),
            lost: counts.lost(),
            waiting: counts.waiting(),
            tally: counts.tally(),
        }
    }
}

/// Registers all of it.
pub(super) fn register_all(registry: &Registry, told: &Told) -> prometheus::Result<()> {
    register_bans(registry, told.bans)?;
    register_webhooks(registry, told)?;
    let help = "Answers of the endpoint of tokens (POST /token).";
    let tokens = counter("tokens_total", help, &["outcome"])?;
    for (outcome, count) in &told.tokens {
        tokens.with_label_values(&[outcome]).inc_by(*count);
    }
    register(registry, tokens)?;
    register_quotas(registry, &told.quotas_exceeded)
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

/// What has become of events of rooms.
fn register_webhooks(registry: &Registry, told: &Told) -> prometheus::Result<()> {
    const NONE: &[&str] = &[];

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
