use sfu_model::Path;

/// What [`Shard::poll_transmit`](crate::Shard::poll_transmit) wrote: datagrams for one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where they go.
    pub path: Path,
    /// Length of each datagram when the buffer holds several; the last may be shorter. `None`: the
    /// buffer is one datagram.
    pub segment_size: Option<usize>,
}
