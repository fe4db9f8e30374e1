//! The number of a participant in its room.

/// A participant's number in its room, in the order of joining. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantKey(pub(crate) u32);
