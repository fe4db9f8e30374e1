//! How much data of one sender may be under way.

/// What a data message costs beside its bytes: its places in queues, and its chunks in SCTP.
pub const DATA_MESSAGE_COST_BYTES: usize = 256;

/// Reliable data of one sender that may be in the node at a time, from when it is read until the last
/// of its receivers has it: a bandwidth of 80 Mbit/s with receivers that answer after 100 ms, and the
/// memory that one participant may fill. It is held back beyond that: see [`DataBudget`](crate::DataBudget).
pub const RELIABLE_DATA_IN_FLIGHT_BYTES: usize = 1024 * 1024;

/// Lossy data of one sender that may be in the node at a time. What comes beyond that is dropped: it
/// would be late.
pub const LOSSY_DATA_IN_FLIGHT_BYTES: usize = 512 * 1024;

/// Longest data message that clients are told they may send (`a=max-message-size`): with what the server
/// writes into it of its sender it still fits the 65,535 bytes that Pion reads.
pub const TOLD_DATA_MESSAGE_BYTES: usize = 64_000;

/// Longest data message that is taken: LiveKit's server forwards such too, whatever it tells. A longer
/// one ends its sender's transport.
pub const MAX_DATA_MESSAGE_IN_BYTES: usize = 70_000;

/// Longest data message that is sent: the longest that comes, with what the server writes into it of its
/// sender. `SendData` refuses a longer one.
pub const MAX_DATA_MESSAGE_OUT_BYTES: usize = MAX_DATA_MESSAGE_IN_BYTES + 4_096;
