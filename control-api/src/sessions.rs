//! What sessions come to: made of the journal, kept in the store.
//!
//! [`Projector`] takes what the journal holds into the store, event by event. Nothing waits for it: while the store does not
//! answer, events stay in the journal.

pub(crate) mod live;
mod projector;

pub use projector::{Projector, ProjectorParts, Retention, Sessions};

#[cfg(test)]
mod tests;
