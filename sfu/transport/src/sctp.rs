//! The SCTP association of a transport, on `sctp-proto`, inside DTLS (RFC 8261).
//!
//! The peer begins it, as WebRTC's peers do in either DTLS role, so nothing exists of it until its first packet.

mod association;
mod packet;

pub(crate) use association::{
    Delivery, Ppid, Reliability, Sctp, SctpConfig, SctpEnd, SctpMessage, SctpOutput,
    SctpUnavailable,
};
