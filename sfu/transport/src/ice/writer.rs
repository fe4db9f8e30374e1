//! Answers to checks, and checks of ours, as they are written.

use std::net::{IpAddr, SocketAddr};

use super::crc32::crc32;
use super::credentials::{Generation, Signer};
use super::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, ERROR_CODE, FINGERPRINT, FINGERPRINT_XOR,
    HEADER_LEN, ICE_CONTROLLED, INTEGRITY_LEN, MAGIC_COOKIE, MESSAGE_INTEGRITY, PRIORITY,
    TransactionId, USERNAME, XOR_MAPPED_ADDRESS,
};

/// Length of FINGERPRINT with its header.
const FINGERPRINT_LEN: usize = 8;

/// Writes the success reply: the address that the check came from, signed.
pub(super) fn write_success(
    reply: &mut Vec<u8>,
    transaction: TransactionId,
    source: SocketAddr,
    signer: &Generation,
) {
    start(reply, BINDING_SUCCESS, transaction);
    let (value, len) = xor_mapped_address(source, transaction);
    push_attribute(
        reply,
        XOR_MAPPED_ADDRESS,
        value.get(..len).unwrap_or(&value),
    );
    finish(reply, |message| signer.sign(message));
}

/// Writes `487 Role Conflict` (RFC 8445 section 7.3.1.1), signed.
pub(super) fn write_role_conflict(
    reply: &mut Vec<u8>,
    transaction: TransactionId,
    signer: &Generation,
) {
    start(reply, BINDING_ERROR, transaction);
    // RFC 8489 section 14.8: two reserved bytes, class, number, reason.
    push_attribute(reply, ERROR_CODE, b"\0\0\x04\x57Role Conflict");
    finish(reply, |message| signer.sign(message));
}

/// PRIORITY of our checks: that of a peer-reflexive candidate (RFC 8445 section 5.1.2), which a peer
/// that learns our address from them gives us.
const REFLEXIVE_PRIORITY: u32 = 110 << 24 | 0xFFFF << 8 | 0xFF;

/// Writes a check. We are controlled, and say so for those who look for a conflict of roles.
pub(super) fn write_check(
    check: &mut Vec<u8>,
    transaction: TransactionId,
    tie_breaker: [u8; 8],
    signer: &Signer,
) {
    start(check, BINDING_REQUEST, transaction);
    push_attribute(check, USERNAME, signer.username.as_bytes());
    push_attribute(check, PRIORITY, &REFLEXIVE_PRIORITY.to_be_bytes());
    push_attribute(check, ICE_CONTROLLED, &tie_breaker);
    finish(check, |message| signer.sign(message));
}

/// RFC 8489 section 14.2: family, port and address, XOR the cookie and the transaction id.
fn xor_mapped_address(source: SocketAddr, transaction: TransactionId) -> ([u8; 20], usize) {
    let mut mask = [0; 16];
    let cookie = MAGIC_COOKIE.to_be_bytes();
    for (byte, from) in mask.iter_mut().zip(cookie.iter().chain(&transaction)) {
        *byte = *from;
    }
    let mut address = [0; 16];
    // A socket of both families shows an IPv4 peer as a mapped IPv6 address.
    let (family, len) = match source.ip().to_canonical() {
        IpAddr::V4(ip) => {
            address[..4].copy_from_slice(&ip.octets());
            (1, 4)
        }
        IpAddr::V6(ip) => {
            address = ip.octets();
            (2, 16)
        }
    };
    let [port_high, port_low] = source.port().to_be_bytes();
    let mut value = [0; 20];
    value[1] = family;
    value[2] = port_high ^ mask[0];
    value[3] = port_low ^ mask[1];
    for (byte, (address, mask)) in value.iter_mut().skip(4).zip(address.iter().zip(mask)) {
        *byte = address ^ mask;
    }
    (value, 4 + len)
}

fn start(reply: &mut Vec<u8>, kind: u16, transaction: TransactionId) {
    reply.clear();
    reply.extend_from_slice(&kind.to_be_bytes());
    reply.extend_from_slice(&[0, 0]);
    reply.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    reply.extend_from_slice(&transaction);
}

fn push_attribute(reply: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    reply.extend_from_slice(&kind.to_be_bytes());
    reply.extend_from_slice(&len.to_be_bytes());
    reply.extend_from_slice(value);
    reply.resize(reply.len().next_multiple_of(4), 0);
}

/// Appends MESSAGE-INTEGRITY and FINGERPRINT; each covers the length up to its own end.
fn finish(reply: &mut Vec<u8>, sign: impl FnOnce(&[u8]) -> Option<[u8; INTEGRITY_LEN]>) {
    let end = reply.len() + 4 + INTEGRITY_LEN;
    set_length(reply, end);
    if let Some(integrity) = sign(reply) {
        push_attribute(reply, MESSAGE_INTEGRITY, &integrity);
    }
    let end = reply.len() + FINGERPRINT_LEN;
    set_length(reply, end);
    let fingerprint = crc32([reply, &[]]) ^ FINGERPRINT_XOR;
    push_attribute(reply, FINGERPRINT, &fingerprint.to_be_bytes());
}

fn set_length(reply: &mut [u8], end: usize) {
    let length = u16::try_from(end.saturating_sub(HEADER_LEN)).unwrap_or(u16::MAX);
    for (byte, value) in reply.iter_mut().skip(2).zip(length.to_be_bytes()) {
        *byte = value;
    }
}
