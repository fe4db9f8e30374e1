//! Typed configuration of the node.
//!
//! LiveKit's YAML is read as it is: a key that this node obeys becomes a field of [`Config`], a key
//! of LiveKit's that it does not obey becomes a [`Warning`] that says what will not happen, and
//! everything else is a [`Fault`] that names the key, the value and what to write. All faults are
//! found in one go.
//!
//! Nothing is read here but what the caller hands in: files, environment and flags are [`Inputs`].
//! A later input wins over an earlier one, key by key: the file, then the body, then the settings.
//! `--dev` fills in only what they leave open.
//!
//! ```
//! use sluice_config::{Config, Inputs, Text};
//!
//! let inputs = Inputs {
//!     file: Some(Text { name: "sluice.yaml", text: "port: 8080\nrtc: {tcp_prot: 7881}" }),
//!     dev: true,
//!     ..Inputs::default()
//! };
//! let faults = Config::load(&inputs).unwrap_err();
//! assert_eq!(
//!     faults[0].to_string(),
//!     "sluice.yaml line 2: `rtc.tcp_prot: 7881` is no key of this configuration; \
//!      write `rtc.tcp_port`, or remove it"
//! );
//! ```

mod audio;
mod config;
mod database;
mod duration;
mod fault;
mod group;
mod http;
mod input;
mod ip;
mod keys;
mod limit;
mod logging;
mod network;
mod problem;
mod prometheus;
mod quotas;
mod room;
mod rtc;
mod sessions;
mod suggestion;
mod tokens;
mod tree;
mod turn_server;
mod udp_ports;
mod unsupported;
mod value;
mod webhook;
mod yaml;

pub use audio::Audio;
pub use config::Config;
pub use database::Database;
pub use fault::{Fault, Place, Warning};
pub use http::Http;
pub use input::{Address, AddressCheck, FileReader, Inputs, Setting, SettingValue, Text};
pub use ip::{Bind, NodeIp};
pub use keys::{ApiKeyPair, DEV_KEY, DEV_SECRET, SecretText};
pub use limit::Limit;
pub use logging::{LogLevel, Logging};
pub use network::Network;
pub use problem::Problem;
pub use prometheus::{Prometheus, PrometheusLogin};
pub use quotas::{Exceeded, Quota, Quotas};
pub use room::{CodecSpec, DuplicateIdentity, Room, RoomPreset};
pub use rtc::{CongestionControl, PliThrottle, Rtc};
pub use sessions::Sessions;
pub use tokens::{Jwks, JwksSource, TokenSession, Tokens};
pub use turn_server::{TurnCredentials, TurnProtocol, TurnServer};
pub use udp_ports::UdpPorts;
pub use webhook::{Webhook, WebhookTarget};
