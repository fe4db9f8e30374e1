//! Connectivity checks (RFC 8445 section 7) by `rtc-stun`.

use std::net::SocketAddr;

use rtc_dtls::crypto_provider::default_provider;
use rtc_stun::attributes::{ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use sfu_model::IceCredentials;

const PRIORITY: AttrType = AttrType(0x0024);
const USE_CANDIDATE: AttrType = AttrType(0x0025);
const ICE_CONTROLLING: AttrType = AttrType(0x802A);

/// Writes a check that nominates its path, from the controlling side.
pub fn write_check(to: &IceCredentials, from_ufrag: &str, transaction: [u8; 12]) -> Vec<u8> {
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.transaction_id = TransactionId(transaction);
    message.write_header();
    let username = format!("{}:{from_ufrag}", to.ufrag);
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(PRIORITY, &[0x6E, 0, 0x1E, 0xFF]);
    message.add(ICE_CONTROLLING, &[7; 8]);
    message.add(USE_CANDIDATE, &[]);
    let provider = default_provider().expect("a provider is compiled in");
    let integrity =
        MessageIntegrity::new_short_term_integrity_with_provider(to.pwd.clone(), provider.crypto());
    let signed = integrity.add_to(&mut message);
    let finished = signed.and_then(|()| FINGERPRINT.add_to(&mut message));
    finished.expect("a check has room for its signature");
    message.raw
}

/// Answers a check of the server's, if it is signed by our password. Where the server is seen, which an
/// answer would say, is nothing that it asks for.
pub(crate) fn answer_check(datagram: &[u8], local: &IceCredentials) -> Option<Vec<u8>> {
    let mut check = Message::new();
    check.raw = datagram.to_vec();
    check.decode().ok()?;
    if check.typ != BINDING_REQUEST {
        return None;
    }
    let provider = default_provider().expect("a provider is compiled in");
    FINGERPRINT.check(&check).ok()?;
    MessageIntegrity::check(&mut check, local.pwd.as_bytes(), provider.crypto()).ok()?;
    let mut answer = Message::new();
    answer.set_type(BINDING_SUCCESS);
    answer.transaction_id = check.transaction_id;
    answer.write_header();
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
        local.pwd.clone(),
        provider.crypto(),
    );
    integrity.add_to(&mut answer).ok()?;
    FINGERPRINT.add_to(&mut answer).ok()?;
    Some(answer.raw)
}

/// A reply to a check, as it reads before its signature is verified.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The check's transaction.
    pub(crate) transaction: [u8; 12],
    message: Message,
}

impl Reply {
    /// Reads a message; `None` if it is no reply to a check.
    pub(crate) fn read(datagram: &[u8]) -> Option<Self> {
        let mut message = Message::new();
        message.raw = datagram.to_vec();
        message.decode().ok()?;
        let is_reply = message.typ == BINDING_SUCCESS;
        is_reply.then_some(Self {
            transaction: message.transaction_id.0,
            message,
        })
    }

    /// Returns the address that the check came from, if the reply is signed by `pwd`.
    pub(crate) fn verify(mut self, pwd: &str) -> Option<SocketAddr> {
        let provider = default_provider().expect("a provider is compiled in");
        FINGERPRINT.check(&self.message).ok()?;
        MessageIntegrity::check(&mut self.message, pwd.as_bytes(), provider.crypto()).ok()?;
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&self.message).ok()?;
        Some(SocketAddr::new(mapped.ip, mapped.port))
    }
}
