//! Threads, sockets, clock and mailboxes of the media plane.
//!
//! A [`MediaPlane`] runs one thread per shard. Each owns its sockets and one [`sfu_core::Shard`]; it
//! feeds it datagrams, commands and time, and sends what the shard writes. Threads share nothing but
//! their mailboxes, into which each room has a [`RoomLane`], and batches of packets that go from one shard
//! to another. One more thread
//! accepts ICE-TCP connections and hands each to the shard that its first message names. Once a
//! second a shard leaves a [`ShardReport`] of what it counted, and whether all threads are alive
//! [`MediaPlane::health`] says.
//!
//! The crate decides nothing about media: what a packet means is `sfu-core`'s.

mod acceptor;
mod clock;
mod exchange;
#[doc(hidden)]
pub mod fuzz;
mod health;
mod lane;
mod limits;
mod link;
mod links;
mod mailbox;
mod pinning;
mod plane;
mod report;
mod shard_thread;
mod stream;
mod turn;
mod udp;

#[cfg(test)]
mod tests;

pub use health::{MediaHealth, ThreadHealth};
pub use lane::RoomLane;
pub use plane::{MediaConfig, MediaPlane, ShardAddresses, StartError, UdpAddresses};
pub use report::ShardReport;
pub use sfu_core::Waits;
pub use turn::TurnLengths;
