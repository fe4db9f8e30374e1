//! How metrics of ours are made.

use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

pub(super) fn counter(
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(format!("sluice_{name}"), help), labels)
}

pub(super) fn gauge(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(format!("sluice_{name}"), help), labels)
}

pub(super) fn register(
    registry: &Registry,
    metric: impl Collector + 'static,
) -> prometheus::Result<()> {
    registry.register(Box::new(metric))
}

pub(super) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
