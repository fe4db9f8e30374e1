//! The SCTP association of a transport, on `sctp-proto`, inside DTLS (RFC 8261).
//!
//! The peer, as DTLS client, begins it, so nothing exists of it until its first packet.

mod association;
mod packet;

pub(crate) use association::{Delivery, Ppid, Reliability, Sctp, SctpConfig, SctpEnd, SctpOutput};
