//! One shard of the media plane as a state machine.
//!
//! A shard owns peers with their transports, what they publish and what they subscribe to, and
//! forwards packets between them. It opens no socket, reads no clock and draws no random number:
//! a driver feeds it and carries away what it wants sent. The order of a tick:
//!
//! 1. [`Shard::handle_datagram`] for what arrived, [`Shard::handle_command`] for what the control
//!    plane asks, [`Shard::handle_timeout`] when [`Shard::poll_timeout`] is due;
//! 2. [`Shard::poll_transmit`] until it yields nothing, and in between whenever
//!    [`Shard::is_backlogged`] says so;
//! 3. [`Shard::poll_event`] until it yields nothing.
//!
//! Invariant: a datagram that is not authenticated changes no state but counters.
//!
//! Invariant: what one peer sends ends at most that peer.
//!
//! Invariant: no lock, and no allocation per packet once buffers have grown to the load.

mod arrival;
mod command;
mod counters;
mod demux;
mod directory;
mod fan_out;
mod feedback;
mod hash;
mod isolation;
mod key_frame;
mod layer_selector;
mod layers;
mod membership;
mod outgoing_stream;
mod output;
mod peer;
mod publication;
mod receive;
mod receive_stream;
mod reports;
mod retransmission;
mod room_levels;
mod routes;
mod seed;
mod settle;
mod shard;
mod slot_map;
mod subscription;
#[cfg(test)]
mod test_clock;
mod tick;
mod timers;
mod transmit;

pub use counters::{Counters, DropReason};
pub use shard::{Shard, ShardConfig};
pub use timers::{Deadline, TimerReason};
pub use transmit::Transmit;
