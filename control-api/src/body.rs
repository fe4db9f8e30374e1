use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use tokio::time::timeout;

/// Time in which a body must have come.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes beyond its limit that are read of a body. A client that is still writing when the
/// connection closes never reads why it was refused.
const MAX_DISCARDED: usize = 32 << 20;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoBody {
    /// It is longer than allowed, or was cut off.
    TooLarge,
    /// It did not come in time.
    Late,
}

/// Reads a body of at most `max` bytes. No more than that is kept in memory.
pub(crate) async fn read(body: Body, max: usize) -> Result<Bytes, NoBody> {
    match timeout(TIMEOUT, collect(body, max)).await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(NoBody::TooLarge),
        Err(_) => Err(NoBody::Late),
    }
}

async fn collect(body: Body, max: usize) -> Option<Bytes> {
    let mut chunks = body.into_data_stream();
    let mut kept = Vec::new();
    let mut length = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        length = length.saturating_add(chunk.len());
        if length <= max {
            kept.extend_from_slice(&chunk);
        } else if length <= max.saturating_add(MAX_DISCARDED) {
            kept = Vec::new();
        } else {
            return None;
        }
    }
    (length <= max).then(|| kept.into())
}
