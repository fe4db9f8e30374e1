//! One shard of the media plane as a state machine.
//!
//! A shard owns peers with their transports, what they publish and what they subscribe to, and
//! forwards packets between them. It opens no socket, reads no clock and draws no random number:
//! a driver feeds it and carries away what it wants sent. The order of a tick:
//!
//! 1. [`Shard::handle_command`] for what the control plane asks, [`Shard::handle_export`] for what
//!    other shards have, [`Shard::handle_datagram`] for what arrived, [`Shard::handle_timeout`] when
//!    [`Shard::poll_timeout`] is due;
//! 2. [`Shard::poll_transmit`] until it yields nothing, and in between whenever
//!    [`Shard::is_backlogged`] says so;
//! 3. [`Shard::poll_export`] for each other shard, before and after: what a peer may answer at once is
//!    there first, and what packets that go out ask for comes with them;
//! 4. [`Shard::poll_event`] until it yields nothing.
//!
//! ```
//! use sfu_core::Shard;
//! use sfu_model::{Event, Now, Path};
//!
//! /// One tick: takes what arrived, and hands on what leaves and what happened.
//! fn tick(
//!     shard: &mut Shard,
//!     now: Now,
//!     arrived: &mut [(Path, Vec<u8>)],
//!     mut send: impl FnMut(Path, &[u8]),
//!     mut tell: impl FnMut(Event),
//! ) {
//!     for (path, datagram) in arrived {
//!         shard.handle_datagram(now, *path, datagram);
//!     }
//!     if shard.poll_timeout().is_some_and(|deadline| deadline.at <= now.mono) {
//!         shard.handle_timeout(now);
//!     }
//!     let mut buf = Vec::new();
//!     while let Some(transmit) = shard.poll_transmit(now, &mut buf) {
//!         for datagram in transmit.layout.datagrams(&buf) {
//!             send(transmit.path, datagram);
//!         }
//!     }
//!     while let Some(event) = shard.poll_event() {
//!         tell(event);
//!     }
//! }
//! ```
//!
//! A packet's way through the modules: `demux` finds the peer, `receive` decrypts and finds the
//! publication, whose `intake` takes it into one of its streams (`receiving`) and hands it on: to the
//! levels of its room, to other shards, and into the queue for those who subscribe. `fan_out` offers it to each
//! subscription, which selects (`layer_selector`), numbers (`outgoing_stream`) and sends it (`output`), at once if the
//! subscriber's link has room; otherwise it waits there (`held`, `thinning`) for its departure (`departures`);
//! `feedback` takes what peers say of packets, `repair` asks for lost ones and sends them again, `reports`,
//! `key_frame_requests` and `tick` say what is due, and `census` tells once a second what was counted. A publication with subscribers on another shard goes there once
//! (`export`, `exchange`), and from there the same way (`import`). Where shards share a port, a datagram that came
//! in at the wrong one is handed over (`hand_over`).
//!
//! On the ground floor lie the names of things (`keys`), what things are made of (`layers`, `frame`, `arrival`,
//! `routes`, `source`) and the limits; above them peers, publications and subscriptions, which lie in `tables`. Each
//! piece of work is a part that borrows what it may touch and nothing else; what it finds to be done elsewhere it
//! hands back, such as key frames that are wanted. [`Shard`] holds all state, and leads what
//! comes to the parts. No file needs one above it.
//!
//! Invariant: a datagram that is not authenticated changes no state but counters.
//!
//! Invariant: what one peer sends ends at most that peer.
//!
//! Invariant: no lock, and no allocation per packet once buffers have grown to the load.

mod ahead;
mod allocation;
mod arrival;
mod arriving_codec;
mod bandwidth;
mod census;
mod command;
mod counters;
mod data_queue;
mod data_work;
mod demux;
mod departures;
mod descriptor_reader;
mod directory;
mod dividing;
mod drop_reason;
mod entrance;
mod exchange;
mod export;
mod fan_out;
mod fan_outs;
mod feedback;
mod frame;
mod frame_history;
mod hand_over;
mod hash;
mod held;
mod import;
mod inspect;
mod intake;
mod isolation;
mod key_frame;
mod key_frame_requests;
mod keys;
mod layer_rates;
mod layer_selector;
mod layers;
mod levels;
mod limits;
mod liveness;
mod loudness;
mod membership;
mod moves;
mod moving;
mod nack_budget;
mod opening;
mod openings;
mod outgoing_stream;
mod output;
mod paths;
mod peer;
mod publication;
mod receive;
mod receive_stream;
mod receiving;
mod recipients;
mod repair;
mod reports;
mod routes;
mod seed;
mod settle;
mod shard;
mod slot_map;
mod source;
mod speakers;
mod steps;
mod subscription;
mod tables;
#[cfg(test)]
mod test_clock;
mod thinning;
mod tick;
mod timers;
mod transmit;
mod waits;
mod whole_frame;

pub use counters::Counters;
pub use drop_reason::DropReason;
pub use export::{ExportBatch, ExportTarget, Exported};
pub use shard::{Arrivals, Shard, ShardConfig};
pub use timers::{Deadline, TimerReason};
pub use transmit::Transmit;
pub use waits::Waits;
