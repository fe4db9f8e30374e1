use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The way by which signalling reached the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// Our address on it.
    pub(super) local: IpAddr,
    /// The server's, or that of what stands before it.
    pub(super) remote: IpAddr,
}

impl Route {
    /// Returns the address that a peer's socket is bound to so that it reaches `candidates`: our own by which signalling
    /// went, if media goes the same way; any otherwise. A proxy on this machine or a name with an address of another
    /// family says nothing of where media goes.
    pub(super) fn bind_address(&self, candidates: &[SocketAddr]) -> IpAddr {
        let mut candidates = candidates.iter().map(SocketAddr::ip);
        let near = candidates.any(|candidate| {
            candidate.is_ipv4() == self.local.is_ipv4()
                && (candidate.is_loopback() || !self.local.is_loopback())
        });
        match near {
            true => self.local,
            false => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// Sorts the server's addresses: first the one by which signalling reached it, then those of the same family.
    pub(super) fn near_first(&self, mut candidates: Vec<SocketAddr>) -> Vec<SocketAddr> {
        candidates.sort_by_key(|candidate| {
            let far = candidate.is_ipv4() != self.local.is_ipv4();
            (candidate.ip() != self.remote, far)
        });
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(local: &str, remote: &str) -> Route {
        Route {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
        }
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn media_leaves_by_the_address_that_signalling_left_by_where_both_go_the_same_way() {
        let way = route("192.0.2.7", "192.0.2.1");
        let bound = way.bind_address(&addresses(&["[2001:db8::1]:7882", "203.0.113.1:7882"]));
        assert_eq!(bound, way.local);
        let way = route("127.0.0.1", "127.0.0.1");
        let bound = way.bind_address(&addresses(&["127.0.0.1:7882"]));
        assert_eq!(bound, way.local);
    }

    #[test]
    fn media_leaves_by_any_address_where_it_goes_another_way_or_none_is_known() {
        for (local, candidates) in [
            ("2001:db8::7", &["192.0.2.1:7882"][..]),
            ("192.0.2.7", &["[2001:db8::1]:7882"]),
            ("127.0.0.1", &["192.0.2.1:7882"]),
            ("192.0.2.7", &[]),
        ] {
            let bound = route(local, local).bind_address(&addresses(candidates));
            assert!(bound.is_unspecified(), "{local} to {candidates:?}");
        }
    }

    #[test]
    fn the_address_of_the_signalling_comes_first_and_the_other_family_last() {
        let way = route("192.0.2.7", "192.0.2.1");
        let candidates = ["[2001:db8::1]:1", "203.0.113.1:1", "192.0.2.1:1"];
        let sorted = way.near_first(addresses(&candidates));
        let expected = ["192.0.2.1:1", "203.0.113.1:1", "[2001:db8::1]:1"];
        assert_eq!(sorted, addresses(&expected));
    }
}
