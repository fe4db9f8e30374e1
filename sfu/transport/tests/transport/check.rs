//! Connectivity checks by `rtc-stun`.

use rtc_dtls::crypto_provider::{RTCCryptoProvider, default_provider};
use rtc_stun::attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Getter, Message, Setter};
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
