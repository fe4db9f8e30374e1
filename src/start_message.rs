//! What the node says when it has started.

use std::net::SocketAddr;

use auth::Keys;
use sluice_config::{Config, DEV_SECRET};

use crate::token;

/// Writes, in plain words, what runs and what to do next.
pub(crate) fn start_message(
    config: &Config,
    keys: &Keys,
    http: SocketAddr,
    call_page: bool,
) -> String {
    let host = match http.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let port = http.port();
    let key = &keys.first().key;
    let version = env!("CARGO_PKG_VERSION");
    let tcp = config
        .rtc
        .tcp_port
        .map_or_else(|| "off".to_owned(), |port| port.to_string());
    let udp = config.rtc.udp_ports;
    if !call_page {
        return format!(
            "Sluice {version} is ready.\n\n  \
             LiveKit URL   ws://{host}:{port}\n  \
             API key       {key}\n  \
             media         UDP {udp}, ICE-TCP {tcp}\n"
        );
    }
    let secret = DEV_SECRET;
    let token = token::for_a_try(keys, "lobby", "you");
    format!(
        "Sluice {version} is ready, for trying out on this machine.\n\n  \
         Try a call     http://{host}:{port}/call   (open it in two tabs)\n\n  \
         LiveKit URL    ws://{host}:{port}\n  \
         API key        {key}\n  \
         API secret     {secret}\n  \
         Media          UDP from {udp}, ICE-TCP {tcp}\n\n  \
         A token for the room \"lobby\", as \"you\", valid for a day:\n  {token}\n\n  \
         More tokens:   sluice token --room lobby --identity alice\n  \
         Stop:          Ctrl-C\n",
        udp = first_port(config),
    )
}

fn first_port(config: &Config) -> u16 {
    let ports = config.rtc.udp_ports.for_shards(1);
    ports.first().copied().unwrap_or_default()
}
