//! Connectivity checks by `rtc-stun`.

use rtc_dtls::crypto_provider::{RTCCryptoProvider, default_provider};
use rtc_stun::attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter};
use rtc_stun::xoraddr::XorMappedAddress;
use sfu_model::IceCredentials;
use std::net::SocketAddr;
use std::sync::Arc;

const PRIORITY: AttrType = AttrType(0x0024);
const USE_CANDIDATE: AttrType = AttrType(0x0025);
const ICE_CONTROLLED: AttrType = AttrType(0x8029);
const ICE_CONTROLLING: AttrType = AttrType(0x802A);

/// A check to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) to: IceCredentials,
    pub(crate) from_ufrag: String,
    pub(crate) nominates: bool,
    pub(crate) controlled: bool,
}

pub(crate) fn provider() -> Arc<dyn RTCCryptoProvider> {
    default_provider().expect("a provider is compiled in")
}

impl Check {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let provider = provider();
        let mut message = Message::new();
        message.set_type(BINDING_REQUEST);
        message.new_transaction_id().unwrap();
        message.write_header();
        let username = format!("{}:{}", self.to.ufrag, self.from_ufrag);
        message.add(ATTR_USERNAME, username.as_bytes());
        message.add(PRIORITY, &[0x6E, 0, 0x1E, 0xFF]);
        let role = if self.controlled {
            ICE_CONTROLLED
        } else {
            ICE_CONTROLLING
        };
        message.add(role, &[7; 8]);
        if self.nominates {
            message.add(USE_CANDIDATE, &[]);
        }
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            self.to.pwd.clone(),
            provider.crypto(),
        );
        integrity.add_to(&mut message).unwrap();
        FINGERPRINT.add_to(&mut message).unwrap();
        message.raw
    }
}

/// Checks a reply's signature, fingerprint and transaction, and returns its type and address.
pub(crate) fn verify_reply(reply: &[u8], request: &[u8], pwd: &str) -> (u16, Option<SocketAddr>) {
    let mut message = Message::new();
    message.raw = reply.to_vec();
    message.decode().unwrap();
    assert_eq!(&reply[8..20], &request[8..20], "transaction");
    FINGERPRINT.check(&message).unwrap();
    assert!(message.contains(ATTR_MESSAGE_INTEGRITY));
    MessageIntegrity::check(&mut message, pwd.as_bytes(), provider().crypto()).unwrap();
    let mut mapped = XorMappedAddress::default();
    let address = mapped.get_from(&message).ok();
    let address = address.map(|()| SocketAddr::new(mapped.ip, mapped.port));
    (message.typ.value(), address)
}

/// Answers a check of the server's: by the client's password, which the check must be signed by too, and
/// with its ufrag first in USERNAME. `None` if the message is no such check.
pub(crate) fn answer(
    request: &[u8],
    client: &IceCredentials,
    seen_at: SocketAddr,
) -> Option<Vec<u8>> {
    let mut asked = Message::new();
    asked.raw = request.to_vec();
    asked.decode().ok()?;
    if asked.typ != BINDING_REQUEST {
        return None;
    }
    FINGERPRINT.check(&asked).ok()?;
    MessageIntegrity::check(&mut asked, client.pwd.as_bytes(), provider().crypto()).ok()?;
    let username = asked.get(ATTR_USERNAME).ok()?;
    let wanted = format!("{}:", client.ufrag);
    assert!(username.starts_with(wanted.as_bytes()));
    assert!(asked.contains(PRIORITY) && asked.contains(ICE_CONTROLLED));
    assert!(!asked.contains(USE_CANDIDATE));
    let provider = provider();
    let mut reply = Message::new();
    reply.set_type(BINDING_SUCCESS);
    reply.transaction_id = asked.transaction_id;
    reply.write_header();
    let mapped = XorMappedAddress {
        ip: seen_at.ip(),
        port: seen_at.port(),
    };
    mapped.add_to(&mut reply).ok()?;
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
        client.pwd.clone(),
        provider.crypto(),
    );
    integrity.add_to(&mut reply).ok()?;
    FINGERPRINT.add_to(&mut reply).ok()?;
    Some(reply.raw)
}
