//! Flags and subcommands. The flags of the node are LiveKit's.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// A self-hosted, LiveKit-compatible media server.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) node: NodeFlags,
}

/// What is done instead of running the node.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a token for a participant.
    Token(Box<TokenFlags>),
    /// Makes an API key and its secret.
    Keys,
    /// Reads the configuration and tells every fault in it.
    CheckConfig(Box<NodeFlags>),
}

/// How the node is configured. Flags win over the body, the body over the file.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct NodeFlags {
    /// Fills what the configuration leaves open for a try on this machine: key `devkey`, secret
    /// `secret`, loopback only, and with that key a call page.
    #[arg(long)]
    pub(crate) dev: bool,
    /// YAML file, with LiveKit's keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// YAML text, which wins over the file.
    #[arg(long, value_name = "YAML", env = "LIVEKIT_CONFIG")]
    pub(crate) config_body: Option<String>,
    /// API keys, one `key: secret` per line.
    #[arg(
        long,
        value_name = "KEYS",
        env = "LIVEKIT_KEYS",
        hide_env_values = true
    )]
    pub(crate) keys: Option<String>,
    /// YAML file of API keys that only its owner may read.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Address to listen on, repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Vec<IpAddr>,
    /// Address that clients reach this node by.
    #[arg(long, value_name = "ADDRESS", env = "NODE_IP")]
    pub(crate) node_ip: Option<String>,
    /// Port of HTTP and WebSocket.
    #[arg(long, value_name = "PORT", env = "LIVEKIT_PORT")]
    pub(crate) port: Option<String>,
    /// UDP port of media that all shards share, or a range `a-b` with one for each.
    #[arg(long, value_name = "PORTS", env = "UDP_PORT")]
    pub(crate) udp_port: Option<String>,
    /// Folder of the node's files.
    #[arg(long, value_name = "DIRECTORY", env = "SLUICE_DATA_DIR")]
    pub(crate) data_dir: Option<String>,
    /// Database of what outlives the process: `sqlite:///path/file.db` or `postgres://user:password@host/database`.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Region that clients are told.
    #[arg(long, value_name = "NAME", env = "LIVEKIT_REGION")]
    pub(crate) region: Option<String>,
    /// Media threads; by default one for each core.
    #[arg(long, value_name = "COUNT")]
    pub(crate) shards: Option<u16>,
}

/// What a token says.
#[derive(Debug, Args)]
pub(crate) struct TokenFlags {
    /// Room that its holder may join.
    #[arg(long, required_unless_present = "api")]
    pub(crate) room: Option<String>,
    /// Who the holder is.
    #[arg(long, required_unless_present = "api")]
    pub(crate) identity: Option<String>,
    /// Makes a token for the whole REST API instead (`/api/v1`).
    #[arg(long, conflicts_with_all = ["room", "admin", "subscribe_only"])]
    pub(crate) api: bool,
    /// Name shown to others.
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// Text of the app about the holder.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) metadata: String,
    /// Attribute of the holder; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    pub(crate) attribute: Vec<(String, String)>,
    /// LiveKit's video grant as JSON, in place of what `--admin` and `--subscribe-only` say.
    #[arg(long, value_name = "JSON", value_parser = json::<auth::VideoGrant>, conflicts_with_all = ["api", "admin", "subscribe_only"])]
    pub(crate) grants: Option<auth::VideoGrant>,
    /// Kind of participant, such as `agent`.
    #[arg(long, value_name = "KIND", default_value = "")]
    pub(crate) kind: String,
    /// LiveKit's room configuration as JSON, for a room that this join creates.
    #[arg(long, value_name = "JSON", value_parser = json::<serde_json::Value>)]
    pub(crate) room_config: Option<serde_json::Value>,
    /// One of `room.room_configurations`, for a room that this join creates.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) room_preset: String,
    /// Hours for which it is valid.
    #[arg(long, value_name = "HOURS", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=87_600))]
    pub(crate) hours: u64,
    /// Lets the holder administer the room and create rooms.
    #[arg(long)]
    pub(crate) admin: bool,
    /// Seconds for which the holder may be in the room, from when it first came there.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_622_400))]
    pub(crate) max_session_seconds: Option<u64>,
    /// Lets the holder only watch and listen.
    #[arg(long)]
    pub(crate) subscribe_only: bool,
    #[command(flatten)]
    pub(crate) node: NodeFlags,
}

impl TokenFlags {
    /// Returns how long the token is valid.
    pub(crate) fn life(&self) -> Duration {
        Duration::from_secs(self.hours * 3600)
    }
}

fn attribute(written: &str) -> Result<(String, String), String> {
    let pair = written.split_once('=');
    let (name, value) = pair.ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn json<T: serde::de::DeserializeOwned>(written: &str) -> Result<T, String> {
    serde_json::from_str(written).map_err(|error| error.to_string())
}
