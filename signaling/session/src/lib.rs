//! One room's logic and its participants' sessions, as a state machine.
//!
//! A [`Room`] is driven by what comes in, and polled for what is to be done:
//!
//! - [`Room::handle_join`], [`Room::handle_signal`], [`Room::handle_signal_closed`],
//!   [`Room::handle_offence`]: clients;
//! - [`Room::handle_media`]: what the room's shards report; [`Room::handle_shard`]: how they fare;
//! - [`Room::release`], [`Room::handle_arrival`]: a participant that goes from one room to another;
//! - [`Room::handle_request`]: the calls of LiveKit's RoomService;
//! - [`Room::handle_timeout`], when [`Room::poll_timeout`] is due;
//! - [`Room::poll_output`], until it returns nothing, after each of these.
//!
//! It never touches a socket, a thread or a clock: time and randomness are parameters. It signs and
//! verifies nothing: tokens are verified before a join and signed where [`Output::RefreshToken`] is
//! carried out. It never sees a media packet: it tells its shards what to receive, what to send, and
//! to whom ([`Output::Media`]).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use sfu_model::{Fingerprint, NodeIndex, Now, RoomIndex, ShardIndex, UnixTime};
//! use signaling_session::negotiation::TransportFacts;
//! use signaling_session::{Limits, NodeFacts, Output, Room, RoomNotice, RoomOptions, RoomPlace};
//!
//! let facts = NodeFacts {
//!     node: "ND_example".into(),
//!     region: String::new(),
//!     ice_servers: Box::new(Vec::new()),
//!     limits: Limits::default(),
//!     enable_remote_unmute: false,
//!     allow_tcp_fallback: true,
//!     pausing: sfu_model::Pausing::Never,
//! };
//! let place = RoomPlace {
//!     node: NodeIndex(0),
//!     index: RoomIndex(1),
//!     home: ShardIndex(0),
//!     home_participants: 50,
//!     shards: Arc::new([Arc::new(TransportFacts {
//!         fingerprint: Fingerprint([0; 32]),
//!         candidates: Vec::new(),
//!     })]),
//! };
//! let unix = UnixTime(Duration::from_secs(1_700_000_000));
//! let now = Now { mono: Instant::now(), unix };
//! let options = RoomOptions::new("lobby".into());
//! let mut room = Room::new(now, Arc::new(facts), &place, options, [7; 32]);
//!
//! let started = room.poll_output();
//! assert!(matches!(started, Some(Output::Notice(RoomNotice::RoomStarted { .. }))));
//! // Nobody joins: the room ends when its time is up.
//! let deadline = room.poll_timeout().unwrap();
//! room.handle_timeout(now.after(deadline.at - now.mono));
//! assert!(room.is_closed());
//! ```
//!
//! Where behaviour is LiveKit's, its reference server 1.13.5 is meant; `Departure:` marks what
//! differs and why.

#![expect(
    deprecated,
    reason = "LiveKit's older clients and server SDKs still read and set fields marked so"
)]

mod accounts;
mod admit;
mod allotments;
mod bulk;
mod call;
mod change;
mod codecs;
mod credential;
mod data_history;
mod data_publications;
mod data_track;
mod demand;
mod departures;
mod entropy;
mod facts;
mod fallback;
mod faults;
mod figures;
mod floor;
mod former;
mod ids;
mod join;
mod judging;
mod layers;
mod leave;
mod life;
mod limits;
mod media;
mod messages;
mod messaging;
mod metadata;
mod moving;
mod negotiate;
pub mod negotiation;
mod notice;
mod offer_answer;
mod output;
mod outputs;
mod packet_origin;
mod participant;
mod participant_key;
mod pending_tracks;
mod permission;
mod placement;
mod projection;
mod publications;
mod publishing;
mod qualities;
mod quality;
mod reachability;
mod request;
mod respond;
mod resume;
mod room;
mod room_facts;
mod roster;
mod rpc;
mod seat;
mod session_account;
mod shards;
mod signal;
mod simulate;
mod speakers;
mod speaking;
mod subscribing;
mod subscriptions;
mod telling;
mod time_limits;
mod timeouts;
mod timers;
mod track;
mod track_permission;
mod track_request;
mod tracks;
mod transports;
mod updates;

pub use change::{Change, ParticipantChange, PermissionChange, Selection, TrackFilter};
pub use credential::Credential;
pub use facts::{
    COMPATIBLE_VERSION, DuplicateIdentity, EnabledCodec, IceServers, Limits, NodeFacts,
    RoomOptions, RoomPlace,
};
pub use figures::{QualityCounts, QualityReport, TrackFigures};
pub use join::{Join, JoinRefused};
pub use moving::{Traveller, Visitor};
pub use notice::RoomNotice;
pub use output::{ConnectionId, Output};
pub use participant_key::ParticipantKey;
pub use projection::Projection;
pub use request::{Done, Outcome, RoomError, RoomReply, RoomRequest, RpcId, RpcOutcome};
pub use room::Room;
pub use seat::Seat;
pub use session_account::{SessionAccount, SessionOrigin};
pub use shards::ShardLife;
pub use timers::{Deadline, TimerReason};

pub(crate) use signaling_protocol::proto;
