use std::fmt;
use std::net::IpAddr;

use crate::problem::{Problem, Read};

/// Addresses that begin alike: `192.0.2.0/24`, or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    pub address: IpAddr,
    /// How many bits are the same in all.
    pub prefix: u8,
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Reads a network in CIDR form, or an address, which is a network of one.
pub(crate) fn network(written: &str) -> Read<Network> {
    let bad = || {
        Problem::new(
            "is no network",
            "write an address or one with a prefix, such as 10.0.0.0/8 or fd00::/8",
        )
    };
    let (address, prefix) = match written.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (written, None),
    };
    let address: IpAddr = address.parse().map_err(|_| bad())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Ok(longest), str::parse);
    let prefix = prefix.ok().filter(|prefix| *prefix <= longest);
    let prefix = prefix.ok_or_else(bad)?;
    Ok(Network { address, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses_are_read() {
        let read = |written| network(written).ok().map(|it| it.to_string());
        assert_eq!(read("10.0.0.0/8").unwrap(), "10.0.0.0/8");
        assert_eq!(read("192.0.2.7").unwrap(), "192.0.2.7/32");
        assert_eq!(read("fd00::/8").unwrap(), "fd00::/8");
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/-1",
            "proxy",
        ] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
