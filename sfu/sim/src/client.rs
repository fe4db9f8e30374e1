//! A client's side of a transport, by other crates than the server's: `rtc-stun`, `rtc-dtls`,
//! `rtc-srtp` and libwebrtc's SCTP.

mod check;
mod data;
mod dtls;
mod ice;
mod peer;

pub use check::{Reply, write_check};
pub use data::DataChannels;
pub use dtls::{CHROMIUM_PROFILES, Dtls, DtlsEvent, Srtp};
pub use peer::Client;
