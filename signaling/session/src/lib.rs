//! Sessions and rooms as state machines.
