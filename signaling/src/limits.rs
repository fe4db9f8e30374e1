//! Every bound of this crate on what waits, with its reason. `docs/limits.md` tells of them together.

use std::time::Duration;

use crate::bucket::Rate;

/// Letters that may wait for a room: those who write wait then.
pub(crate) const MAILBOX: usize = 8192;

/// Letters, or events of the media plane, that a room's task handles before what they caused is
/// carried out and others have their turn.
pub(crate) const TURN: usize = 64;

/// How long a room's task goes on with letters before that: in a mass join into a large room each
/// takes a millisecond.
pub(crate) const TURN_TIME: Duration = Duration::from_millis(2);

/// The age of what a room's task handles beyond which it counts as behind.
pub(crate) const ROOM_BEHIND: Duration = Duration::from_secs(1);

/// The age beyond which it stands still, by a fault of ours: the node says that it is not ready.
pub(crate) const ROOM_STUCK: Duration = Duration::from_secs(10);

/// Time between two snapshots of a room in which things happen; a join or a call of the API makes
/// one at once.
pub(crate) const SNAPSHOT_SPACING: Duration = Duration::from_secs(1);

/// Notices of what happened in rooms that may wait for their reader, who writes them down many at a time: more than a
/// node's participants cause when all leave at once.
pub(crate) const NOTICES: usize = 65_536;

/// Time in which clients must read what they are told when the node stops.
pub(crate) const FAREWELL: Duration = Duration::from_secs(2);

/// Lossy messages that may wait for one room: a tenth of a second of what a room task handles. More
/// would be old when their turn comes.
pub(crate) const LOSSY_MESSAGES: usize = 2048;

/// Lossy messages of one sender that may wait for its room, so that one sender leaves room for
/// others: more than a second of a game that sends sixty a second to four topics.
pub(crate) const LOSSY_MESSAGES_EACH: usize = 256;

/// Bytes of lossy messages that may wait for one room: the messages at their usual size, of a
/// packet or two.
pub(crate) const LOSSY_BYTES: usize = 4 << 20;

/// Messages that wait for a listener before they are gathered: one that is a few seconds behind in a
/// busy room is still told each as it was made.
pub(crate) const BACKLOG_MESSAGES: usize = 256;

/// Bytes that wait for a listener before they are gathered. A join into a room of a thousand is more,
/// and is gathered once, which changes nothing of it.
pub(crate) const BACKLOG_BYTES: usize = 1 << 20;

/// Most bytes that wait for one listener, when only the latest state is left. A room of a thousand
/// participants with ten tracks each is a tenth of it.
pub(crate) const MAX_BACKLOG_BYTES: usize = 32 << 20;

/// Bytes of a message that is gathered of several: little enough to be taken soon by a slow network.
pub(crate) const UPDATE_BYTES: usize = 64 << 10;

/// Answers that a client may leave unread before it is not read either: more than a client asks for
/// while it waits.
pub(crate) const UNREAD_ANSWERS: usize = 256;

/// Requests of one connection that may wait for its room. Few, so that a thousand connections leave
/// room in the mailbox for joins and calls of the API; enough that the room never waits for the next.
pub(crate) const REQUESTS_IN_FLIGHT: u32 = 8;

/// Bytes of a request that take one of these places; a longer one takes several, and the longest
/// waits until there is no other.
pub(crate) const REQUEST_BYTES: usize = 64 << 10;

/// What a participant may ask for by signalling, in units of [`crate::allowance`]. Joining
/// fifty others who publish two tracks each, or publishing twenty tracks, is under two thousand; what
/// goes on for long (a hundred settings a second, an offer of a hundred sections each second) stays
/// below what comes back.
pub(crate) const SIGNAL_RATE: Rate = Rate {
    burst: 20_000,
    per_second: 1_000,
};

/// How long a client may ask for more than comes back before it is disconnected.
pub(crate) const SIGNAL_PATIENCE: Duration = Duration::from_secs(60);

/// Participants whose allowances are remembered before those are forgotten who are gone and have everything back, which
/// takes 20 s: some hundred kilobytes. Beyond that as many again as are left.
pub(crate) const FORGET_ALLOWANCES_FROM: usize = 1024;

/// How long a room may take to disconnect a client for what it sent, before its connection is closed without a leave.
/// Rooms answer within milliseconds; one that stands still is not waited for.
pub(crate) const EXPULSION: Duration = Duration::from_secs(5);

/// How often clients of one API key may join. A node bears some 400 joins a second on each core, so
/// that one tenant's joins leave others theirs; a webinar of four thousand begins at once.
pub(crate) const JOINS_OF_KEY: Rate = Rate {
    burst: 4_000,
    per_second: 1_000,
};

/// How often clients of one address may join: a company or a campus behind one address may all come
/// at the same moment.
pub(crate) const JOINS_OF_ADDRESS: Rate = Rate {
    burst: 2_000,
    per_second: 250,
};

/// How often one API key may call the API: a call costs a tenth of a millisecond.
pub(crate) const CALLS_OF_KEY: Rate = Rate {
    burst: 5_000,
    per_second: 1_000,
};

/// How many tokens one API key may have made by the API: an app that has one made for each join has as many as may join with
/// its key, and a key that was stolen fills no disk with lines of the log.
pub(crate) const TOKENS_OF_KEY: Rate = Rate {
    burst: 1_000,
    per_second: 200,
};

/// How long a join or a call waits for its turn before it is refused. Clients give up after five
/// seconds, the fastest of them.
pub(crate) const QUOTA_PATIENCE: Duration = Duration::from_secs(3);

/// Addresses that are remembered because they joined a moment ago: some 2 MB.
pub(crate) const ADDRESSES: usize = 16_384;

/// How long a participant waits to be admitted; the fastest clients give up after five seconds.
pub(crate) const ADMISSION_TIMEOUT: Duration = Duration::from_secs(4);

/// Least time for which a WebSocket that was opened is kept open, unless the client closes it. Firefox tells its page
/// nothing of one that opens and closes at once, and livekit-client waits without end for one or the other.
pub(crate) const SHORTEST_CONNECTION: Duration = Duration::from_millis(250);
