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

/// What a peer may still send of a handshake.
///
/// The library keeps all of it, and renegotiates nothing, so an honest peer is far below the limits, and
/// what is beyond them is dropped.
#[derive(Debug)]
pub(super) struct HandshakeBudget {
    bytes: usize,
    fragments: usize,
    /// Whether the handshake is done: then application data is free.
    established: bool,
}

impl HandshakeBudget {
    pub(super) fn new() -> Self {
        Self {
            bytes: MAX_HANDSHAKE_BYTES,
            fragments: MAX_FRAGMENTS,
            established: false,
        }
    }

    /// Grants the repeats that may follow a finished handshake.
    pub(super) fn establish(&mut self) {
        self.established = true;
        self.fragments = MAX_REPEATS;
    }

    /// Decides whether a datagram reaches the library: whole records of DTLS that an honest peer sends
    /// in this state, within the budget.
    pub(super) fn admit(&mut self, datagram: &[u8]) -> Result<(), DropReason> {
        if datagram.is_empty() {
            return Err(DropReason::DtlsMalformed);
        }
        let mut fragments = 0;
        let mut rest = datagram;
        while !rest.is_empty() {
            let (record, behind) = Record::split(rest).ok_or(DropReason::DtlsMalformed)?;
            fragments += record.fragments().ok_or(DropReason::DtlsMalformed)?;
            rest = behind;
        }
        if self.established && fragments == 0 {
            return Ok(());
        }
        let bytes = if self.established { 0 } else { datagram.len() };
        if bytes > self.bytes || fragments > self.fragments {
            return Err(DropReason::DtlsBudget);
        }
        self.bytes -= bytes;
        self.fragments -= fragments;
        Ok(())
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

    /// Counts handshake fragments. `None` is what no honest peer sends.
    ///
    /// Departure from RFC 5246 section 7.2: an alert that is not encrypted is dropped. Anybody can
    /// forge one, and a peer that gives up says so by signalling as well.
    fn fragments(&self) -> Option<usize> {
        match (self.kind, self.epoch) {
            (HANDSHAKE, 0) => Self::plain_fragments(self.content),
            (HANDSHAKE, _) => Some(1),
            (CHANGE_CIPHER_SPEC, 0) => (self.content == [1]).then_some(0),
            (ALERT | APPLICATION_DATA, 1..) => Some(0),
            _ => None,
        }
    }

    fn plain_fragments(content: &[u8]) -> Option<usize> {
        let mut count = 0;
        let mut rest = content;
        while !rest.is_empty() {
            let (header, body) = rest.split_first_chunk::<FRAGMENT_HEADER_LEN>()?;
            let [_, len @ .., _, _, o0, o1, o2, f0, f1, f2] = *header;
            let [l0, l1, l2] = len;
            let length = uint24([l0, l1, l2]);
            let offset = uint24([o0, o1, o2]);
            let fragment = uint24([f0, f1, f2]);
            if length > MAX_HANDSHAKE_MESSAGE || offset + fragment > length {
                return None;
            }
            if fragment == 0 && length != 0 {
                return None;
            }
            rest = body.get(fragment..)?;
            count += 1;
        }
        (count > 0).then_some(count)
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
        let mut budget = HandshakeBudget::new();
        let datagram = record(HANDSHAKE, 0, &fragment(200, 1, &[0]));
        for _ in 0..MAX_FRAGMENTS {
            assert_eq!(budget.admit(&datagram), Ok(()));
        }
        assert_eq!(budget.admit(&datagram), Err(DropReason::DtlsBudget));
    }

    #[test]
    fn many_fragments_in_one_record_count_each() {
        let mut budget = HandshakeBudget::new();
        let many: Vec<u8> = (0..=u8::try_from(MAX_FRAGMENTS).unwrap())
            .flat_map(|offset| fragment(200, offset, &[0]))
            .collect();
        let datagram = record(HANDSHAKE, 0, &many);
        assert_eq!(budget.admit(&datagram), Err(DropReason::DtlsBudget));
    }

    #[test]
    fn application_data_is_free_once_established() {
        let mut budget = HandshakeBudget::new();
        budget.establish();
        let datagram = record(APPLICATION_DATA, 1, &[0; 1_200]);
        for _ in 0..1_000 {
            assert_eq!(budget.admit(&datagram), Ok(()));
        }
    }

    #[test]
    fn handshake_records_are_bounded_once_established() {
        let mut budget = HandshakeBudget::new();
        budget.establish();
        let datagram = record(HANDSHAKE, 1, &[0; 40]);
        let admitted = (0..100).filter(|_| budget.admit(&datagram).is_ok());
        assert_eq!(admitted.count(), MAX_REPEATS);
    }

    #[test]
    fn an_alert_or_data_in_the_clear_is_dropped() {
        let mut budget = HandshakeBudget::new();
        for kind in [ALERT, APPLICATION_DATA] {
            let datagram = record(kind, 0, &[2, 40]);
            assert_eq!(budget.admit(&datagram), Err(DropReason::DtlsMalformed));
        }
    }

    #[test]
    fn records_that_end_beyond_the_datagram_are_dropped() {
        let whole = record(HANDSHAKE, 0, &fragment(1, 0, &[7]));
        for len in 0..whole.len() {
            let admitted = HandshakeBudget::new().admit(&whole[..len]);
            assert_eq!(admitted, Err(DropReason::DtlsMalformed), "{len} bytes");
        }
    }

    #[test]
    fn a_fragment_beyond_its_message_is_dropped() {
        let datagram = record(HANDSHAKE, 0, &fragment(3, 2, &[0, 0]));
        let admitted = HandshakeBudget::new().admit(&datagram);
        assert_eq!(admitted, Err(DropReason::DtlsMalformed));
    }
}
