//! What the harness holds at most. `docs/limits.md` says what happens when it is full.

/// Packets of one direction of a link that are on their way: 50 Mbit/s of the smallest for half a second, or a gigabit
/// of whole ones.
pub(crate) const MAX_IN_FLIGHT: usize = 65_536;

/// Seconds of a link that are counted each for itself: a day.
pub(crate) const MAX_SECONDS: usize = 86_400;

/// Packets that are read from one end of a link before the other has its turn and what is due is delivered.
pub(crate) const READS_PER_TURN: usize = 32;
