//! What a peer's transport holds at most, and for how long. `docs/limits.md` says what happens when it is full.

use std::time::Duration;

/// RTP streams that one peer may send at once, and senders of RTCP: three simulcast layers with
/// retransmission for more than a hundred tracks. A further one takes the place of the one that began first.
pub(crate) const MAX_RECEIVE_STREAMS: usize = 1_024;

/// RTP streams that we send to one peer at once: two for each of eight thousand subscriptions.
pub(crate) const MAX_SEND_STREAMS: usize = 16_384;

/// Streams that ended and whose last packet index is remembered, in each direction: those of six hundred
/// simulcast tracks. An SSRC that comes back goes on behind it, so that no packet is taken twice and none
/// is sealed twice. The one that ended first is forgotten.
pub(crate) const MAX_ENDED_STREAMS: usize = 4_096;

/// Most streams of an association either way; libwebrtc's own limit.
pub(crate) const MAX_STREAMS: u16 = 1_024;

/// Bytes that a peer may have sent and that were not read, whether complete or not: the window that we
/// advertise. A peer that is 50 ms away may so send 40 Mbit/s.
pub(crate) const RECEIVE_WINDOW_BYTES: u32 = 262_144;

/// DATA chunks that may wait while a peer is held back: its window counts bytes alone, and a message of
/// one byte costs far more. Packets with more of them are as good as lost. A window of messages of 64
/// bytes fits.
pub(crate) const MAX_UNREAD_CHUNKS: usize = 4_096;

/// Most channels that are open at once. What a peer opens beyond them stays unanswered.
pub(crate) const MAX_CHANNELS: usize = 16;

/// How often is looked whether a sender that is held back may go on: at the rate of its budget in each
/// of these spans it still sends faster than any network.
pub(crate) const HOLD_INTERVAL: Duration = Duration::from_millis(5);

/// Bytes of a channel that SCTP has and that are not acknowledged; the rest waits before it. Enough for
/// 20 Mbit/s to a receiver that answers after 100 ms, and what the library does for each packet grows
/// with it.
pub(crate) const MAX_SCTP_BYTES: usize = 256 * 1_024;

/// Messages of a channel that SCTP has: short ones cost far more than their bytes.
pub(crate) const MAX_SCTP_MESSAGES: usize = 512;

/// Bytes of reliable messages that nobody's budget pays for (what is sent again after a resume) and that
/// wait for one receiver; those behind them are refused.
pub(crate) const MAX_UNACCOUNTED_BYTES: usize = 1_024 * 1_024;

/// Bytes of reliable messages that wait for a channel that is not open yet; those behind them are
/// refused, and nobody is held back. Not every peer opens one.
pub(crate) const MAX_EARLY_BYTES: usize = 1_024 * 1_024;

/// Reliable messages that wait for it.
pub(crate) const MAX_EARLY_MESSAGES: usize = 1_024;

/// Bytes of a lossy channel that SCTP has: what is there is sent, however old. Enough for 5 Mbit/s to a
/// receiver that answers after 100 ms.
pub(crate) const MAX_LOSSY_SCTP_BYTES: usize = 64 * 1_024;

/// Bytes of lossy messages of a channel that wait before SCTP: the oldest give way.
pub(crate) const MAX_LOSSY_BYTES: usize = 64 * 1_024;

/// Lossy messages of a channel that wait before SCTP.
pub(crate) const MAX_LOSSY_MESSAGES: usize = 1_024;

/// How long a receiver may keep senders waiting while it takes less than [`STALL_BYTES`].
pub(crate) const STALL_TIME: Duration = Duration::from_secs(5);

/// What a receiver takes at least in [`STALL_TIME`] while it keeps senders waiting: the slowest mobile
/// networks do twice that.
pub(crate) const STALL_BYTES: usize = 8 * 1_024;

/// Paths of a peer that a check came by: two networks with both address families, over UDP, TCP and relays.
/// The one that was checked longest ago gives way, one that is not proved before one that is, and never
/// the selected one.
pub(crate) const MAX_PATHS: usize = 16;

/// Transaction ids of a peer's checks that are remembered against replays: those of several check intervals
/// on all paths.
pub(crate) const REMEMBERED_TRANSACTIONS: usize = 16;

/// How long a proof holds after the check that was answered: media stops when the peer answers no more. RFC 7675
/// section 5.1 allows 30 s; LiveKit gives a peer up after 15 s.
pub(crate) const PROOF_LIFETIME: Duration = Duration::from_secs(15);

/// How often the selected path is proved again (RFC 7675 section 5.1), with the next check of the peer's: clients
/// check each 2 to 5 s, and to be woken for a check of ours costs a media thread more than to send it.
pub(crate) const PROOF_INTERVAL: Duration = Duration::from_secs(5);

/// How old the proof of the selected path gets when no check of the peer's comes.
pub(crate) const LATEST_PROOF_INTERVAL: Duration = Duration::from_secs(10);

/// Between checks of ours to one path whose answer has not come (RFC 8445 section 14.3), doubled each time.
pub(crate) const FIRST_CHECK_TIMEOUT: Duration = Duration::from_millis(100);

/// Checks of ours for one of the peer's, to a path that is not proved: what it costs whoever else is there.
pub(crate) const MAX_CHECKS: u32 = 4;

/// Least time between checks of ours to one path.
pub(crate) const CHECK_PACE: Duration = Duration::from_millis(50);
