//! What is kept of a stream at most, how often is asked and reported, and how much of a packet is read. `docs/limits.md`
//! says what happens when a limit is met, and who pays.

use std::time::Duration;

/// Latest packets of a received video stream that are kept: a second at 4 Mbit/s.
pub const CACHED_VIDEO_PACKETS: usize = 512;

/// Latest packets of a received audio stream that are kept: five seconds.
pub const CACHED_AUDIO_PACKETS: usize = 256;

/// A ring of packets, or of what was sent, begins with so many places, and has twice as many when a packet would take
/// the place of one that is younger than [`RETAINED_MILLIS`].
pub(crate) const FIRST_RING_LEN: usize = 16;

/// Most places of a ring: beyond half of the sequence numbers, old and new could not be told apart.
pub(crate) const MAX_RING_LEN: usize = 1 << 15;

/// Packets of this age may be overwritten without their ring growing: most are asked for again within two round trips.
pub(crate) const RETAINED_MILLIS: u32 = 1_000;

/// Times that one packet is sent again: who has lost it as often needs a key frame.
pub const MAX_RETRANSMISSIONS: u8 = 3;

/// How long a packet can be asked for again: what is older is shown no more.
pub const RETRANSMISSION_AGE: Duration = Duration::from_secs(10);

/// Missing packets of a stream that are remembered; older ones are given up, and so is everything when more are
/// missing in a row: then a key frame is cheaper.
pub const MAX_MISSING: usize = 100;

/// Repair packets (FlexFEC) of a stream that wait for what they protect: more than a second's worth, as one protects
/// several packets and is of use only among the latest packets (a mask reaches over 109).
pub const WAITING_REPAIRS: usize = 64;

/// Latest packets of a stream that can take part in a repair: a mask of FlexFEC reaches over 109.
pub(crate) const PROTECTED_PACKETS: u64 = 128;

/// Times that one packet is asked for.
pub const MAX_NACK_TRIES: u8 = 5;

/// Least time between two requests for one packet.
pub const MIN_NACK_INTERVAL: Duration = Duration::from_millis(20);

/// Most time between two requests for one packet.
pub const MAX_NACK_INTERVAL: Duration = Duration::from_millis(400);

/// Round-trip time until one was measured.
pub const FIRST_RTT: Duration = Duration::from_millis(70);

/// How long a packet of video may be merely reordered before it is asked for. Those of sound come so far apart that who
/// misses one has waited already.
pub const NACK_GRACE: Duration = Duration::from_millis(10);

/// Pairs of one request, each for up to 17 packets; what does not fit is due at once again.
pub const MAX_NACK_PAIRS: usize = 32;

/// Time between two reports of arrival times (transport-cc), as in libwebrtc.
pub const ARRIVALS_INTERVAL: Duration = Duration::from_millis(100);

/// Sequence numbers that one report of arrival times is about, so that it fits a packet.
pub(crate) const REPORTED_ARRIVALS: usize = 512;

/// Sequence numbers whose arrival is recorded: 50 Mbit/s between two reports. A jump over more of them begins anew.
pub(crate) const MAX_ARRIVALS: usize = 2_048;

/// Sequence numbers that are kept behind what was reported, so that one that comes late is reported still.
pub(crate) const KEPT_ARRIVALS: usize = 128;

/// Packets of a report of arrival times that are read: four seconds of 10 Mbit/s. One that tells of more is cut.
pub const MAX_READ_ARRIVALS: u16 = 4_096;

/// Packets of a compound that are read.
pub const MAX_COMPOUND_PACKETS: usize = 64;

/// Runs of left-out packets that are remembered for late ones, which are not forwarded before them.
pub const MAX_LEFT_OUT_RUNS: usize = 128;

/// Redundant blocks of a packet that are read, the latest ones: clients send two at most.
pub const MAX_REDUNDANT_BLOCKS: usize = 8;

/// NAL units of one aggregation packet that are looked at: parameter sets come first.
pub(crate) const MAX_AGGREGATED_UNITS: usize = 32;

/// Time between two sender reports of a stream.
pub const SENDER_REPORT_INTERVAL: Duration = Duration::from_secs(3);

/// Time until a sender report is tried again, while its clock is unknown.
pub const SENDER_REPORT_RETRY: Duration = Duration::from_millis(250);
