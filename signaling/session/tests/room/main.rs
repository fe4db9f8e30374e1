//! A room as its clients see it: each test drives one through signalling messages.

#![allow(deprecated, reason = "clients still read fields that are marked so")]

mod support;

mod calls;
mod closing;
mod joining;
mod messages;
mod permissions;
mod publishing;
mod resuming;
mod speaking;
mod subscribing;
mod two_transports;
