//! SRTP and SRTCP in place, without allocation per packet.
//!
//! Nothing is remembered of a packet before it is authenticated: a stream gets its state (rollover
//! counter, replay window) with its first authentic packet.

mod cipher;
mod header;
mod keys;
mod profile;
mod receive;
mod replay;
mod send;
mod streams;
#[cfg(test)]
mod vectors;

pub(crate) use keys::{EXPORTER_LABEL, KeyingMaterial};
pub(crate) use profile::Profile;
pub(crate) use receive::SrtpReceiver;
pub(crate) use send::{MAX_RTCP_TAG_LEN, MAX_TAG_LEN, SrtpSender};
