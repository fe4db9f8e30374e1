use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::group::Group;
use crate::problem::{Problem, Read};

/// The addresses on which HTTP and WebSocket listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    /// All of the machine, with IPv4 and IPv6 where it has them.
    #[default]
    All,
    /// These only. Never empty.
    Only(Vec<IpAddr>),
}

/// The addresses that clients are told for media, where the machine's own are not reachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeIp {
    /// The IPv4 address; `None`: those of the machine.
    pub v4: Option<Ipv4Addr>,
    /// The IPv6 address; `None`: those of the machine.
    pub v6: Option<Ipv6Addr>,
}

impl From<IpAddr> for NodeIp {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self {
                v4: Some(v4),
                v6: None,
            },
            IpAddr::V6(v6) => Self {
                v4: None,
                v6: Some(v6),
            },
        }
    }
}

impl NodeIp {
    /// Reads one address, or a group of `ipv4` and `ipv6`.
    pub(crate) fn read(group: &mut Group<'_>, name: &'static str) -> Self {
        if !group.holds_group(name) {
            return group.get(name, ip).map(Self::from).unwrap_or_default();
        }
        group.group(name, |both| Self {
            v4: both.get("ipv4", |written| family(written, ipv4)),
            v6: both.get("ipv6", |written| family(written, ipv6)),
        })
    }
}

fn ipv4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

fn ipv6(ip: IpAddr) -> Option<Ipv6Addr> {
    match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    }
}

fn family<T>(written: &str, of: fn(IpAddr) -> Option<T>) -> Read<T> {
    of(ip(written)?).ok_or_else(|| {
        Problem::new(
            "is an address of the other family",
            "write IPv4 under `ipv4` and IPv6 under `ipv6`",
        )
    })
}

/// Reads an address of an interface or node: IPv4, or IPv6 with or without brackets.
pub(crate) fn ip(written: &str) -> Read<IpAddr> {
    let bare = written
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(written);
    match bare {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => bare.parse().map_err(|_| {
            Problem::new(
                "is no IP address",
                "write one such as 192.0.2.1 or 2001:db8::1",
            )
        }),
    }
}
