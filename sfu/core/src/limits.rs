//! What a shard holds at most, and how often it does what others can make it do. `docs/limits.md` says what
//! happens when a limit is met, and who pays.

use std::time::Duration;

use sfu_model::Bitrate;

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

/// An encoding that others of its publication have gone on without for so long, beyond how far it is behind them
/// anyway, sends no more: nine pictures of a camera.
pub(crate) const LAYER_SILENCE: Duration = Duration::from_millis(300);

/// How far behind others an encoding is taken to be at most, and at first: a picture a second, and the way here.
pub(crate) const LONGEST_LAYER_LAG: Duration = Duration::from_millis(1_200);

/// Packets of one stream that are kept in mind while one before them is missing: a key frame of 300 kB.
pub(crate) const PACKETS_AHEAD: usize = 256;

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

/// Subscribers that are served before their datagrams are handed on: as many as the processor can read the state of
/// at once, and few enough for the caches to hold the buffers that go round.
pub(crate) const SUBSCRIBERS_OF_ONE_STEP: usize = 8;

/// Datagrams that wait for the driver, data aside. It drains them when there are half as many, so that only the
/// kernel's being full fills this. Video stays out from three quarters on, audio from seven eighths on.
pub(crate) const MAX_DATAGRAMS: usize = 16_384;

/// Bytes of a run, which leaves as one message: a dozen datagrams, beyond which a larger one gains little.
pub(crate) const MAX_RUN_BYTES: usize = 16 * 1_024;

/// Datagrams of a run that Linux takes (`UDP_MAX_SEGMENTS`).
pub(crate) const MAX_RUN_DATAGRAMS: usize = 64;

/// Bytes of empty buffers that are kept for the next runs.
pub(crate) const MAX_SPARE_BYTES: usize = 8 * 1_024 * 1_024;

/// Room of a buffer: a datagram that fits an Ethernet frame, with its tag.
pub(crate) const BUFFER_BYTES: usize = 1_536;

/// Packets of a video subscription that can be asked for again: two seconds at 4 Mbit/s.
pub(crate) const REPEATABLE_VIDEO_PACKETS: usize = 1_024;

/// Packets of an audio subscription that can be asked for again: five seconds.
pub(crate) const REPEATABLE_AUDIO_PACKETS: usize = 256;

/// Bytes of packets that wait for another shard: what all of a shard's publications bring in some milliseconds.
pub(crate) const MAX_EXPORT_BYTES: usize = 1_024 * 1_024;

/// Packets and reports that wait for another shard.
pub(crate) const MAX_EXPORT_ITEMS: usize = 4_096;

/// Largest buffer that is kept for the next packets to another shard.
pub(crate) const MAX_SPARE_EXPORT_BYTES: usize = 256 * 1_024;

/// Longest list that is kept for the next packets to another shard.
pub(crate) const MAX_SPARE_EXPORT_ITEMS: usize = 1_024;

/// Paths that come in here and lead to peers of other shards, where all share a port. Each belongs to a peer that has
/// authenticated it; those of further peers are unknown here, so that they connect by ICE-TCP, if at all.
pub(crate) const MAX_PATHS_AWAY: usize = 131_072;

/// Bytes of a compound of RTCP, its encryption aside: it fits every path that carries video.
pub(crate) const MAX_COMPOUND_BYTES: usize = 1_100;

/// A peer is not woken again sooner than this: what a transport believes to be overdue cannot keep the shard busy.
pub(crate) const LEAST_SLEEP: Duration = Duration::from_millis(1);

/// How long what a layer sends is counted before its rate is said anew: a few pictures of a slow camera.
pub(crate) const RATE_WINDOW: Duration = Duration::from_millis(500);

/// What a link is taken to carry before anything shows that it does not, as in LiveKit: nobody who has a good link begins
/// with a poor picture.
pub(crate) const START_ESTIMATE: Bitrate = Bitrate(100_000_000);

/// Longest time until a subscriber's link is divided anew: what its tracks cost is followed so closely.
pub(crate) const DIVISION_INTERVAL: Duration = Duration::from_secs(1);

/// Cameras of a room that come first because somebody speaks: three participants, each with a backup codec and more.
pub(crate) const SPEAKERS_OF_A_ROOM: usize = 16;

/// How much later than it is due anything may be done that no packet waits for: so many links are looked after at once.
pub(crate) const TOGETHER: Duration = Duration::from_millis(50);

/// Time from one packet of a probe to the next that is due: finer would wake the shard for a packet each.
pub(crate) const PROBE_STEP: Duration = Duration::from_millis(2);

/// Packets of padding that one step of a probe sends at most.
pub(crate) const PROBE_PACKETS: usize = 64;

/// Packets that a subscriber asks for again at once: what a third of a second of 20 Mbit/s has. What is left out it asks for
/// again a round trip later.
pub(crate) const NACKS_AT_ONCE: u32 = 512;

/// The same in a second: twice what 20 Mbit/s have.
pub(crate) const NACKS_PER_SECOND: u32 = 4_000;

/// How much of the pacing rate leaves at once: a picture of a track that fits its link, as one run. It makes no longer
/// queue on the way.
pub(crate) const PACING_BURST: Duration = Duration::from_millis(20);

/// Least time after which more of what waits for a link leaves: finer would wake the shard for every packet.
pub(crate) const PACING_INTERVAL: Duration = Duration::from_millis(5);

/// What leaves of video in any case, however much sound there is beside it: without any a link could not show that it
/// carries more.
pub(crate) const LEAST_PACE: Bitrate = Bitrate(30_000);

/// How long video waits at most for what does not wait, such as sound: as much as links queue.
pub(crate) const PACING_DEBT: Duration = Duration::from_millis(500);

/// Packets of video that wait for one subscriber's link: a quarter of a second of 40 Mbit/s.
pub(crate) const MAX_HELD_PACKETS: usize = 1_024;

/// Packets that wait to be sent again to one subscriber: who has lost more is better served by a key frame.
pub(crate) const MAX_HELD_REPAIRS: usize = 256;

/// How long video waits for a link before some of it is left out: players wait no longer for a picture, without being late.
pub(crate) const THIN_AFTER: Duration = Duration::from_millis(250);

/// Time from one look for what may be left out to the next.
pub(crate) const THINNING_INTERVAL: Duration = Duration::from_millis(50);

/// How long video waits for a link before its track is given up until the next key frame: a little less than the
/// publisher's ring surely has it, and longer than a key frame takes on a link that carries its track.
pub(crate) const GIVE_UP_AFTER: Duration = Duration::from_millis(900);

/// How long a track that was given up, soon after it was before, waits for somebody else's key frame until it asks for one
/// of its own. It doubles each time: others pay for key frames too.
pub(crate) const GIVE_UP_PATIENCE: Duration = Duration::from_secs(1);

/// The same at most: a picture that stands still for longer is none.
pub(crate) const MAX_GIVE_UP_PATIENCE: Duration = Duration::from_secs(8);

/// After so long a track is given up as if for the first time.
pub(crate) const GIVE_UP_CALM: Duration = Duration::from_secs(30);

/// How often each peer of a room, and what it sends and gets, is told of to the control plane.
pub(crate) const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);

/// How often that is where nothing is sent and nothing comes.
pub(crate) const IDLE_STATISTICS_INTERVAL: Duration = Duration::from_secs(5);

/// Streams that are told of at a time, and the rest of the last peer's: packets wait meanwhile.
pub(crate) const STREAMS_OF_ONE_PART: usize = 256;

/// Time from one such part to the next: two hundred of them, 50,000 streams, fit into a second.
pub(crate) const STATISTICS_STEP: Duration = Duration::from_millis(5);

/// How many packets of sound it takes until one that was lost counts a third of what it did: two and a half seconds. One
/// that is lost by itself is less than a hundredth of them.
pub(crate) const SOUND_LOSS_PACKETS: f32 = 128.0;

/// How long a subscriber must not have lost much sound until it is sent no more redundancy than comes.
pub(crate) const REDUNDANCY_CALM: Duration = Duration::from_secs(10);
