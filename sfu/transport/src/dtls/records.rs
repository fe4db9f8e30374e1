//! What of a peer reaches the DTLS library.

use crate::DropReason;

/// Header of a record (RFC 6347 section 4.1): type, version, epoch, sequence number, length.
const RECORD_HEADER_LEN: usize = 13;
/// Header of a handshake fragment (RFC 6347 section 4.2.2): type, length, message sequence, fragment offset and
/// length.
const FRAGMENT_HEADER_LEN: usize = 12;

/// Content types (RFC 5246 section 6.2.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Longest handshake message: a certificate chain, or a ClientHello with post-quantum keys.
const MAX_HANDSHAKE_MESSAGE: usize = 16_384;

/// Most bytes until the handshake is done: some tens of repeated flights.
const MAX_HANDSHAKE_BYTES: usize = 131_072;
/// Most handshake fragments until then. The library reassembles by a recursion as deep as there are
/// fragments.
const MAX_FRAGMENTS: usize = 128;
/// Most handshake records afterwards: repeats of the peer's last flight, while our last one is lost.
const MAX_REPEATS: usize = 32;

/// What is to be done with an acceptable datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The library handles it.
    Feed,
    /// The peer repeats a flight that the library has: ours was lost, and is due again. The library itself
    /// would forget its retransmission timer over it.
    Repeat,
}

/// What a peer may still send of a handshake, and what it has sent.
///
/// The library keeps all of it, and renegotiates nothing, so an honest peer is far below the limits, and
/// what is beyond them is dropped.
#[derive(Debug)]
pub(super) struct HandshakeGuard {
    bytes: usize,
    fragments: usize,
    /// The handshake fragments that the library has seen, at most [`MAX_FRAGMENTS`].
    seen: Vec<Fragment>,
    /// Whether the handshake is done: then application data is free.
    established: bool,
}

impl HandshakeGuard {
    pub(super) fn new() -> Self {
        Self {
            bytes: MAX_HANDSHAKE_BYTES,
            fragments: MAX_FRAGMENTS,
            seen: Vec::new(),
            established: false,
        }
    }

    /// Grants the repeats that may follow a finished handshake.
    pub(super) fn establish(&mut self) {
        self.established = true;
        self.fragments = MAX_REPEATS;
        self.seen = Vec::new();
    }

    /// Decides whether a datagram reaches the library: whole records of DTLS that an honest peer sends
    /// in this state, within the budget.
    pub(super) fn admit(&mut self, datagram: &[u8]) -> Result<Admission, DropReason> {
        let contents = Contents::parse(datagram).ok_or(DropReason::DtlsMalformed)?;
        let fragments = contents.plain.len() + contents.sealed;
        if self.established && fragments == 0 {
            return Ok(Admission::Feed);
        }
        if !self.established && self.is_repeat(&contents) {
            return Ok(Admission::Repeat);
        }
        let bytes = if self.established { 0 } else { datagram.len() };
        if bytes > self.bytes || fragments > self.fragments {
            return Err(DropReason::DtlsBudget);
        }
        self.bytes -= bytes;
        self.fragments -= fragments;
        if !self.established {
            self.seen.extend(contents.plain);
        }
        Ok(Admission::Feed)
    }

    /// Tells whether a datagram holds nothing but messages that the library has. A repeated first
    /// ClientHello is not meant: the library answers that itself, without a timer (RFC 6347 section 4.2.1).
    fn is_repeat(&self, contents: &Contents) -> bool {
        let beyond_first = self.seen.iter().any(|fragment| fragment.message > 0);
        beyond_first
            && !contents.plain.is_empty()
            && contents.others == 0
            && contents
                .plain
                .iter()
                .all(|fragment| self.seen.contains(fragment))
    }
}

/// A fragment of a handshake message in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fragment {
    message: u16,
    offset: usize,
    len: usize,
}

/// What a datagram holds.
#[derive(Debug, Default)]
struct Contents {
    plain: Vec<Fragment>,
    /// Encrypted handshake records.
    sealed: usize,
    /// Records other than handshake in the clear.
    others: usize,
}

impl Contents {
    fn parse(datagram: &[u8]) -> Option<Self> {
        let mut contents = Self::default();
        let mut rest = datagram;
        while !rest.is_empty() {
            let (record, behind) = Record::split(rest)?;
            contents.add(&record)?;
            rest = behind;
        }
        (!datagram.is_empty()).then_some(contents)
    }

    /// Adds a record. `None` is what no honest peer sends.
    ///
    /// Departure from RFC 5246 section 7.2: an alert that is not encrypted is dropped. Anybody can
    /// forge one, and a peer that gives up says so by signalling as well.
    fn add(&mut self, record: &Record<'_>) -> Option<()> {
        match (record.kind, record.epoch) {
            (HANDSHAKE, 0) => return self.add_fragments(record.content),
            (HANDSHAKE, _) => self.sealed += 1,
            (CHANGE_CIPHER_SPEC, 0) if record.content == [1] => {}
            (ALERT | APPLICATION_DATA, 1..) => {}
            _ => return None,
        }
        self.others += 1;
        Some(())
    }

    fn add_fragments(&mut self, content: &[u8]) -> Option<()> {
        let mut rest = content;
        while !rest.is_empty() {
            let (header, body) = rest.split_first_chunk::<FRAGMENT_HEADER_LEN>()?;
            let [_, l0, l1, l2, m0, m1, o0, o1, o2, f0, f1, f2] = *header;
            let length = uint24([l0, l1, l2]);
            let fragment = Fragment {
                message: u16::from_be_bytes([m0, m1]),
                offset: uint24([o0, o1, o2]),
                len: uint24([f0, f1, f2]),
            };
            let beyond = fragment.offset + fragment.len > length;
            let empty = fragment.len == 0 && length != 0;
            if length > MAX_HANDSHAKE_MESSAGE || beyond || empty {
                return None;
            }
            rest = body.get(fragment.len..)?;
            self.plain.push(fragment);
        }
        (!content.is_empty()).then_some(())
    }
}

struct Record<'a> {
    kind: u8,
    epoch: u16,
    content: &'a [u8],
}

impl<'a> Record<'a> {
    fn split(datagram: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, rest) = datagram.split_first_chunk::<RECORD_HEADER_LEN>()?;
        let [kind, major, _, e0, e1, .., l0, l1] = *header;
        if major != 0xFE {
            return None;
        }
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let (content, behind) = rest.split_at_checked(len)?;
        let record = Self {
            kind,
            epoch: u16::from_be_bytes([e0, e1]),
            content,
        };
        Some((record, behind))
    }
}

fn uint24([high, middle, low]: [u8; 3]) -> usize {
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u16, content: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xFE, 0xFD];
        record.extend_from_slice(&epoch.to_be_bytes());
        record.extend_from_slice(&[0; 6]);
        record.extend_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes());
        record.extend_from_slice(content);
        record
    }

    fn fragment(length: u8, offset: u8, body: &[u8]) -> Vec<u8> {
        let len = u8::try_from(body.len()).unwrap();
        let mut fragment = vec![1, 0, 0, length, 0, 0, 0, 0, offset, 0, 0, len];
        fragment.extend_from_slice(body);
        fragment
    }

    #[test]
    fn fragments_beyond_the_budget_are_dropped() {
        let mut guard = HandshakeGuard::new();
        let limit = u8::try_from(MAX_FRAGMENTS).unwrap();
        let datagram = |offset| record(HANDSHAKE, 0, &fragment(200, offset, &[0]));
        for offset in 0..limit {
            assert_eq!(guard.admit(&datagram(offset)), Ok(Admission::Feed));
        }
        let dropped = guard.admit(&datagram(limit));
        assert_eq!(dropped, Err(DropReason::DtlsBudget));
    }

    #[test]
    fn many_fragments_in_one_record_count_each() {
        let mut guard = HandshakeGuard::new();
        let many: Vec<u8> = (0..=u8::try_from(MAX_FRAGMENTS).unwrap())
            .flat_map(|offset| fragment(200, offset, &[0]))
            .collect();
        let datagram = record(HANDSHAKE, 0, &many);
        assert_eq!(guard.admit(&datagram), Err(DropReason::DtlsBudget));
    }

    #[test]
    fn application_data_is_free_once_established() {
        let mut guard = HandshakeGuard::new();
        guard.establish();
        let datagram = record(APPLICATION_DATA, 1, &[0; 1_200]);
        for _ in 0..1_000 {
            assert_eq!(guard.admit(&datagram), Ok(Admission::Feed));
        }
    }

    #[test]
    fn handshake_records_are_bounded_once_established() {
        let mut guard = HandshakeGuard::new();
        guard.establish();
        let datagram = record(HANDSHAKE, 1, &[0; 40]);
        let admitted = (0..100).filter(|_| guard.admit(&datagram).is_ok());
        assert_eq!(admitted.count(), MAX_REPEATS);
    }

    #[test]
    fn a_repeated_flight_does_not_reach_the_library() {
        let mut guard = HandshakeGuard::new();
        let first = record(HANDSHAKE, 0, &fragment(1, 0, &[7]));
        let mut second = first.clone();
        second[RECORD_HEADER_LEN + 5] = 1;
        assert_eq!(guard.admit(&first), Ok(Admission::Feed));
        assert_eq!(guard.admit(&first), Ok(Admission::Feed));
        assert_eq!(guard.admit(&second), Ok(Admission::Feed));
        assert_eq!(guard.admit(&second), Ok(Admission::Repeat));
        assert_eq!(guard.admit(&first), Ok(Admission::Repeat));
        let finished = record(HANDSHAKE, 1, &[0; 40]);
        let with_finished = [second, finished].concat();
        assert_eq!(guard.admit(&with_finished), Ok(Admission::Feed));
    }

    #[test]
    fn an_alert_or_data_in_the_clear_is_dropped() {
        let mut guard = HandshakeGuard::new();
        for kind in [ALERT, APPLICATION_DATA] {
            let datagram = record(kind, 0, &[2, 40]);
            assert_eq!(guard.admit(&datagram), Err(DropReason::DtlsMalformed));
        }
    }

    #[test]
    fn records_that_end_beyond_the_datagram_are_dropped() {
        let whole = record(HANDSHAKE, 0, &fragment(1, 0, &[7]));
        for len in 0..whole.len() {
            let admitted = HandshakeGuard::new().admit(&whole[..len]);
            assert_eq!(admitted, Err(DropReason::DtlsMalformed), "{len} bytes");
        }
    }

    #[test]
    fn a_fragment_beyond_its_message_is_dropped() {
        let datagram = record(HANDSHAKE, 0, &fragment(3, 2, &[0, 0]));
        let admitted = HandshakeGuard::new().admit(&datagram);
        assert_eq!(admitted, Err(DropReason::DtlsMalformed));
    }
}
