//! One peer's transport as a state machine: ICE-lite, DTLS, SRTP, SCTP and data channels.
//!
//! A [`Transport`] owns no socket, thread or clock. Its caller demultiplexes: [`classify`] tells
//! what a datagram is, [`ufrag_of`] finds the transport that a connectivity check is for,
//! [`check_tag_of`] that of an answer, and the path of a valid check leads everything else. What did not
//! arrive by such a path never reaches DTLS, nothing changes state before it is authenticated, and nothing
//! but STUN leaves by a path before the peer has answered a check of ours there.
//!
//! ```text
//! STUN ──► handle_stun ──► reply to the same path; StunOutcome::Validated names a path to route here
//!      ──► handle_answer   poll_check ──► checks of ours, each for a path of its own
//! DTLS ──► handle_dtls ──► poll_transmit (handshake, SCTP), poll_event (Connected, DataReceived, …)
//! SRTP ──► open_rtp, open_rtcp ──► plaintext in place
//! seal_rtp, seal_rtcp ──► datagrams for path()
//! poll_timeout ──► handle_timeout
//! ```
//!
//! ```
//! use std::sync::Arc;
//!
//! use sfu_model::{DataChannelOpener, IceCredentials, Now, Path, ShardIndex};
//! use sfu_transport::{CheckTag, PacketKind, Transport, TransportConfig, check_tag_of, classify, ufrag_of};
//!
//! # fn random<const N: usize>() -> [u8; N] { [7; N] }
//! /// Makes a transport; its ufrag and the certificate's fingerprint go into our description.
//! fn open(config: &Arc<TransportConfig>) -> Transport {
//!     let local = IceCredentials::generate(ShardIndex(0), random());
//!     Transport::new(config, local, DataChannelOpener::Peer, CheckTag(random()), random())
//! }
//!
//! /// Takes a datagram, and leaves in `reply` what goes back by the same path.
//! fn handle(transport: &mut Transport, now: Now, path: Path, datagram: &mut [u8], reply: &mut Vec<u8>) {
//!     let result = match classify(datagram) {
//!         PacketKind::Stun if check_tag_of(datagram).is_some() => transport.handle_answer(now, path, datagram),
//!         PacketKind::Stun => transport.handle_stun(now, path, datagram, reply).map(|_| ()),
//!         PacketKind::Dtls => transport.handle_dtls(now, path, datagram),
//!         PacketKind::Rtp => transport.open_rtp(now, datagram).map(|len| forward(&datagram[..len])),
//!         PacketKind::Rtcp => transport.open_rtcp(now, datagram).map(|len| forward(&datagram[..len])),
//!         PacketKind::Other => return,
//!     };
//!     if let Err(reason) = result {
//!         count(reason.label());
//!     }
//! }
//! # fn forward(_: &[u8]) {}
//! # fn count(_: &str) {}
//! # let _ = ufrag_of(&[]);
//! ```
//!
//! We are always ICE-lite, so controlled, and the DTLS server, so that we choose the SRTP profile, unless
//! the peer insists on being that itself. A panic inside the DTLS or SCTP library closes this transport
//! alone, with [`sfu_model::CloseReason::InternalFault`].

mod classify;
mod config;
mod data_channel;
mod data_counts;
mod data_intake;
mod data_turn;
mod dcep;
mod drop_reason;
mod dtls;
mod error;
mod event;
pub mod framing;
#[doc(hidden)]
pub mod fuzz;
mod ice;
mod isolation;
pub mod layout;
mod limits;
mod liveness;
mod sctp;
mod send_queue;
mod session;
pub mod srtp;
mod stall;
mod transport;

pub use classify::{PacketKind, classify};
pub use config::{CertificateError, TransportConfig};
pub use data_counts::DataCounts;
pub use drop_reason::DropReason;
pub use error::{SealError, SendDataError};
pub use event::{StunOutcome, TransportEvent};
pub use ice::{CheckTag, check_tag_of, ufrag_of};
pub use transport::Transport;

/// Most bytes that [`Transport::seal_rtp`] appends.
pub const RTP_OVERHEAD: usize = srtp::MAX_TAG_LEN;

/// Most bytes that [`Transport::seal_rtcp`] appends.
pub const RTCP_OVERHEAD: usize = srtp::MAX_RTCP_TAG_LEN;
