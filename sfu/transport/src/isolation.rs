//! Keeping the panic of a library from the other peers.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A library panicked. What it held is not used again: the transport closes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls into a library that parses the peer's input, so that a panic there ends one transport and not the
/// shard.
pub(crate) fn isolated<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| Panicked)
}
