//! A client's side of a LiveKit call as a state machine, cheap enough for thousands of them in a process.
//!
//! A [`Peer`] is one peer connection: full ICE, a DTLS client, SRTP, RTCP feedback as a browser sends it, the media
//! that it publishes and the account of what it receives. [`Join`] is how it asks to be let in, [`Track`] how it announces
//! what it publishes, [`sdp`] reads the server's descriptions and writes ours,
//! [`Sample`] is what is published, [`Stamp`] is the time that travels with it. Nothing here owns a socket, a thread or
//! a clock.

mod arrival;
mod data;
mod dtls;
mod histogram;
mod ice;
mod ice_role;
mod identity;
mod inbound;
mod join;
mod outbound;
mod packet;
mod peer;
mod sample;
pub mod sdp;
mod stamp;
mod stun;
mod tally;
mod track;

pub use arrival::Arrival;
pub use data::{DataChannelOpener, DataDelivery, DataSender, DataStamp, OutboundData};
pub use histogram::Histogram;
pub use ice_role::IceRole;
pub use identity::{Identity, IdentityError};
pub use inbound::Inbound;
pub use join::{Join, PROTOCOL};
pub use outbound::{Demand, Outbound, OutboundLayer};
pub use peer::{Peer, PeerConfig, PeerEvent};
pub use sample::{Frame, Sample, SampleError};
pub use sfu_transport::framing::{Deframer, Framed, frame};
pub use stamp::Stamp;
pub use tally::{Completeness, DataFlow, LAYERS, Tally};
pub use track::{Picture, QUALITIES, RIDS, Track};
