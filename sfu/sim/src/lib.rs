//! The virtual world: shards, clients and lossy links under one virtual clock.
//!
//! The media plane's state machines run here as they run in production, with everything around them
//! made of a seed: no socket, no thread, no real time. What takes minutes takes a moment, and what
//! happened once happens again with the same seed.
//!
//! - [`World`] owns the clock, a [`Shard`](sfu_core::Shard), clients and what travels between them;
//! - [`Link`] queues, delays, loses, doubles and reorders datagrams, as a [`Script`] says where there is one;
//! - [`Client`] is the far end, made of other crates than the server: ICE, DTLS, SRTP, SCTP, a
//!   [`Publisher`] per track and a [`Receiver`] per subscription, which checks what it gets;
//! - a shared link ([`World::add_shared_link`]) has several clients behind it, and other traffic ([`Tcp`]);
//! - [`Call`] plays the control plane: ids, negotiated media, commands;
//! - [`Trace`] says what happened; [`replay`] runs a scenario twice and compares.
//!
//! ```
//! use std::time::Duration;
//! use sfu_model::MediaKind;
//! use sfu_sim::{Call, LinkProfile, Seed, replay};
//!
//! replay(Seed(1), |seed| {
//!     let mut call = Call::new(seed);
//!     let [alice, bob] = ["alice", "bob"].map(|name| call.join(name, LinkProfile::CLEAN));
//!     let microphone = call.publish(alice, MediaKind::Audio);
//!     let heard = call.subscribe(bob, microphone);
//!     call.world.run_for(Duration::from_secs(2));
//!     assert!(call.reception(heard).delivered > 50);
//!     call.world.into_trace()
//! });
//! ```

mod call;
mod client;
mod client_id;
mod media;
mod plane;
mod residence;
mod scenario;
mod shared_link;
mod trace;
mod world;

pub use call::{Call, Heard, Repair, Sound, Track};
pub use client::{Client, DataChannels, write_check};
pub use client_id::ClientId;
pub use media::{
    Encoder, PicturePlace, Playout, Published, Publisher, Received, Receiver, Reception, Shown,
};
pub use scenario::replay;
pub use sfu_link::{
    Bursts, Fate, Link, LinkProfile, PerMille, QueueLimit, Random, Script, Seed, Tcp,
};
pub use shared_link::{Carried, SharedLinkId};
pub use trace::Trace;
pub use world::{World, beginning};
