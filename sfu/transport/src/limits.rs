//! What a peer's transport holds at most, and for how long. `docs/limits.md` says what happens when it is full.

/// RTP streams that one peer may send at once, and senders of RTCP: three simulcast layers with
/// retransmission for more than a hundred tracks. A further one takes the place of the one that began first.
pub(crate) const MAX_RECEIVE_STREAMS: usize = 1_024;

/// RTP streams that we send to one peer at once: two for each of eight thousand subscriptions.
pub(crate) const MAX_SEND_STREAMS: usize = 16_384;

/// Streams that ended and whose last packet index is remembered, in each direction: those of six hundred
/// simulcast tracks. An SSRC that comes back goes on behind it, so that no packet is taken twice and none
/// is sealed twice. The one that ended first is forgotten.
pub(crate) const MAX_ENDED_STREAMS: usize = 4_096;
