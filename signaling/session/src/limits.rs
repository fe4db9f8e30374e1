//! Every bound of a room: how much of what it holds, and for how long. `docs/limits.md` says who pays when one is reached.

use std::time::Duration;

/// Client ids of one participant under which requests to publish wait for their media, as in LiveKit. A client that
/// publishes twenty tracks at once stays within.
pub(crate) const MAX_PENDING_TRACKS: usize = 20;

/// Requests under one client id, the first included, as in LiveKit.
pub(crate) const MAX_QUEUED_REQUESTS: usize = 3;

/// How long a request to publish waits for its media, as in LiveKit: clients give up after 10 to 15 s.
pub(crate) const PENDING_TRACK_LIFE: Duration = Duration::from_secs(30);

/// How long a request to publish is taken to be still on its way: its offer follows within a few round trips.
pub(crate) const FRESH_REQUEST: Duration = Duration::from_secs(5);

/// Client ids of given up requests that one participant's media is compared with, as in LiveKit.
pub(crate) const MAX_GIVEN_UP_CIDS: usize = 32;
