//! The far end: DTLS and SCTP of other crates.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use dcsctp::api::{
    DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketTime, StreamId,
};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::Config;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use sfu_model::{DtlsRole, Fingerprint, Now};

use crate::check::provider;

/// What Chromium offers, in its order.
pub(crate) const CHROMIUM_PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
];

pub(crate) struct Client {
    pub(crate) dtls: Endpoint,
    role: DtlsRole,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) connected: bool,
    pub(crate) closed: bool,
    pub(crate) sctp: Box<dyn DcSctpSocket>,
    /// Messages that came: stream, protocol, payload.
    pub(crate) inbox: Vec<(u16, u32, Vec<u8>)>,
    /// Ports and verification tag of the packets that the client sends.
    pub(crate) sctp_header: [u8; 8],
    /// Handshake messages of the other side that came.
    seen: BTreeSet<u8>,
    start: Instant,
    server: SocketAddr,
}

impl Client {
    /// A DTLS client.
    pub(crate) fn new(now: Now, profiles: &[SrtpProtectionProfile]) -> Self {
        Self::with_role(now, profiles, DtlsRole::Client)
    }

    /// A DTLS server.
    pub(crate) fn listening(now: Now, profiles: &[SrtpProtectionProfile]) -> Self {
        Self::with_role(now, profiles, DtlsRole::Server)
    }

    fn with_role(now: Now, profiles: &[SrtpProtectionProfile], role: DtlsRole) -> Self {
        let provider = provider();
        let certificate =
            Certificate::generate_self_signed(vec!["client".to_owned()], provider.crypto())
                .unwrap();
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate.certificate[0]);
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_srtp_protection_profiles(profiles.to_vec())
            .build(role == DtlsRole::Client, None);
        let config = Arc::new(config.unwrap());
        let server: SocketAddr = "192.0.2.1:7".parse().unwrap();
        let serving = (role == DtlsRole::Server).then(|| Arc::clone(&config));
        let address = "192.0.2.2:7".parse().unwrap();
        let mut dtls = Endpoint::new(address, TransportProtocol::UDP, serving);
        if role == DtlsRole::Client {
            dtls.connect(now.mono, server, config, None).unwrap();
        }
        let options = Options {
            max_timer_backoff_duration: Some(Duration::from_secs(3)),
            max_retransmissions: None,
            max_init_retransmits: None,
            ..Options::default()
        };
        Self {
            dtls,
            role,
            fingerprint: Fingerprint(digest.as_ref().try_into().unwrap()),
            connected: false,
            closed: false,
            sctp: dcsctp::new_socket("client", &options),
            inbox: Vec::new(),
            sctp_header: [0; 8],
            seen: BTreeSet::new(),
            start: now.mono,
            server,
        }
    }

    pub(crate) fn handle(&mut self, now: Now, datagram: &[u8]) {
        self.advance(now);
        if self.is_repeat(datagram) {
            return;
        }
        let read = self
            .dtls
            .read(now.mono, self.server, None, BytesMut::from(datagram));
        for event in read.unwrap_or_default() {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.connected = true;
                    self.sctp.connect();
                }
                EndpointEvent::ApplicationData(data) => self.sctp.handle_input(&data),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
        while let Some(message) = self.sctp.get_next_message() {
            self.inbox
                .push((message.stream_id.0, message.ppid.0, message.payload));
        }
    }

    /// Tells whether a datagram repeats a flight of the other side. The library would forget its own
    /// retransmission timer over it; but it takes the first ClientHello and its answer again, and what asks
    /// for its last flight.
    fn is_repeat(&mut self, datagram: &[u8]) -> bool {
        match datagram {
            [22, _, _, 0, 0, rest @ ..] if rest.len() > 14 && !self.connected => {
                let (kind, number) = (rest[8], rest[8 + 5]);
                let opens = match self.role {
                    DtlsRole::Client => kind == 3,
                    DtlsRole::Server => number == 0,
                };
                !opens && !self.seen.insert(number)
            }
            _ => false,
        }
    }

    pub(crate) fn poll_transmit(&mut self, now: Now) -> Option<Vec<u8>> {
        while let Some(event) = self.sctp.poll_event() {
            if let SocketEvent::SendPacket(packet) = event
                && self.connected
            {
                self.sctp_header.copy_from_slice(&packet[..8]);
                self.dtls.write(now.mono, self.server, &packet).ok();
            }
        }
        Some(self.dtls.poll_transmit()?.message.to_vec())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let sctp = self.sctp.poll_timeout();
        let sctp = (sctp != SocketTime::infinite_future())
            .then(|| self.start + (sctp - SocketTime::zero()));
        self.dtls
            .poll_timeout(&self.server)
            .into_iter()
            .chain(sctp)
            .min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
        self.dtls.handle_timeout(self.server, now.mono).ok();
    }

    fn advance(&mut self, now: Now) {
        self.sctp
            .advance_time(SocketTime::zero() + (now.mono - self.start));
    }

    pub(crate) fn send(&mut self, stream: u16, ppid: u32, payload: &[u8]) {
        let message = Message::new(StreamId(stream), PpId(ppid), payload.to_vec());
        self.sctp.send(message, &SendOptions::default()).unwrap();
    }

    pub(crate) fn send_unordered(&mut self, stream: u16, payload: &[u8]) {
        let message = Message::new(StreamId(stream), PpId(53), payload.to_vec());
        let options = SendOptions {
            unordered: true,
            max_retransmissions: Some(0),
            ..SendOptions::default()
        };
        self.sctp.send(message, &options).unwrap();
    }

    /// Opens a channel by DCEP.
    pub(crate) fn open(&mut self, stream: u16, channel_type: u8, label: &str) {
        let len = u8::try_from(label.len()).unwrap();
        let mut open = vec![3, channel_type, 0, 0, 0, 0, 0, 0, 0, len, 0, 0];
        open.extend_from_slice(label.as_bytes());
        self.send(stream, 50, &open);
    }

    /// Writes bytes into DTLS as they are.
    pub(crate) fn write_raw(&mut self, now: Now, data: &[u8]) {
        self.dtls.write(now.mono, self.server, data).unwrap();
    }

    pub(crate) fn profile(&self) -> SrtpProtectionProfile {
        let state = self.dtls.get_connection_state(self.server).unwrap();
        state.srtp_protection_profile()
    }

    /// The client's SRTP contexts: sealing and opening.
    pub(crate) fn srtp(&self) -> (Context, Context) {
        let state = self.dtls.get_connection_state(self.server).unwrap();
        let code = state.srtp_protection_profile() as u16;
        let profile = [
            ProtectionProfile::AeadAes128Gcm,
            ProtectionProfile::AeadAes256Gcm,
            ProtectionProfile::Aes128CmHmacSha1_80,
        ]
        .into_iter()
        .find(|profile| *profile as u16 == code)
        .expect("one of these was negotiated");
        let mut config = Config {
            profile,
            ..Config::default()
        };
        let len = config.keying_material_len();
        let material = state
            .export_keying_material("EXTRACTOR-dtls_srtp", &[], len)
            .unwrap();
        config
            .set_session_keys_from_keying_material(material.as_ref(), self.role == DtlsRole::Client)
            .unwrap();
        let keys = config.keys;
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, provider().crypto()).unwrap()
        };
        (
            context(&keys.local_master_key, &keys.local_master_salt),
            context(&keys.remote_master_key, &keys.remote_master_salt),
        )
    }
}
