//! A room as its clients see it: each test drives one through signalling messages.

#![allow(deprecated, reason = "clients still read fields that are marked so")]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test picks the messages that it is about"
)]

#[cfg(test)]
mod support;

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod adapting;
mod bounds;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod closing;
#[cfg(test)]
mod data_tracks;
#[cfg(test)]
mod demand;
#[cfg(test)]
mod joining;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod many;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod permissions;
mod placing;
#[cfg(test)]
mod projecting;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod qualities;
#[cfg(test)]
mod quotas;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod speaking;
#[cfg(test)]
mod subscribing;
#[cfg(test)]
mod time_limits;
#[cfg(test)]
mod two_transports;
