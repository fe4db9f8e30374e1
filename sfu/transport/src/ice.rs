//! ICE-lite (RFC 8445 section 2.5): we answer connectivity checks, and send some of our own only to prove
//! that a path leads to the peer.
//!
//! A check is authenticated before it changes anything: FINGERPRINT, USERNAME and MESSAGE-INTEGRITY first,
//! then the path it came by. The peer is always controlling, and its latest USE-CANDIDATE wins, as soon
//! as the path is proved.
//!
//! Departure: RFC 8445 section 6.1.1 has a lite agent send no checks. Without, whoever may send one check with
//! a false source, or repeat one that it saw, has all media sent to a victim. Every full agent answers.

mod agent;
mod crc32;
mod credentials;
mod message;
mod paths;
mod proof;
mod transaction;
mod writer;

pub(crate) use agent::IceLite;
pub(crate) use message::{BindingRequest, BindingSuccess};
pub use message::{CheckTag, check_tag_of, ufrag_of};
