//! The limits of a room and its participants. `docs/limits.md` tells who pays when one is reached; those that an
//! operator may set are in [`crate::Limits`].

use std::time::Duration;

/// Client ids of one participant under which requests to publish wait for their media, as in LiveKit. A client that
/// publishes twenty tracks at once stays within.
pub(crate) const MAX_PENDING_TRACKS: usize = 20;

/// Requests under one client id, the first included, as in LiveKit.
pub(crate) const MAX_QUEUED_REQUESTS: usize = 3;

/// How long a request to publish waits for its media: clients give up after 10 to 15 s.
///
/// Departure: LiveKit gives requests up only when another finds no room, and keeps those that are muted.
pub(crate) const PENDING_TRACK_LIFE: Duration = Duration::from_secs(30);

/// How long a request to publish is taken to be still on its way: its offer follows within a few round trips.
pub(crate) const FRESH_REQUEST: Duration = Duration::from_secs(5);

/// Client ids of given up requests that one participant's media is compared with, as in LiveKit.
pub(crate) const MAX_GIVEN_UP_CIDS: usize = 32;

/// Most attributes of one participant. Apps set a handful; their bytes are bounded by [`crate::Limits`] too.
pub(crate) const MAX_ATTRIBUTES: usize = 1024;

/// Most bytes of names, metadata and attributes of all participants of a room together that participants may set
/// themselves: everybody is told all of it on joining. What an app signs or sets by its API is not bounded by it.
pub(crate) const MAX_ROOM_TEXT_BYTES: usize = 16 << 20;

/// Longest sid, in bytes, that is remembered of a track that does not exist. Ours have 16.
pub(crate) const MAX_SID_BYTES: usize = 64;

/// Most tracks that do not exist and that a participant has said something about. Beyond, it is forgotten.
pub(crate) const MAX_UNKNOWN_TRACKS: usize = 1024;

/// Longest name, stream and client id of a track, in bytes. Browsers' ids have 38; apps put short texts into
/// names, which everybody is told.
pub(crate) const MAX_TRACK_TEXT_BYTES: usize = 4096;

/// Most data tracks of one participant: a robot's sensors and actuators, with room to spare.
pub(crate) const MAX_DATA_TRACKS: usize = 256;

/// Longest name of a data track, and of its schema, in bytes (LiveKit's).
pub(crate) const MAX_DATA_TRACK_NAME_BYTES: usize = 256;

/// Longest name of an encoding that LiveKit does not know, in bytes (LiveKit's).
pub(crate) const MAX_ENCODING_NAME_BYTES: usize = 32;

/// Least time between two messages that tell of ordinary changes, in a room of few.
pub(crate) const UPDATE_SPACING: Duration = Duration::from_millis(50);

/// What each participant adds to [`UPDATE_SPACING`]: everybody is told of everybody, so that without this a room
/// costs the square of its size while people come and go. A room of a thousand is told every 0.55 s.
pub(crate) const UPDATE_SPACING_EACH: Duration = Duration::from_micros(500);

/// How many participants' changes are told at once between two such messages, each once.
pub(crate) const UPDATES_AT_ONCE: usize = 8;

/// Bytes of updates per second, over all listeners, that a room is meant to send at most: when more was told, the
/// next message waits. A hundred participants with 1 KiB of metadata each are told to each other in 0.16 s.
pub(crate) const UPDATE_BYTES_PER_SECOND: usize = 64 << 20;

/// Longest time for which a change is held back, whatever was told before.
pub(crate) const MAX_UPDATE_SPACING: Duration = Duration::from_secs(3);

/// Most bytes of participants in one message (LiveKit's `update_batch_target_size`).
pub(crate) const UPDATE_BATCH_BYTES: usize = 128 * 1024;

/// Least time between two messages that tell of participant counts (LiveKit's).
pub(crate) const COUNT_SPACING: Duration = Duration::from_secs(5);

/// Most departures that are kept for those who resume, without metadata and attributes: some 400 bytes each.
pub(crate) const MAX_DEPARTURES: usize = 128;

/// How long a departure is kept. Clients that lost their signalling come back within a minute.
pub(crate) const DEPARTURE_MEMORY: Duration = Duration::from_secs(300);

/// How long before it was last heard a client that resumes may have missed a departure (LiveKit's).
pub(crate) const DEPARTURE_LOOK_BACK: Duration = Duration::from_secs(3);

/// Least time between two times at which a publisher's word on who may receive its tracks takes effect: each makes
/// and ends subscriptions of everybody.
pub(crate) const PERMISSION_SPACING: Duration = Duration::from_millis(100);

/// How long a track's size is waited for that changes again: each may change the layers of all its subscribers.
pub(crate) const RESIZE_DELAY: Duration = Duration::from_millis(100);

/// How often a client gets a token with which it can come back (LiveKit's).
pub(crate) const TOKEN_REFRESH: Duration = Duration::from_secs(300);

/// Least time between two tokens that tell of changes: each is signed.
pub(crate) const TOKEN_SPACING: Duration = Duration::from_millis(100);

/// Shortest time for which a speaker is simulated: each is told to everybody.
pub(crate) const MIN_SIMULATED_SPEECH: Duration = Duration::from_secs(1);

/// Longest time for which a speaker is simulated.
pub(crate) const MAX_SIMULATED_SPEECH: Duration = Duration::from_secs(3600);

/// Most identities that are remembered to be reached over TCP alone; further ones keep UDP.
pub(crate) const MAX_TCP_ONLY: usize = 1024;

/// How long an identity is remembered so, as long as LiveKit does: networks change.
pub(crate) const TCP_ONLY_MEMORY: Duration = Duration::from_secs(300);

/// Most calls to participants that are open in a room.
pub(crate) const MAX_RPCS: usize = 1024;

/// How long a participant may take to say that it has a call (LiveKit's).
pub(crate) const RPC_ACK_TIMEOUT: Duration = Duration::from_secs(7);

/// How long it may take to answer, unless the caller says otherwise (LiveKit's).
pub(crate) const RPC_DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// Largest argument and answer of a call, in bytes (LiveKit's).
pub(crate) const MAX_RPC_PAYLOAD_BYTES: usize = 15 * 1024;

/// How long changes are collected before an offer (LiveKit's).
pub(crate) const OFFER_DELAY: Duration = Duration::from_millis(10);

/// Least time between two offers (LiveKit's).
pub(crate) const OFFER_SPACING: Duration = Duration::from_millis(150);

/// How long after an answer a publisher is told again what is wanted, and at most after the first of several
/// (LiveKit's): browsers send paused layers again when they set an answer.
pub(crate) const REPEAT_DEMAND_DELAY: Duration = Duration::from_secs(2);
pub(crate) const MAX_REPEAT_DEMAND_DELAY: Duration = Duration::from_secs(8);

/// Media sections of an offer that no request explains and that are remembered for one that follows: three times as many
/// as there may be requests.
pub(crate) const MAX_UNEXPLAINED_SECTIONS: usize = 64;

/// Most bytes of a client's description. One that receives two hundred videos in one transport offers about 4 KiB for
/// each.
pub(crate) const MAX_SDP_BYTES: usize = 1 << 20;

/// Most `m=` lines of a description.
pub(crate) const MAX_SDP_SECTIONS: usize = 1000;

/// Longest line of a description, in bytes.
pub(crate) const MAX_SDP_LINE_BYTES: usize = 16 * 1024;

/// Longest `a=fmtp` of a format that is understood, in bytes: parameter sets of H.265 take some 300. They are read for
/// each track that a section may carry.
pub(crate) const MAX_FORMAT_PARAMETERS_BYTES: usize = 1024;

/// Idle sections that are tried for a subscription. A client's sections of a kind hardly differ.
pub(crate) const MAX_TRIED_SECTIONS: usize = 4;
