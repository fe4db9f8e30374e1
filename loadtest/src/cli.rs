//! The command line.

mod link;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use link::LinkFlags;
use loadtest_peer::DataStamp;
use sfu_model::{Codec, LinkProtocol};

use crate::bare_send::MAX_BYTES;

/// Real LiveKit sessions against any LiveKit server, many from one process.
#[derive(Debug, Parser)]
#[command(
    name = "loadtest",
    version,
    about,
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Option<Task>,
    #[command(flatten)]
    pub(crate) test: TestFlags,
}

/// Other tasks than a test.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Prints the ratios of two results, the second by the first.
    Compare {
        /// The JSON of the first run.
        before: PathBuf,
        /// The JSON of the second run.
        after: PathBuf,
    },
    /// Leads the packets between two network namespaces over a link that is slow, far or lossy, as a script says.
    Link(LinkFlags),
    /// Prints what the kernel alone takes to send one datagram on this machine, in microseconds of CPU.
    BareSend {
        /// Length of a datagram.
        #[arg(long, default_value_t = 1_150, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_BYTES)))]
        bytes: u16,
    },
}

/// What is tested, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct TestFlags {
    /// Server to test: wss:// with TLS, ws:// without; https:// and http:// mean the same.
    #[arg(long, env = "LIVEKIT_URL", default_value = "ws://127.0.0.1:7880")]
    pub(crate) url: String,
    /// PEM file of a private certificate authority, trusted in addition to those that the machine trusts.
    #[arg(long, value_name = "PEM")]
    pub(crate) ca_file: Option<PathBuf>,
    /// API key that tokens are signed with.
    #[arg(long, env = "LIVEKIT_API_KEY", default_value = "devkey")]
    pub(crate) api_key: String,
    /// Secret of the API key.
    #[arg(
        long,
        env = "LIVEKIT_API_SECRET",
        default_value = "secret",
        hide_env_values = true
    )]
    pub(crate) api_secret: String,
    /// Room to join; a random one by default.
    #[arg(long)]
    pub(crate) room: Option<String>,
    /// Number of rooms like it, each with as many participants as the other flags say.
    #[arg(long, default_value_t = 1)]
    pub(crate) rooms: usize,
    /// Length of the measurement in seconds, once everybody has joined.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) duration: f64,
    /// Seconds between the last join and the measurement.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) settle: f64,
    /// Participants that publish video (720p in three layers of 0.15, 0.5 and 2 Mbit/s).
    #[arg(long, alias = "publishers", default_value_t = 0)]
    pub(crate) video_publishers: usize,
    /// Participants that publish audio (Opus, 32 kbit/s); the first of them are those that publish video.
    #[arg(long, default_value_t = 0)]
    pub(crate) audio_publishers: usize,
    /// Participants that send packets of data, which everybody in their room receives; the first of them are those that
    /// publish audio or video.
    #[arg(long, default_value_t = 0)]
    pub(crate) data_publishers: usize,
    /// Length of a packet of data in bytes.
    #[arg(long, default_value_t = 1_024, value_parser = data_packet_bytes())]
    pub(crate) data_packet_bytes: u32,
    /// Data that each of the data publishers sends, in kbit/s.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) data_bitrate: u32,
    /// Sends data on the lossy channel, where it is neither ordered nor sent again, instead of the reliable one.
    #[arg(long)]
    pub(crate) data_lossy: bool,
    /// Participants that receive everything that is published in their room.
    #[arg(long, default_value_t = 0)]
    pub(crate) subscribers: usize,
    /// Start of the participants' identities.
    #[arg(long, default_value = "loadtest")]
    pub(crate) identity_prefix: String,
    /// Joins begun per second.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) num_per_second: f64,
    /// Pictures that a subscriber shows; it receives each in the layer of that size, and no others.
    #[arg(long, value_enum, default_value_t = Layout::Speaker)]
    pub(crate) layout: Layout,
    /// Has the audio publishers speak in turns.
    #[arg(long)]
    pub(crate) simulate_speakers: bool,
    /// Instead of staying, subscribers come and go: one joins at every turn of --num-per-second for --duration
    /// seconds, and each leaves after --stay seconds. --subscribers says how many stay all the time.
    #[arg(long)]
    pub(crate) churn: bool,
    /// Seconds that a participant of --churn stays after its join.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) stay: f64,
    /// After the measurement all subscribers lose their signalling connections at once and resume their sessions.
    #[arg(long)]
    pub(crate) resume_storm: bool,
    /// Codec of the video.
    #[arg(long, value_enum, default_value_t = VideoCodec::Vp8)]
    pub(crate) video_codec: VideoCodec,
    /// Publishes video in its highest layer only.
    #[arg(long)]
    pub(crate) no_simulcast: bool,
    /// Publishes all layers all the time. Otherwise publishers stop the layers that the server says nobody receives,
    /// which LiveKit calls dynacast; servers say so for the first time 10 seconds after a track was published.
    #[arg(long)]
    pub(crate) no_dynacast: bool,
    /// Generation of the signalling: one peer connection per participant, or two.
    #[arg(long, value_enum, default_value_t = Signalling::V1)]
    pub(crate) signalling: Signalling,
    /// What media goes by: UDP, or a TCP connection per peer connection (ICE-TCP) to a server that listens for it.
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    pub(crate) transport: Transport,
    /// Media threads of this process.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Process id of the server on this machine: its CPU and memory become part of the result.
    #[arg(long)]
    pub(crate) server_pid: Option<u32>,
    /// Writes the result as JSON to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Writes the result as one HTML page with plots to this file.
    #[arg(long)]
    pub(crate) html: Option<PathBuf>,
}

/// A packet holds at least its stamp, and is at most as long as servers take.
fn data_packet_bytes() -> clap::builder::RangedI64ValueParser<u32> {
    let (least, most) = (DataStamp::LEN as i64, DataStamp::MAX_PAYLOAD as i64);
    clap::value_parser!(u32).range(least..=most)
}

/// A codec by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VideoCodec {
    Vp8,
    H264,
}

impl VideoCodec {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::Vp8 => Codec::Vp8,
            Self::H264 => Codec::H264,
        }
    }
}

/// What carries media, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    pub(crate) fn protocol(self) -> LinkProtocol {
        match self {
            Self::Udp => LinkProtocol::Udp,
            Self::Tcp => LinkProtocol::Tcp,
        }
    }
}

/// What a subscriber shows, in the words of `lk load-test`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// One picture of 1280x720, five of 320x180.
    Speaker,
    /// Nine pictures of 640x360.
    #[value(name = "3x3")]
    Grid3,
    /// Sixteen pictures of 320x180.
    #[value(name = "4x4")]
    Grid4,
    /// Twenty-five pictures of 320x180.
    #[value(name = "5x5")]
    Grid5,
}

impl Layout {
    /// Returns the size of a subscriber's `place`th picture; `None` when it has no place for it.
    pub(crate) fn size(self, place: usize) -> Option<(u32, u32)> {
        const HIGH: (u32, u32) = (1_280, 720);
        const MEDIUM: (u32, u32) = (640, 360);
        const LOW: (u32, u32) = (320, 180);
        let (places, size) = match self {
            Self::Speaker if place == 0 => return Some(HIGH),
            Self::Speaker => (6, LOW),
            Self::Grid3 => (9, MEDIUM),
            Self::Grid4 => (16, LOW),
            Self::Grid5 => (25, LOW),
        };
        (place < places).then_some(size)
    }
}

/// A generation of LiveKit's signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signalling {
    /// `/rtc/v1`: one peer connection; the offer rides in the join request.
    V1,
    /// `/rtc`: one peer connection to publish, another one to subscribe, which the server offers.
    V0,
}
