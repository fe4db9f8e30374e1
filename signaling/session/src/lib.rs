//! One room's logic and its participants' sessions, as a state machine.
//!
//! A [`Room`] is driven by what comes in, and polled for what is to be done:
//!
//! - [`Room::handle_join`], [`Room::handle_signal`], [`Room::handle_signal_closed`]: clients;
//! - [`Room::handle_media`]: what the room's shard reports;
//! - [`Room::handle_request`]: the calls of LiveKit's RoomService;
//! - [`Room::handle_timeout`], when [`Room::poll_timeout`] is due;
//! - [`Room::poll_output`], until it returns nothing, after each of these.
//!
//! It never touches a socket, a thread or a clock: time and randomness are parameters. It signs and
//! verifies nothing: tokens are verified before a join and signed where [`Output::RefreshToken`] is
//! carried out. It never sees a media packet: it tells the shard what to receive, what to send, and
//! to whom ([`Output::Media`]).
//!
//! Where behaviour is LiveKit's, its reference server 1.13.5 is meant; `Departure:` marks what
//! differs and why.

mod claims;
mod facts;
mod join;
pub mod negotiation;
mod notice;
mod output;
mod participant;
mod request;
mod room;
mod timers;

pub use claims::Claims;
pub use facts::{
    COMPATIBLE_VERSION, EnabledCodec, IceServers, Limits, NodeFacts, RoomOptions, RoomPlace,
};
pub use join::{Join, JoinRefused, Transports};
pub use notice::RoomNotice;
pub use output::{ConnectionId, Output};
pub use participant::ParticipantKey;
pub use request::{RoomError, RoomReply, RoomRequest, RpcId, RpcOutcome};
pub use room::Room;
pub use timers::{Deadline, TimerReason};

use livekit_protocol as proto;
