use std::net::IpAddr;
use std::sync::Arc;

use reqwest::Url;

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    url: Url,
    include: Vec<String>,
    exclude: Vec<String>,
}

/// Which addresses receivers may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only those that are in the public network.
    Public,
    /// Also those of this machine and of private networks (`webhook.allow_private`).
    Anywhere,
}

/// Why an address cannot be a receiver's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is none.
    #[error("it is no http or https URL: {0}")]
    NoUrl(String),
    /// It leads to this machine or a private network.
    #[error(
        "it leads to a private address; if that is meant, write `webhook: {{allow_private: true}}`"
    )]
    Private,
}

impl Target {
    /// Takes a receiver, with the events that it is told of (none named: all of LiveKit's) and those that it is not.
    ///
    /// # Errors
    ///
    /// See [`TargetError`].
    pub fn new(
        url: &str,
        include: Vec<String>,
        exclude: Vec<String>,
        reach: Reach,
    ) -> Result<Self, TargetError> {
        let url = Url::parse(url).map_err(|error| TargetError::NoUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::NoUrl(url.scheme().to_owned()));
        }
        let host = url.host_str().unwrap_or_default();
        if reach == Reach::Public && is_private_host(host) {
            return Err(TargetError::Private);
        }
        Ok(Self {
            url,
            include,
            exclude,
        })
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns its host, which the log may show: the rest of the address may have a secret.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn wants(&self, kind: &str) -> bool {
        let is_in = |names: &[String]| names.iter().any(|name| name == kind);
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }
}

/// All receivers. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Targets(Arc<[Target]>);

impl Targets {
    /// Takes receivers, each address once.
    pub fn new(targets: Vec<Target>) -> Self {
        let mut all: Vec<Target> = Vec::new();
        for target in targets {
            if all.iter().all(|other| other.url != target.url) {
                all.push(target);
            }
        }
        Self(all.into())
    }

    /// Walks all of them.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.0.iter()
    }

    /// Returns the names of all, which are their addresses.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|target| target.url.to_string()).collect()
    }

    /// Returns the names of those who are told of a kind of event.
    pub(crate) fn of(&self, kind: &str) -> Vec<String> {
        let wanting = self.0.iter().filter(|target| target.wants(kind));
        wanting.map(|target| target.url.to_string()).collect()
    }
}

/// Reports whether a host, as a URL has it, is of this machine or a private network by what is written. Numbers in every
/// spelling are addresses by then (WHATWG URL, section 3.5).
fn is_private_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match bare.parse() {
        Ok(address) => is_private(address),
        Err(_) => name == "localhost" || name.ends_with(".localhost") || name.is_empty(),
    }
}

/// Reports whether an address is of this machine, of a private network, or of no single host (RFC 6890).
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || a == 0
                // RFC 6598: shared by carriers; RFC 2544: between devices under test; RFC 1112: reserved.
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                || (a == 192 && b == 0 && v4.octets()[2] == 0)
                || a >= 240
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let embedded = match segments {
                // RFC 6052: an IPv4 address behind a translator. RFC 3056: one behind a tunnel.
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
                [0x2002, high, low, ..] => Some((high, low)),
                // RFC 4380: one behind a tunnel, whose far end is written inverted.
                [0x2001, 0, _, _, _, _, high, low] => Some((!high, !low)),
                // RFC 4291 section 2.5.5.1, in use no more.
                [0, 0, 0, 0, 0, 0, high, low] => Some((high, low)),
                _ => None,
            };
            let embedded = embedded.map(|(high, low)| {
                let bits = (u32::from(high) << 16) | u32::from(low);
                IpAddr::V4(bits.into())
            });
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                // RFC 8215: an IPv4 address behind a translator of the network's own, written as that likes.
                || (segments[0] == 0x64 && segments[1] == 0xff9b && segments[2] == 1)
                // RFC 6666: discarded.
                || (segments[0] == 0x100 && segments[1..4] == [0, 0, 0])
                // RFC 4193's predecessor.
                || segments[0] & 0xffc0 == 0xfec0
                || embedded.is_some_and(is_private)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, reach: Reach) -> Result<Target, TargetError> {
        Target::new(url, Vec::new(), Vec::new(), reach)
    }

    #[test]
    fn private_addresses_are_no_receivers_in_any_spelling_unless_they_may_be() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.0.0.1.",
            "localhost",
            "LOCALHOST",
            "a.localhost",
            "localhost.",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[fd00::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[64:ff9b:1::7f00:1]",
            "[64:ff9b:1:7f00:0:100::]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[100::1]",
            "[::127.0.0.1]",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
        ] {
            let url = format!("http://{host}:8080/hook");
            assert_eq!(
                target(&url, Reach::Public),
                Err(TargetError::Private),
                "{host}"
            );
            assert!(target(&url, Reach::Anywhere).is_ok(), "{host}");
        }
        for host in [
            "example.com",
            "203.0.113.7",
            "8.8.8.8",
            "[2001:4860:4860::8888]",
            "[64:ff9b::808:808]",
        ] {
            assert!(
                target(&format!("https://{host}/hook"), Reach::Public).is_ok(),
                "{host}"
            );
        }
        for url in [
            "",
            "hook",
            "ftp://example.com",
            "file:///etc/passwd",
            "http://",
            "https://[::1",
        ] {
            assert!(
                matches!(target(url, Reach::Anywhere), Err(TargetError::NoUrl(_))),
                "{url}"
            );
        }
    }

    #[test]
    fn a_receiver_is_told_of_what_it_asks_for() {
        let with = |include: &[&str], exclude: &[&str]| {
            let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            Target::new(
                "https://example.com",
                names(include),
                names(exclude),
                Reach::Public,
            )
            .unwrap()
        };
        assert!(with(&[], &[]).wants("room_started"));
        assert!(!with(&["room_finished"], &[]).wants("room_started"));
        assert!(with(&["room_finished"], &[]).wants("room_finished"));
        assert!(!with(&[], &["room_started"]).wants("room_started"));
        let twice = vec![with(&[], &[]), with(&["room_finished"], &[])];
        assert_eq!(Targets::new(twice).names(), ["https://example.com/"]);
    }
}
