//! What a shard holds at most, and how often it does what others can make it do. `docs/limits.md` says what
//! happens when a limit is met, and who pays.

use std::time::Duration;

/// Least time between two reports that a publication's codec is another: clients change it once in a
/// call, if ever, and a publisher that alternates on every packet is told of no more often.
pub(crate) const CODEC_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Least time between two reports that the pictures of an encoding are of another size, where these say which layer it
/// is: each may have the layers ordered anew.
pub(crate) const SIZE_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// SSRCs that lead to one encoding, or to its retransmissions, without being declared: more than a client
/// changes to while packets of a former one may still come.
pub(crate) const LEARNED_SSRCS: usize = 8;

/// An encoding's stream gives way to another SSRC, or to a codec of another clock, after this silence:
/// longer than packets are reordered, short enough that nobody misses much of what comes after.
pub(crate) const TAKEOVER: Duration = Duration::from_millis(500);

/// How soon the request in reserve is made after another: libwebrtc passes over what comes sooner.
pub(crate) const KEY_FRAME_SOONEST: Duration = Duration::from_millis(300);

/// How often a publisher is asked for one key frame at the usual pace: enough to get over loss, and few
/// enough for one that does not answer, such as a camera that is off.
pub(crate) const KEY_FRAME_TRIES: u8 = 5;

/// Time between requests after that, until a key frame comes or somebody else needs one.
pub(crate) const KEY_FRAME_SLOW_INTERVAL: Duration = Duration::from_secs(5);

/// How long a publication may take to send before its subscribers that know a track by its first packet are sent padding
/// instead, as in LiveKit.
pub(crate) const OPENING_DELAY: Duration = Duration::from_millis(100);

/// Time from one packet of padding to the next, as in LiveKit's video.
pub(crate) const OPENING_INTERVAL: Duration = Duration::from_millis(100);

/// Packets of padding that a subscription begins with at most: five seconds of them, as in LiveKit. One would do if none
/// were lost.
pub(crate) const OPENING_PACKETS: u8 = 50;

/// Datagrams with data that wait for the driver. The rest stays in its transports: what waits here leaves
/// in an instant, and sound that comes meanwhile goes first.
pub(crate) const MAX_DATA_DATAGRAMS: usize = 256;

/// Datagrams that one transport sends before another has its turn.
pub(crate) const DATAGRAMS_OF_ONE_PEER: usize = 8;

/// Receivers that a message is given to before another room has its turn.
pub(crate) const RECEIVERS_OF_ONE_STEP: usize = 8;

/// Datagrams of data that a transport still sends when it is closed.
pub(crate) const LAST_DATAGRAMS: usize = 8;

/// Packets of one publication that go out together: about as many as a run takes.
pub(crate) const BURST: usize = 16;

/// Most packets of one publication that wait. Whoever does not drain the shard when it is backlogged has them
/// fanned out when the next packet comes.
pub(crate) const MAX_WAITING: usize = 64;
