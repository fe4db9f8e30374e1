use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use rtc_dtls::config::{ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::default_provider;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::Config;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use sfu_model::Fingerprint;

/// What Chromium offers, in its order.
const CHROMIUM_PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
];

/// What `rtc-dtls` negotiates, and what `rtc-srtp` calls it.
const KEYS_OF_PROFILES: [(SrtpProtectionProfile, ProtectionProfile); 3] = [
    (
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        ProtectionProfile::Aes128CmHmacSha1_80,
    ),
    (
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        ProtectionProfile::AeadAes256Gcm,
    ),
    (
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        ProtectionProfile::AeadAes128Gcm,
    ),
];

/// A DTLS client by `rtc-dtls`, and the SRTP keys of its association by `rtc-srtp`.
pub(crate) struct Dtls {
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    server: SocketAddr,
    fingerprint: Fingerprint,
    /// Handshake messages of the server that came.
    seen: BTreeSet<u8>,
}

/// What came of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DtlsEvent {
    /// The handshake is done.
    Connected,
    /// A datagram of the layer above.
    Data(Vec<u8>),
    /// The server has closed.
    Closed,
}

/// Both directions' keys.
pub(crate) struct Srtp {
    /// Encrypts what the client sends.
    pub(crate) seal: Context,
    /// Decrypts what it gets.
    pub(crate) open: Context,
}

impl Dtls {
    /// Makes a client with a certificate of its own, and offers what Chromium does. Nothing is
    /// sent yet.
    pub(crate) fn new() -> Self {
        let provider = default_provider().expect("a provider is compiled in");
        let names = vec!["client".to_owned()];
        let certificate = Certificate::generate_self_signed(names, provider.crypto())
            .expect("a certificate can be made");
        let der = certificate.certificate.first();
        let der = der.expect("it has one certificate");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let digest = digest.as_ref().try_into();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_insecure_skip_verify(true)
            .with_srtp_protection_profiles(CHROMIUM_PROFILES.to_vec())
            .build(true, None)
            .expect("the configuration is complete");
        // Addresses are names of associations here: the world knows where datagrams go.
        let (local, server) = (([192, 0, 2, 2], 7).into(), ([192, 0, 2, 1], 7).into());
        Self {
            endpoint: Endpoint::new(local, TransportProtocol::UDP, None),
            config: Arc::new(config),
            server,
            fingerprint: Fingerprint(digest.expect("SHA-256 has 32 bytes")),
            seen: BTreeSet::new(),
        }
    }

    /// Returns the fingerprint of the client's certificate.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Begins the handshake.
    pub(crate) fn connect(&mut self, now: Instant) {
        let config = Arc::clone(&self.config);
        let begun = self.endpoint.connect(now, self.server, config, None);
        begun.expect("the only association of its endpoint begins once");
    }

    /// Takes a datagram.
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8]) -> Vec<DtlsEvent> {
        if self.is_repeat(datagram) {
            return Vec::new();
        }
        let bytes = BytesMut::from(datagram);
        let read = self.endpoint.read(now, self.server, None, bytes);
        let events = read.unwrap_or_default().into_iter();
        events
            .filter_map(|event| match event {
                EndpointEvent::HandshakeComplete => Some(DtlsEvent::Connected),
                EndpointEvent::ApplicationData(data) => Some(DtlsEvent::Data(data.to_vec())),
                EndpointEvent::PeerClosed => Some(DtlsEvent::Closed),
                _ => None,
            })
            .collect()
    }

    /// Tells whether a datagram repeats the server's long flight. The library, as the client, would
    /// forget its own retransmission timer over it.
    fn is_repeat(&mut self, datagram: &[u8]) -> bool {
        const HANDSHAKE: u8 = 22;
        const HELLO_VERIFY_REQUEST: u8 = 3;
        match datagram {
            // A plain record (RFC 6347 section 4.1) and the head of its message (section 4.2.2).
            [
                HANDSHAKE,
                _,
                _,
                0,
                0,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                kind,
                _,
                _,
                _,
                _,
                seq,
                ..,
            ] => *kind != HELLO_VERIFY_REQUEST && !self.seen.insert(*seq),
            _ => false,
        }
    }

    /// Sends a datagram of the layer above.
    pub(crate) fn send(&mut self, now: Instant, data: &[u8]) {
        // Before the handshake is done it is lost, as on a lossy link.
        self.endpoint.write(now, self.server, data).ok();
    }

    /// Returns the next datagram to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        Some(self.endpoint.poll_transmit()?.message.to_vec())
    }

    /// Returns when [`Dtls::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&self.server)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(self.server, now).ok();
    }

    /// Returns the keys of a connected client.
    pub(crate) fn srtp(&self) -> Option<Srtp> {
        let state = self.endpoint.get_connection_state(self.server)?;
        let negotiated = state.srtp_protection_profile();
        let mut profiles = KEYS_OF_PROFILES.into_iter();
        let (_, profile) = profiles.find(|(profile, _)| *profile == negotiated)?;
        let mut config = Config {
            profile,
            ..Config::default()
        };
        let len = config.keying_material_len();
        let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], len);
        let material = material.ok()?;
        let set = config.set_session_keys_from_keying_material(material.as_ref(), true);
        set.ok()?;
        let provider = default_provider().expect("a provider is compiled in");
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, provider.crypto()).ok()
        };
        let keys = &config.keys;
        Some(Srtp {
            seal: context(&keys.local_master_key, &keys.local_master_salt)?,
            open: context(&keys.remote_master_key, &keys.remote_master_salt)?,
        })
    }
}
