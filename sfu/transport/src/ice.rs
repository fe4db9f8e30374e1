//! ICE-lite (RFC 8445 section 2.5): we answer connectivity checks and never send any.
//!
//! A check is authenticated before it changes anything: FINGERPRINT, USERNAME and MESSAGE-INTEGRITY first,
//! then the path it came by. The peer is always controlling, and its latest USE-CANDIDATE wins.

mod agent;
mod crc32;
mod credentials;
mod message;
mod paths;
mod replies;

pub(crate) use agent::IceLite;
pub(crate) use message::BindingRequest;
pub use message::ufrag_of;
