//! What a connection speaks, by the first bytes that its client sends.

use sfu_model::MAX_DATAGRAM_BYTES;

/// The magic cookie of STUN (RFC 8489 section 5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// The longest method of HTTP that has a meaning here: `OPTIONS`.
const LONGEST_METHOD: usize = 7;

/// What may be spoken on one port. No two begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// STUN in frames (RFC 4571): ICE-TCP.
    FramedStun,
    /// STUN as it is (RFC 8489 section 6.2.2): TURN over TCP.
    Stun,
    /// TLS (RFC 8446 section 5.1).
    Tls,
    /// HTTP, of version 1 (RFC 9112 section 3) or 2 (RFC 9113 section 3.4).
    Http,
}

/// The bytes are those of no protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// How bytes fit to a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    No,
    /// As far as they go.
    Yet,
    Yes,
}

impl Protocol {
    /// After so many bytes it is known what a connection speaks, whatever they are.
    pub(crate) const DECIDED: usize = 10;

    /// Tells what the first bytes of a stream are; nothing while there are too few.
    pub(crate) fn of(first: &[u8]) -> Result<Option<Self>, Unknown> {
        let fits = [
            (Self::FramedStun, framed_stun(first)),
            (Self::Stun, stun(first)),
            (Self::Tls, tls(first)),
            (Self::Http, http(first)),
        ];
        if let Some((protocol, _)) = fits.iter().find(|(_, fit)| *fit == Fit::Yes) {
            return Ok(Some(*protocol));
        }
        match fits.iter().any(|(_, fit)| *fit == Fit::Yet) {
            true => Ok(None),
            false => Err(Unknown),
        }
    }
}

/// Two bytes of length, of no more than a datagram has, and then a STUN message.
fn framed_stun(first: &[u8]) -> Fit {
    if let [length, ..] = first
        && usize::from(*length) << 8 > MAX_DATAGRAM_BYTES
    {
        return Fit::No;
    }
    stun(first.get(2..).unwrap_or_default())
}

/// RFC 8489 section 5: two zero bits, 14 of type, 16 of length, the magic cookie.
fn stun(first: &[u8]) -> Fit {
    fit(first, 8, |place, byte| match place {
        0 => byte & 0xc0 == 0,
        1..4 => true,
        _ => COOKIE.get(place - 4) == Some(&byte),
    })
}

/// RFC 8446 section 5.1: a record of a handshake, of any version since SSL 3; section 4: a `ClientHello`.
fn tls(first: &[u8]) -> Fit {
    fit(first, 6, |place, byte| match place {
        0 => byte == 22,
        1 => byte == 3,
        2 => byte <= 4,
        5 => byte == 1,
        _ => true,
    })
}

/// RFC 9112 section 3: a method in capitals, and a space.
fn http(first: &[u8]) -> Fit {
    let method = first.iter().take_while(|byte| byte.is_ascii_uppercase());
    match (method.count(), first) {
        (0, [_, ..]) => Fit::No,
        (length, _) if length > LONGEST_METHOD => Fit::No,
        (length, _) if length == first.len() => Fit::Yet,
        (length, _) => match first.get(length) == Some(&b' ') {
            true => Fit::Yes,
            false => Fit::No,
        },
    }
}

/// Compares what there is of `length` bytes, each by itself.
fn fit(first: &[u8], length: usize, is_right: impl Fn(usize, u8) -> bool) -> Fit {
    let mut bytes = first.iter().take(length).enumerate();
    match bytes.all(|(place, byte)| is_right(place, *byte)) {
        false => Fit::No,
        true if first.len() < length => Fit::Yet,
        true => Fit::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binding request without attributes.
    const REQUEST: [u8; 12] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4];

    fn framed(message: &[u8]) -> Vec<u8> {
        [&[0, 20][..], message].concat()
    }

    #[test]
    fn each_protocol_is_known_by_its_first_bytes_and_no_sooner() {
        let hello = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        let starts: [(&[u8], usize, Protocol); 6] = [
            (&framed(&REQUEST), 10, Protocol::FramedStun),
            (&REQUEST, 8, Protocol::Stun),
            (&hello, 6, Protocol::Tls),
            (b"GET / HTTP/1.1\r\n", 4, Protocol::Http),
            (b"OPTIONS /rtc HTTP/1.1\r\n", 8, Protocol::Http),
            (b"PRI * HTTP/2.0\r\n", 4, Protocol::Http),
        ];
        for (bytes, needed, protocol) in starts {
            for length in 0..=bytes.len() {
                let expected = (length >= needed).then_some(protocol);
                let found = Protocol::of(&bytes[..length]);
                assert_eq!(found, Ok(expected), "{length} bytes of {bytes:?}");
            }
        }
    }

    #[test]
    fn what_begins_otherwise_is_unknown() {
        let mut other_cookie = REQUEST;
        other_cookie[7] = 0;
        // SSH, RTP, a TLS alert, a ServerHello, SSL 2, a method in small letters, and one that is too long.
        let others: [&[u8]; 9] = [
            b"SSH-2.0-x\r\n",
            &[0x80, 111, 0, 1],
            &[21, 3, 3, 0, 2, 2, 40],
            &[22, 3, 3, 0, 2, 2, 40, 0, 0, 0],
            &[0x80, 0x2e, 1, 0, 2],
            b"get / HTTP/1.1\r\n",
            b"OPTIONSX / HTTP/1.1\r\n",
            &other_cookie,
            &framed(&other_cookie),
        ];
        for bytes in others {
            assert_eq!(Protocol::of(bytes), Err(Unknown), "{bytes:?}");
        }
    }

    #[test]
    fn a_frame_longer_than_any_datagram_is_none() {
        let mut long = framed(&REQUEST);
        long[0] = 0xf;
        assert_eq!(Protocol::of(&long), Err(Unknown));
    }
}
