//! The flags of `loadtest link`.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Args;

/// What is linked, how the link is, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct LinkFlags {
    /// How the link is and changes, in lines such as `10s down rate=300kbit`; without it, it delivers everything at once.
    /// loadtest/README.md describes the lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// Network namespace of the near end, made and removed if there is none of that name; by default the one that this
    /// command runs in.
    #[arg(long, value_name = "NAME")]
    pub(crate) near: Option<String>,
    /// Network namespace of the far end, made and removed if there is none of that name; by default one of its own.
    #[arg(long, value_name = "NAME")]
    pub(crate) far: Option<String>,
    /// Address of the near end.
    #[arg(long, default_value = "198.18.0.1")]
    pub(crate) near_address: Ipv4Addr,
    /// Address of the far end.
    #[arg(long, default_value = "198.18.0.2")]
    pub(crate) far_address: Ipv4Addr,
    /// Length of a packet at most, in bytes.
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u16).range(576..=9_000))]
    pub(crate) mtu: u16,
    /// What everything random comes from: which packets are lost.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds until it ends by itself.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,
    /// Writes what was counted as JSON to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Command to run in the far namespace; the link ends with it, and exits with its status.
    #[arg(last = true)]
    pub(crate) command: Vec<OsString>,
}
