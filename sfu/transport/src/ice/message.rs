//! Connectivity checks and their answers as they are read.

use super::crc32::crc32;
use crate::DropReason;

/// Header of a STUN message (RFC 8489 section 5): type, length, magic cookie, transaction id.
pub(super) const HEADER_LEN: usize = 20;
pub(super) const MAGIC_COOKIE: u32 = 0x2112_A442;
/// `FINGERPRINT` is the CRC XOR this value (RFC 8489 section 14.7).
pub(super) const FINGERPRINT_XOR: u32 = 0x5354_554E;

pub(super) const BINDING_REQUEST: u16 = 0x0001;
pub(super) const BINDING_SUCCESS: u16 = 0x0101;
pub(super) const BINDING_ERROR: u16 = 0x0111;

/// Attributes (RFC 8489 section 18.3, RFC 8445 section 16.1).
pub(super) const USERNAME: u16 = 0x0006;
pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(super) const ERROR_CODE: u16 = 0x0009;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
pub(super) const FINGERPRINT: u16 = 0x8028;
pub(super) const ICE_CONTROLLED: u16 = 0x8029;

/// Length of MESSAGE-INTEGRITY's value: HMAC-SHA1.
pub(super) const INTEGRITY_LEN: usize = 20;
const ATTRIBUTE_HEADER_LEN: usize = 4;

/// Longest check that is read: more than any client sends, less than a datagram carries.
const MAX_MESSAGE_LEN: usize = 1_280;
/// Longest USERNAME (RFC 8839 section 5.4: two fragments of at most 256 characters).
const MAX_USERNAME_LEN: usize = 513;

/// Number of a check, by which its answer is known.
pub(super) type TransactionId = [u8; 12];

/// A message up to its MESSAGE-INTEGRITY, not verified yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signed<'a> {
    message: &'a [u8],
    /// Where MESSAGE-INTEGRITY begins.
    integrity_at: usize,
    /// Its value.
    pub(super) integrity: &'a [u8; INTEGRITY_LEN],
}

impl<'a> Signed<'a> {
    /// Returns what MESSAGE-INTEGRITY is computed over, in two parts: the header with the length
    /// that ends at MESSAGE-INTEGRITY (RFC 8489 section 14.5), and the attributes before it.
    pub(super) fn authenticated(&self) -> ([u8; HEADER_LEN], &'a [u8]) {
        let attributes = self
            .message
            .get(HEADER_LEN..self.integrity_at)
            .unwrap_or_default();
        let end = self.integrity_at + ATTRIBUTE_HEADER_LEN + INTEGRITY_LEN;
        (header_with_length(self.message, end), attributes)
    }
}

/// A well-formed success reply to a check of ours; not authenticated yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BindingSuccess<'a> {
    pub(super) transaction: TransactionId,
    pub(super) signed: Signed<'a>,
}

impl<'a> BindingSuccess<'a> {
    /// Parses a success reply. Only its number and its signature matter.
    ///
    /// # Errors
    ///
    /// Fails when the message is none, or not signed.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, DropReason> {
        Self::parse_attributes(message).ok_or(DropReason::StunMalformed)
    }

    fn parse_attributes(message: &'a [u8]) -> Option<Self> {
        let transaction = transaction_of(message, BINDING_SUCCESS)?;
        for attribute in Attributes::new(message) {
            let Attribute { kind, value, at } = attribute?;
            if kind == MESSAGE_INTEGRITY {
                let signed = Signed {
                    message,
                    integrity_at: at,
                    integrity: value.try_into().ok()?,
                };
                return Some(Self {
                    transaction,
                    signed,
                });
            }
        }
        None
    }
}

/// The first half of the numbers of a transport's checks: tells whose answer a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckTag(pub [u8; 6]);

/// Returns the tag of the check that a STUN success reply is to: whose transport it is for. Nothing is
/// authenticated.
pub fn check_tag_of(message: &[u8]) -> Option<CheckTag> {
    let transaction = transaction_of(message, BINDING_SUCCESS)?;
    transaction.first_chunk().copied().map(CheckTag)
}

/// A well-formed connectivity check with a correct FINGERPRINT; not authenticated yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BindingRequest<'a> {
    /// Transaction id.
    pub(super) transaction: TransactionId,
    /// Our ufrag: the part of USERNAME before the colon.
    pub(crate) local_ufrag: &'a str,
    /// The peer's ufrag.
    pub(crate) remote_ufrag: &'a str,
    /// Whether USE-CANDIDATE is there: the peer nominates the path.
    pub(crate) nominates: bool,
    /// Whether the peer believes to be controlled, as we always are.
    pub(crate) controlled: bool,
    pub(super) signed: Signed<'a>,
}

impl<'a> BindingRequest<'a> {
    /// Parses a check. Attributes behind MESSAGE-INTEGRITY do not count, but for FINGERPRINT
    /// (RFC 8489 section 14.5).
    ///
    /// Departure from RFC 8489 section 6.3.1: an unknown comprehension-required attribute drops the check,
    /// where the RFC has an error reply. No ICE agent sends one.
    ///
    /// # Errors
    ///
    /// Fails when the message is no binding request, or without the attributes that ICE demands, or its
    /// FINGERPRINT is wrong.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, DropReason> {
        Self::parse_attributes(message).ok_or(DropReason::StunMalformed)
    }

    fn parse_attributes(message: &'a [u8]) -> Option<Self> {
        let transaction = transaction_of(message, BINDING_REQUEST)?;
        let mut username = None;
        let mut integrity = None;
        let mut nominates = false;
        let mut controlled = false;
        for attribute in Attributes::new(message) {
            let Attribute { kind, value, at } = attribute?;
            match (kind, integrity) {
                (FINGERPRINT, Some((integrity_at, integrity))) => {
                    let is_last = at + ATTRIBUTE_HEADER_LEN + value.len() == message.len();
                    if !is_last || !fingerprint_matches(message, at, value) {
                        return None;
                    }
                    let (local_ufrag, remote_ufrag) = split_username(username?)?;
                    return Some(Self {
                        transaction,
                        local_ufrag,
                        remote_ufrag,
                        nominates,
                        controlled,
                        signed: Signed {
                            message,
                            integrity_at,
                            integrity,
                        },
                    });
                }
                (_, Some(_)) => {}
                (USERNAME, None) => username = username.or(Some(value)),
                (MESSAGE_INTEGRITY, None) => integrity = Some((at, value.try_into().ok()?)),
                (USE_CANDIDATE, None) => nominates = true,
                (ICE_CONTROLLED, None) => controlled = true,
                (PRIORITY | MESSAGE_INTEGRITY_SHA256 | 0x8000.., None) => {}
                (_, None) => return None,
            }
        }
        None
    }
}

/// Returns our ufrag in the USERNAME of a STUN binding request: whose transport it is for. Nothing is
/// authenticated.
pub fn ufrag_of(message: &[u8]) -> Option<&str> {
    transaction_of(message, BINDING_REQUEST)?;
    for attribute in Attributes::new(message) {
        let attribute = attribute?;
        if attribute.kind == USERNAME {
            return split_username(attribute.value).map(|(local, _)| local);
        }
    }
    None
}

/// Checks type, length and cookie, and returns the transaction id.
fn transaction_of(message: &[u8], kind: u16) -> Option<TransactionId> {
    let header: &[u8; HEADER_LEN] = message.first_chunk()?;
    let [t0, t1, l0, l1, c0, c1, c2, c3, transaction @ ..] = *header;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let well_formed = u16::from_be_bytes([t0, t1]) == kind
        && u32::from_be_bytes([c0, c1, c2, c3]) == MAGIC_COOKIE
        && length % 4 == 0
        && length + HEADER_LEN == message.len()
        && message.len() <= MAX_MESSAGE_LEN;
    well_formed.then_some(transaction)
}

/// RFC 8445 section 7.2.2: the USERNAME of a check is the receiver's ufrag, a colon, the sender's.
fn split_username(value: &[u8]) -> Option<(&str, &str)> {
    if value.len() > MAX_USERNAME_LEN {
        return None;
    }
    std::str::from_utf8(value).ok()?.split_once(':')
}

fn fingerprint_matches(message: &[u8], at: usize, value: &[u8]) -> bool {
    let Ok(value) = <[u8; 4]>::try_from(value) else {
        return false;
    };
    let before = message.get(..at).unwrap_or_default();
    u32::from_be_bytes(value) == crc32([before, &[]]) ^ FINGERPRINT_XOR
}

/// Returns the header of `message` as if the message ended at `end`.
fn header_with_length(message: &[u8], end: usize) -> [u8; HEADER_LEN] {
    let mut header = message.first_chunk().copied().unwrap_or([0; HEADER_LEN]);
    let length = u16::try_from(end.saturating_sub(HEADER_LEN)).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    header[2] = high;
    header[3] = low;
    header
}

struct Attribute<'a> {
    kind: u16,
    value: &'a [u8],
    /// Where the attribute begins in the message.
    at: usize,
}

/// The attributes of a message; `None` for one that ends beyond it, and then the end.
struct Attributes<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            at: HEADER_LEN,
        }
    }

    fn read(&self) -> Option<(Attribute<'a>, usize)> {
        let rest = self.message.get(self.at..)?;
        let [k0, k1, l0, l1] = *rest.first_chunk()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let value = rest.get(ATTRIBUTE_HEADER_LEN..ATTRIBUTE_HEADER_LEN + len)?;
        let attribute = Attribute {
            kind: u16::from_be_bytes([k0, k1]),
            value,
            at: self.at,
        };
        let padded = len.next_multiple_of(4);
        Some((attribute, self.at + ATTRIBUTE_HEADER_LEN + padded))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Option<Attribute<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.message.len() {
            return None;
        }
        let read = self.read();
        self.at = read.as_ref().map_or(self.message.len(), |(_, next)| *next);
        Some(read.map(|(attribute, _)| attribute))
    }
}
