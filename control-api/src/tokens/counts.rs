use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// What becomes of requests for a token: names in metrics, each with the status that it is answered with.
const OUTCOMES: [(&str, StatusCode); 6] = [
    ("given", StatusCode::CREATED),
    ("bad_request", StatusCode::BAD_REQUEST),
    ("no_session", StatusCode::UNAUTHORIZED),
    ("forbidden", StatusCode::FORBIDDEN),
    ("too_often", StatusCode::TOO_MANY_REQUESTS),
    ("no_answer", StatusCode::SERVICE_UNAVAILABLE),
];

/// What the endpoint of tokens has done. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct TokenCounts(Arc<[AtomicU64; OUTCOMES.len()]>);

impl TokenCounts {
    /// Takes note of an answer. One of another status is a bad request: its body is too long, or late.
    pub(crate) fn note(&self, status: StatusCode) {
        let known = OUTCOMES.iter().position(|(_, known)| *known == status);
        if let Some(count) = self.0.get(known.unwrap_or(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many answers there were of each outcome.
    pub(crate) fn report(&self) -> Vec<(&'static str, u64)> {
        let names = OUTCOMES.iter().map(|(name, _)| *name);
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        names.zip(counts).collect()
    }
}
