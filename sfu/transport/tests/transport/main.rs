//! A transport against a client made of other crates: `rtc-stun`, `rtc-dtls`, `rtc-srtp`, and libwebrtc's
//! SCTP (`dcsctp`), in memory and under a virtual clock.

mod check;
mod client;
mod data;
mod handshake;
mod hostile;
mod ice;
mod liveness;
mod media;
mod world;
