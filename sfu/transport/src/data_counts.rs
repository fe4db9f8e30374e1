//! What is counted of a peer's data channels.

/// What data channels of a peer have met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataCounts {
    /// Times that the peer was held back because its reliable messages were not taken fast enough.
    pub holds: u64,
    /// Lossy messages of the peer that were dropped because it had too much under way.
    pub dropped_in: u64,
    /// Lossy messages to the peer that gave way to later ones.
    pub dropped_out: u64,
    /// Messages of the peer that were ignored: text, unknown protocols, streams that nobody opened, channels
    /// beyond the limit.
    pub ignored: u64,
}
