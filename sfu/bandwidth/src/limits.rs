//! What one estimator holds at most, and between which bounds an estimate stays. `docs/limits.md` says what
//! happens when a limit is met, and who pays.

use sfu_model::Bitrate;

/// Lowest estimate: a voice with its redundancy. What a link carries less than is no call, and an estimate
/// of nothing would never send what it needs to recover.
pub const MIN_ESTIMATE: Bitrate = Bitrate(30_000);

/// Highest estimate: ten times what forty tracks of HD video take.
pub const MAX_ESTIMATE: Bitrate = Bitrate(1_000_000_000);

/// Bytes without a number that are taken to arrive with the next packet that has one: what three voices with their redundancy
/// send from one picture to the next. More is what was sent while there was no video.
pub(crate) const UNNUMBERED_BYTES: u16 = 4_096;

/// Packets that were sent and can still be reported on: 32 KiB, which is a round trip and a feedback's
/// interval of 400 ms at 100 Mbit/s. Of more the oldest are forgotten, and count neither as lost nor as arrived.
pub(crate) const SENT_PACKETS: usize = 4_096;

/// The same before the first feedback: who never reports fills no more.
pub(crate) const SENT_PACKETS_BEFORE_FEEDBACK: usize = 512;

/// The same at the first packet: it doubles when it is full of packets that were not reported on.
pub(crate) const FIRST_SENT_PACKETS: usize = 32;

/// Statuses of one feedback that are read. A feedback of libwebrtc has a few dozen, and
/// no interval of feedback holds more than are remembered.
pub(crate) const FEEDBACK_STATUSES: usize = SENT_PACKETS;

/// Statuses that are read for each packet that was sent: it is told of once, and again where it comes late or a report
/// is lost. Who tells of more is not heard until more is sent: 28 bytes can tell of thousands of packets.
pub(crate) const STATUSES_OF_A_PACKET: usize = 4;

/// Probe clusters of which arrivals are added up at a time: those of one step, and late ones of the step before.
pub(crate) const PROBE_CLUSTERS: usize = 4;

/// Probe clusters that wait to be sent: two at the beginning.
pub(crate) const WAITING_PROBES: usize = 2;
