use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use sfu_model::{DtlsRole, Fingerprint};
use sfu_transport::srtp::{EXPORTER_LABEL, Profile, SrtpSession};

use crate::identity::{Identity, sha256};

/// The address that the library keys the association by; ICE knows the real one.
const SERVER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

/// Handshake messages are numbered; the server's few fit the bits of a word.
const MESSAGES: u16 = 64;

/// A DTLS client by `rtc-dtls`.
pub(crate) struct DtlsClient {
    endpoint: Endpoint,
    config: Arc<HandshakeConfig>,
    server: Fingerprint,
    /// Handshake messages of the server that came, by their numbers.
    seen: u64,
}

/// What came of a datagram.
pub(crate) enum DtlsEvent {
    /// The handshake is done, and the certificate is the announced one.
    Connected(Box<SrtpSession>),
    /// The handshake is done with somebody else, or without SRTP.
    Refused,
    /// A datagram of the layer above.
    Data(BytesMut),
    /// The server has closed.
    Closed,
}

impl DtlsClient {
    pub(crate) fn new(identity: &Identity, server: Fingerprint) -> Self {
        Self {
            endpoint: Endpoint::new(SERVER, TransportProtocol::UDP, None),
            config: Arc::clone(&identity.dtls),
            server,
            seen: 0,
        }
    }

    /// Begins the handshake.
    pub(crate) fn connect(&mut self, now: Instant) -> Result<(), rtc_shared::error::Error> {
        let config = Arc::clone(&self.config);
        self.endpoint.connect(now, SERVER, config, None)
    }

    /// Takes a datagram. What the library refuses is dropped.
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8]) -> Vec<DtlsEvent> {
        if self.is_repeat(datagram) {
            return Vec::new();
        }
        let bytes = BytesMut::from(datagram);
        let read = self.endpoint.read(now, SERVER, None, bytes);
        let events = read.unwrap_or_default().into_iter();
        events.filter_map(|event| self.event(event)).collect()
    }

    fn event(&self, event: EndpointEvent) -> Option<DtlsEvent> {
        Some(match event {
            EndpointEvent::HandshakeComplete => match self.keys() {
                Some(srtp) => DtlsEvent::Connected(srtp),
                None => DtlsEvent::Refused,
            },
            EndpointEvent::PeerClosed => DtlsEvent::Closed,
            EndpointEvent::ApplicationData(data) => DtlsEvent::Data(data),
            // The library may learn of further events; none of them is ours.
            _ => return None,
        })
    }

    fn keys(&self) -> Option<Box<SrtpSession>> {
        let state = self.endpoint.get_connection_state(SERVER)?;
        let certificate = state.peer_certificates.first()?;
        if sha256(certificate) != self.server.0 {
            return None;
        }
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::Aes128CmSha1_80,
            // We offer no others.
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm
            | SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32
            | SrtpProtectionProfile::Unsupported
            | _ => return None,
        };
        let material = state.export_keying_material(EXPORTER_LABEL, &[], profile.material_len());
        SrtpSession::new(DtlsRole::Client, profile, material.ok()?.as_ref())
    }

    /// Tells whether a datagram repeats the server's long flight: the library, as the client, would
    /// forget its own retransmission timer over it.
    fn is_repeat(&mut self, datagram: &[u8]) -> bool {
        /// RFC 6347 section 4.1: the length of a record's header, and the type of handshake records.
        const RECORD_HEADER: usize = 13;
        const HANDSHAKE: u8 = 22;
        const HELLO_VERIFY_REQUEST: u8 = 3;
        let Some(([HANDSHAKE, _, _, 0, 0, ..], message)) =
            datagram.split_first_chunk::<RECORD_HEADER>()
        else {
            return false;
        };
        // RFC 6347 section 4.2.2: type, length, number.
        let [kind, _, _, _, n0, n1, ..] = *message else {
            return false;
        };
        let number = u16::from_be_bytes([n0, n1]);
        if kind == HELLO_VERIFY_REQUEST || number >= MESSAGES {
            return false;
        }
        let repeated = self.seen >> number & 1 == 1;
        self.seen |= 1 << number;
        repeated
    }

    /// Sends a datagram of the layer above.
    pub(crate) fn send(&mut self, now: Instant, data: &[u8]) {
        // An error means that the server has closed: it is on its way as an event already.
        self.endpoint.write(now, SERVER, data).ok();
    }

    pub(crate) fn poll_transmit(&mut self, buf: &mut Vec<u8>) -> bool {
        let Some(transmit) = self.endpoint.poll_transmit() else {
            return false;
        };
        buf.extend_from_slice(&transmit.message);
        true
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&SERVER)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(SERVER, now).ok();
    }

    /// Queues close_notify.
    pub(crate) fn close(&mut self, now: Instant) {
        self.endpoint.close(now).ok();
    }
}
