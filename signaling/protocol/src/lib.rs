//! LiveKit's signalling messages as bytes and text, to and from types.
//!
//! Everything that a client sends before and on its WebSocket passes through here: the query of the
//! upgrade request ([`ConnectParameters`]), the join request inside it ([`decode_join_request`]),
//! the frames ([`decode_request`], [`encode_response`]), and the ICE candidates that travel as JSON
//! in them ([`CandidateInit`]). Input is bounded and answered with a typed error. The crate holds
//! no state and decides nothing about rooms.
//!
//! ```
//! use signaling_protocol::{Encoding, MAX_FRAME_BYTES, decode_request, proto};
//!
//! let request = decode_request(Encoding::Text, br#"{"ping": "17"}"#, MAX_FRAME_BYTES).unwrap();
//! assert_eq!(
//!     request.message,
//!     Some(proto::signal_request::Message::Ping(17))
//! );
//! ```

pub use livekit_protocol as proto;

mod candidate;
mod client;
mod connect;
mod disconnect;
mod frame;
mod join_request;
mod json;
mod limits;
mod lists;
mod protobuf;
mod protocol_version;
mod proxy_header;
mod query;
mod sid;
mod user_agent;
mod version;

pub use candidate::{CandidateInit, InvalidCandidate};
pub use client::Client;
pub use connect::{
    ConnectError, ConnectHeaders, ConnectParameters, Endpoint, PeerConnections, Resume, Strictness,
};
pub use disconnect::{DisconnectCause, LeaveAction, leave_request};
pub use frame::{
    Encoding, FrameError, decode_request, decode_response, encode_request, encode_response,
};
pub use join_request::{JoinRequestError, decode_join_request};
pub use json::{InvalidJson, decode_json};
pub use limits::{MAX_CANDIDATE_BYTES, MAX_FRAME_BYTES, MAX_JOIN_REQUEST_BYTES};
pub use lists::ListTooLong;
pub use protobuf::{InvalidProtobuf, decode_protobuf};
pub use protocol_version::ProtocolVersion;
pub use proxy_header::{MAX_PROXY_HEADER, ProxyHeader};
pub use query::Query;
pub use sid::{SID_RANDOM_BYTES, participant_sid, room_sid, sid, track_sid};
pub use version::SdkVersion;
