//! A shard with real clients around it (`rtc-stun`, `rtc-dtls`, `rtc-srtp`, `dcsctp`), in memory and
//! under a virtual clock.

#[path = "../../../transport/tests/transport/check.rs"]
#[allow(dead_code, reason = "shared with the tests of sfu-transport")]
mod check;
#[path = "../../../transport/tests/transport/client.rs"]
#[allow(dead_code, reason = "shared with the tests of sfu-transport")]
mod client;

mod audio;
mod data;
mod feedback;
mod lifecycle;
mod media;
mod simulcast;
mod strangers;
mod world;
