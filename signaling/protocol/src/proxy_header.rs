//! The header by which a proxy says where a connection comes from (HAProxy's PROXY protocol, versions 1 and 2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header of version 2 begins with (section 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What one of version 1 begins with (section 2.1).
const WORD: &[u8; 6] = b"PROXY ";

/// The longest line of version 1, its end included (section 2.1).
const MAX_LINE: usize = 107;

/// Bytes before the addresses of version 2.
const FIXED: usize = 16;

/// The longest header that is taken: addresses and what load balancers add to them (TLVs) are a few hundred bytes.
pub const MAX_PROXY_HEADER: usize = 1024;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The beginning of a header, of which more has to come.
    Partial,
    /// No header: the connection begins with them.
    None,
    /// A header of this length.
    Whole {
        /// Where the connection comes from; the proxy itself where it does not say (health checks, unknown families).
        source: Option<SocketAddr>,
        /// Bytes until the connection begins.
        length: usize,
    },
    /// A header that means nothing, or is too long.
    Malformed,
}

impl ProxyHeader {
    /// Reads the first bytes of a connection.
    pub fn read(bytes: &[u8]) -> Self {
        if begins(bytes, SIGNATURE) {
            return match bytes.len() < FIXED {
                true => Self::Partial,
                false => version_2(bytes).unwrap_or(Self::Malformed),
            };
        }
        match begins(bytes, WORD) {
            true if bytes.len() < WORD.len() => Self::Partial,
            true => version_1(bytes),
            false => Self::None,
        }
    }
}

/// Reports whether bytes are the beginning of a mark, or begin with it.
fn begins(bytes: &[u8], mark: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .zip(mark)
            .all(|(byte, expected)| byte == expected)
}

/// Reads version and command, family, length and addresses (section 2.2).
fn version_2(bytes: &[u8]) -> Option<ProxyHeader> {
    let [version_and_command, family, high, low] = *bytes.get(12..FIXED)?.first_chunk()?;
    let rest = usize::from(u16::from_be_bytes([high, low]));
    let length = FIXED + rest;
    if length > MAX_PROXY_HEADER {
        return None;
    }
    let Some(addresses) = bytes.get(FIXED..length) else {
        return Some(ProxyHeader::Partial);
    };
    let source = match (version_and_command, family) {
        // LOCAL: the proxy speaks for itself.
        (0x20, _) => None,
        (0x21, 0x11) => {
            let [a, b, c, d, _, _, _, _, high, low] = *addresses.get(..12)?.first_chunk()?;
            let port = u16::from_be_bytes([high, low]);
            Some(SocketAddr::from((Ipv4Addr::new(a, b, c, d), port)))
        }
        (0x21, 0x21) => {
            let address: [u8; 16] = *addresses.get(..36)?.first_chunk()?;
            let port = u16::from_be_bytes(*addresses.get(32..)?.first_chunk()?);
            Some(SocketAddr::from((Ipv6Addr::from(address), port)))
        }
        // Other families, which the receiver ignores.
        (0x21, _) => None,
        _ => return None,
    };
    Some(ProxyHeader::Whole { source, length })
}

/// Reads a line of text (section 2.1).
fn version_1(bytes: &[u8]) -> ProxyHeader {
    let shown = bytes.get(..MAX_LINE).unwrap_or(bytes);
    let Some(end) = shown.windows(2).position(|two| two == b"\r\n") else {
        return match shown.len() < MAX_LINE {
            true => ProxyHeader::Partial,
            false => ProxyHeader::Malformed,
        };
    };
    let line = shown
        .get(..end)
        .and_then(|line| std::str::from_utf8(line).ok());
    let source = line.and_then(source_of);
    match source {
        Some(source) => ProxyHeader::Whole {
            source,
            length: end + 2,
        },
        None => ProxyHeader::Malformed,
    }
}

fn source_of(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let [source, _, port, _] = [words.next()?, words.next()?, words.next()?, words.next()?];
    let address: IpAddr = source.parse().ok()?;
    let is_right = match family {
        "TCP4" => address.is_ipv4(),
        "TCP6" => address.is_ipv6(),
        _ => false,
    };
    (is_right && words.next().is_none())
        .then_some(Some(SocketAddr::new(address, port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
        header.extend(addresses);
        header
    }

    fn whole(source: Option<&str>, length: usize) -> ProxyHeader {
        ProxyHeader::Whole {
            source: source.map(|source| source.parse().unwrap()),
            length,
        }
    }

    #[test]
    fn both_versions_say_where_a_connection_comes_from_and_each_beginning_of_them_waits_for_more() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        v6[15] = 7;
        v6[33] = 9;
        let with_more = [&v4[..], &[4, 0, 1, 0]].concat();
        let cases = [
            (version_2(0x21, 0x11, &v4), Some("192.0.2.7:4660")),
            (version_2(0x21, 0x11, &with_more), Some("192.0.2.7:4660")),
            (version_2(0x21, 0x21, &v6), Some("[2001:db8::7]:9")),
            (version_2(0x20, 0x11, &v4), None),
            (version_2(0x20, 0, &[]), None),
            (version_2(0x21, 0, &[1, 2, 3]), None),
            (
                b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n".to_vec(),
                Some("192.0.2.7:4660"),
            ),
            (
                b"PROXY TCP6 2001:db8::7 ::1 9 80\r\n".to_vec(),
                Some("[2001:db8::7]:9"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
        ];
        for (header, source) in cases {
            let connection = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(ProxyHeader::read(&connection), whole(source, header.len()));
            for length in 1..header.len() {
                assert_eq!(ProxyHeader::read(&header[..length]), ProxyHeader::Partial);
            }
        }
    }

    #[test]
    fn what_is_no_header_is_the_connection_and_a_bad_one_is_none_at_all() {
        for request in [
            "GET / HTTP/1.1\r\n",
            "POST /",
            "\r\n\r\nGET",
            "PROPFIND /",
            "",
        ] {
            assert_eq!(
                ProxyHeader::read(request.as_bytes()),
                ProxyHeader::None,
                "{request}"
            );
        }
        let long = version_2(0x21, 0x11, &[0; MAX_PROXY_HEADER]);
        let text = |text: &str| text.as_bytes().to_vec();
        for header in [
            long,
            version_2(0x21, 0x11, &[1; 11]),
            version_2(0x21, 0x21, &[1; 35]),
            version_2(0x22, 0x11, &[1; 12]),
            version_2(0x11, 0x11, &[1; 12]),
            text("PROXY TCP4 2001:db8::7 ::1 9 80\r\n"),
            text("PROXY TCP4 192.0.2.7 10.0.0.1 4660\r\n"),
            text("PROXY TCP4 192.0.2.7 10.0.0.1 99999 80\r\n"),
            text("PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n"),
            text("PROXY \r\n"),
            text(&format!("PROXY {}", "x".repeat(MAX_LINE))),
        ] {
            assert_eq!(ProxyHeader::read(&header), ProxyHeader::Malformed);
        }
    }
}
