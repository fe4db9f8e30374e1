//! Where a client is, as its connection says, and the proxies in front of the node.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Headers by which proxies tell a client's address, the most trusted first.
const HEADERS: [&str; 3] = ["cf-connecting-ip", "x-forwarded-for", "x-real-ip"];

/// Returns what is noted of a participant. Anybody may write the headers: nothing is decided by it.
pub(crate) fn told(headers: &HeaderMap, peer: Option<IpAddr>) -> String {
    let forwarded = HEADERS.iter().find_map(|name| {
        let value = headers.get(*name)?.to_str().ok()?;
        Some(value.to_owned()).filter(|value| !value.is_empty())
    });
    let peer = || peer.map(|peer| peer.to_string()).unwrap_or_default();
    forwarded.unwrap_or_else(peer)
}

/// Returns where a client is: where its connection comes from, or, if that is a trusted proxy, what this says in
/// `X-Forwarded-For`. Each proxy adds its own peer at the end, so the last address there that is no trusted proxy is the
/// client's; whatever stands before may be made up.
pub fn of(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer?.to_canonical();
    let mut hops = hops(headers);
    while is_trusted(&client) {
        let Some(Some(hop)) = hops.next() else {
            break;
        };
        client = hop;
    }
    Some(client)
}

/// Walks the addresses of `X-Forwarded-For` from the last to the first; what is none is `None`. A client that writes bytes
/// which are no text in front of what a proxy adds changes nothing of that.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lists = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lists.flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b','));
    let hops = hops.map(<[u8]>::trim_ascii);
    hops.filter(|hop| !hop.is_empty()).map(address)
}

/// Reads an address as proxies write it: quoted, in brackets, or with a port.
fn address(written: &[u8]) -> Option<IpAddr> {
    let written = std::str::from_utf8(written).ok()?.trim_matches('"');
    let bare = written
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(written).parse::<IpAddr>();
    let address = address.or_else(|_| {
        written
            .parse::<SocketAddr>()
            .map(|with_port| with_port.ip())
    });
    address.ok().map(|address| address.to_canonical())
}

/// Returns whom a connection is counted for: who it is from where the operator says which proxies to trust, else a proxy's client where the peer can be a proxy of the
/// operator's, which is in a private network, else the peer. What the nearest proxy has added last to
/// `X-Forwarded-For` is its own peer; whatever stands before may be made up.
pub(crate) fn counted(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    if !trusted.is_empty() {
        return of(headers, peer, trusted);
    }
    let peer = peer?.to_canonical();
    if !is_private(peer) {
        return Some(peer);
    }
    Some(hops(headers).next().flatten().unwrap_or(peer))
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted_for(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let counted = counted(&headers, Some(peer.parse().unwrap()), &[]);
        counted.unwrap().to_string()
    }

    #[test]
    fn a_client_behind_our_proxy_is_counted_by_what_the_proxy_saw() {
        assert_eq!(counted_for("10.0.0.2", &["198.51.100.7"]), "198.51.100.7");
        let made_up = ["192.0.2.1, 192.0.2.2", "192.0.2.3, 2001:db8::7"];
        assert_eq!(counted_for("::1", &made_up), "2001:db8::7");
        assert_eq!(counted_for("::ffff:127.0.0.1", &["192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn only_trusted_proxies_say_where_a_client_is() {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let client = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let client = of(&headers, Some(peer.parse().unwrap()), &trusted);
            client.unwrap().to_string()
        };
        assert_eq!(client("10.0.0.2", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.2", &["198.51.100.7"]), "198.51.100.7");
        // Two proxies of ours, and what the client made up.
        let chain = ["192.0.2.1", "192.0.2.2, 198.51.100.7, fd00::1"];
        assert_eq!(client("10.0.0.2", &chain), "198.51.100.7");
        for last in [
            "\u{e9}, 198.51.100.7",
            "198.51.100.7,",
            "198.51.100.7:4711",
            "[::ffff:198.51.100.7]",
            "\"198.51.100.7\"",
            "[::ffff:198.51.100.7]:9",
        ] {
            let mut headers = HeaderMap::new();
            headers.append("x-forwarded-for", last.as_bytes().try_into().unwrap());
            let client = of(&headers, Some("10.0.0.2".parse().unwrap()), &trusted);
            assert_eq!(client.unwrap().to_string(), "198.51.100.7", "{last}");
        }
        assert_eq!(client("10.0.0.2", &["unknown"]), "10.0.0.2");
        assert_eq!(client("10.0.0.2", &[]), "10.0.0.2");
        assert_eq!(client("127.0.0.1", &["198.51.100.7"]), "127.0.0.1");
        assert_eq!(client("203.0.113.9", &["198.51.100.7"]), "203.0.113.9");
    }

    #[test]
    fn who_comes_from_outside_is_counted_by_its_own_address_whatever_it_says() {
        assert_eq!(counted_for("203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(counted_for("10.0.0.2", &[]), "10.0.0.2");
        assert_eq!(counted_for("10.0.0.2", &["unknown"]), "10.0.0.2");
    }
}
