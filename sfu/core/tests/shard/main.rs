//! A shard with real clients around it (`rtc-stun`, `rtc-dtls`, `rtc-srtp`, `dcsctp`), in memory and
//! under a virtual clock.

#![cfg(test)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and names only the cases that it is about"
)]

#[path = "../../../transport/tests/transport/check.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of sfu-transport"
)]
mod check;
#[path = "../../../transport/tests/transport/client.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of sfu-transport"
)]
mod client;

mod audio;
mod bandwidth;
mod churn;
mod data;
mod export;
mod export_layers;
mod feedback;
mod flexfec;
mod hand_over;
mod key_frames;
mod lifecycle;
mod media;
mod moving;
mod opening;
mod pacing;
mod redundancy;
mod restart;
mod scalable;
mod simulcast;
mod statistics;
mod strangers;
mod traces;
mod world;
