//! SRTP and SRTCP in place, without allocation per packet.
//!
//! Nothing is remembered of a packet before it is authenticated: a stream gets its state (rollover
//! counter, replay window) with its first authentic packet.

mod cipher;
mod ended;
mod header;
mod keys;
mod profile;
mod receive;
mod receive_streams;
mod replay;
mod send;
mod session;
mod streams;
#[cfg(test)]
mod vectors;

pub use keys::EXPORTER_LABEL;
pub(crate) use keys::KeyingMaterial;
pub use profile::Profile;
pub(crate) use send::{MAX_RTCP_TAG_LEN, MAX_TAG_LEN};
pub use session::SrtpSession;
