//! The limits of messages, in both encodings. `docs/limits.md` tells who pays when one is reached.

/// The longest frame by default, in bytes (LiveKit's `limit.signal_message_size_limit`).
pub const MAX_FRAME_BYTES: usize = 2 << 20;

/// The longest join request, in bytes after decompression: an offer of several hundred sections and metadata of
/// the largest default size.
pub const MAX_JOIN_REQUEST_BYTES: usize = 1 << 20;

/// The longest ICE candidate that is read, in bytes of its JSON form. Those of browsers have some 300.
pub const MAX_CANDIDATE_BYTES: usize = 4096;

/// How many length-delimited fields a protobuf message may hold in all, counted to [`MAX_COUNTED_DEPTH`].
///
/// An empty element of a repeated field takes two bytes on the wire and hundreds in memory: without
/// this limit a frame of 2 MiB would become half a gigabyte. Honest messages stay far below: a
/// `SyncState` with a thousand subscriptions has about as many.
pub(crate) const MAX_FIELDS: usize = 16_384;

/// How deep fields are counted: to the layers of a codec of a track in a `SyncState`. Nothing of LiveKit's
/// signalling repeats below.
pub(crate) const MAX_COUNTED_DEPTH: usize = 6;

/// How many values a JSON message may hold in all: elements, members and the objects themselves. Twice
/// [`MAX_FIELDS`], because numbers and flags count here.
pub(crate) const MAX_JSON_VALUES: usize = 2 * MAX_FIELDS;

/// Most layers of a track in one codec: three spatial layers are sent today, and AV1 could have more.
pub(crate) const MAX_LAYERS: usize = 16;

/// Most codecs of one track. There are nine that a room may enable.
pub(crate) const MAX_CODECS: usize = 16;

/// Most features of a track. LiveKit has named ten.
pub(crate) const MAX_FEATURES: usize = 64;

/// Most tracks that a join may ask to publish: three times what may wait for media.
pub(crate) const MAX_ADD_TRACKS: usize = 64;

/// Most capabilities that a client names.
pub(crate) const MAX_CAPABILITIES: usize = 64;

/// Most bytes of each text in which a client describes its program and device. What is longer is cut: nothing
/// depends on it.
pub(crate) const MAX_CLIENT_TEXT_BYTES: usize = 256;

/// How many values of a query are read. What follows is left out.
pub(crate) const MAX_QUERY_VALUES: usize = 64;
