//! Every bound of this crate on what waits, with its reason. `docs/limits.md` tells of them together.

/// Lossy messages that may wait for one room: a tenth of a second of what a room task handles. More
/// would be old when their turn comes.
pub(crate) const LOSSY_MESSAGES: usize = 2048;

/// Lossy messages of one sender that may wait for its room, so that one sender leaves room for
/// others: more than a second of a game that sends sixty a second to four topics.
pub(crate) const LOSSY_MESSAGES_EACH: usize = 256;

/// Bytes of lossy messages that may wait for one room: the messages at their usual size, of a
/// packet or two.
pub(crate) const LOSSY_BYTES: usize = 4 << 20;
