//! Connectivity checks and their replies (RFC 8445 section 7) by `rtc-stun`.

use std::net::SocketAddr;

use rtc_dtls::crypto_provider::default_provider;
use rtc_shared::error::Error;
use rtc_stun::attributes::{ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, MessageType, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;
use sfu_model::IceCredentials;

use crate::ice_role::IceRole;

const PRIORITY: AttrType = AttrType(0x0024);
const USE_CANDIDATE: AttrType = AttrType(0x0025);
const ICE_CONTROLLED: AttrType = AttrType(0x8029);
const ICE_CONTROLLING: AttrType = AttrType(0x802A);

/// Priority of a peer-reflexive candidate on the only component (RFC 8445 section 5.1.2.1).
const CHECK_PRIORITY: [u8; 4] = [0x6E, 0, 0x1E, 0xFF];

/// A check of ours: what it says beside whom it is for.
pub(crate) struct Check<'a> {
    pub(crate) remote: &'a IceCredentials,
    pub(crate) local_ufrag: &'a str,
    pub(crate) role: IceRole,
    pub(crate) tie_breaker: [u8; 8],
    pub(crate) transaction: [u8; 12],
}

/// What a peer's STUN message is.
pub(crate) enum Incoming {
    /// A reply to our check, signed by the peer.
    Reply { transaction: [u8; 12] },
    /// A check of the peer, signed by us.
    Request {
        transaction: [u8; 12],
        nominates: bool,
    },
}

/// Writes a check. The controlling side nominates with every one.
pub(crate) fn write_check(check: &Check<'_>) -> Option<Vec<u8>> {
    let mut message = begin(BINDING_REQUEST, check.transaction);
    let username = format!("{}:{}", check.remote.ufrag, check.local_ufrag);
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(PRIORITY, &CHECK_PRIORITY);
    match check.role {
        IceRole::Controlling => {
            message.add(ICE_CONTROLLING, &check.tie_breaker);
            message.add(USE_CANDIDATE, &[]);
        }
        IceRole::Controlled => message.add(ICE_CONTROLLED, &check.tie_breaker),
    }
    sign(message, &check.remote.pwd).ok()
}

/// Writes the reply to a check that came from `from`.
pub(crate) fn write_reply(
    transaction: [u8; 12],
    from: SocketAddr,
    local: &IceCredentials,
) -> Option<Vec<u8>> {
    let mut message = begin(BINDING_SUCCESS, transaction);
    let mapped = XorMappedAddress {
        ip: from.ip(),
        port: from.port(),
    };
    mapped.add_to(&mut message).ok()?;
    sign(message, &local.pwd).ok()
}

/// Reads a message and verifies who signed it: replies carry the peer's password, checks ours.
pub(crate) fn read(
    datagram: &[u8],
    local: &IceCredentials,
    remote: &IceCredentials,
) -> Option<Incoming> {
    let mut message = Message::new();
    message.raw = datagram.to_vec();
    message.decode().ok()?;
    let transaction = message.transaction_id.0;
    if message.typ == BINDING_SUCCESS {
        verify(&mut message, &remote.pwd)?;
        XorMappedAddress::default().get_from(&message).ok()?;
        return Some(Incoming::Reply { transaction });
    }
    if message.typ == BINDING_REQUEST {
        verify(&mut message, &local.pwd)?;
        let nominates = message.contains(USE_CANDIDATE);
        return Some(Incoming::Request {
            transaction,
            nominates,
        });
    }
    None
}

fn begin(kind: MessageType, transaction: [u8; 12]) -> Message {
    let mut message = Message::new();
    message.set_type(kind);
    message.transaction_id = TransactionId(transaction);
    message.write_header();
    message
}

fn sign(mut message: Message, pwd: &str) -> Result<Vec<u8>, Error> {
    let provider = default_provider().map_err(|error| Error::Other(error.to_string()))?;
    MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), provider.crypto())
        .add_to(&mut message)?;
    FINGERPRINT.add_to(&mut message)?;
    Ok(message.raw)
}

fn verify(message: &mut Message, pwd: &str) -> Option<()> {
    let provider = default_provider().ok()?;
    FINGERPRINT.check(message).ok()?;
    MessageIntegrity::check(message, pwd.as_bytes(), provider.crypto()).ok()
}
