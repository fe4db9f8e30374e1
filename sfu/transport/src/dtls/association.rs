//! The DTLS association with one peer, by the library.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use rtc_dtls::config::HandshakeConfig;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use sfu_model::{CloseReason, DtlsRole, Fingerprint};

use super::backoff::Backoff;
use super::records::{Admission, HandshakeGuard};
use crate::config::{ServerConfigs, sha256};
use crate::isolation::isolated;
use crate::srtp::{EXPORTER_LABEL, KeyingMaterial, Profile};
use crate::{DropReason, TransportConfig};

/// The address that the library keys the association by. It is constant, so that the association knows
/// nothing of paths and a change of network is free.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

/// What DTLS has for the transport.
pub(crate) enum DtlsOutput {
    /// The handshake is done and the certificate is the announced one. Without keying material the peer
    /// can use data channels, but no media.
    Established(Option<KeyingMaterial>),
    /// Application data: an SCTP packet.
    Data(BytesMut),
    /// The peer sent close_notify, or a fatal alert.
    PeerClosed,
}

/// Why DTLS cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DtlsFault {
    /// The handshake failed.
    Handshake,
    /// The library panicked.
    Internal,
}

impl From<DtlsFault> for CloseReason {
    fn from(fault: DtlsFault) -> Self {
        match fault {
            DtlsFault::Handshake => Self::HandshakeFailed,
            DtlsFault::Internal => Self::InternalFault,
        }
    }
}

/// The DTLS association with one peer.
pub(crate) struct DtlsAssociation {
    endpoint: Endpoint,
    role: DtlsRole,
    fingerprint: Fingerprint,
    guard: HandshakeGuard,
    backoff: Backoff,
    opening: Opening,
    established: bool,
}

/// How the handshake begins.
enum Opening {
    /// By our ClientHello, which was not sent.
    Connect(Arc<HandshakeConfig>),
    /// By the peer's ClientHello, which we have not answered.
    Accept(Hello),
    /// It has begun.
    Done,
}

/// The peer's first ClientHello, while we may have to begin again with our other SRTP profiles.
struct Hello {
    configs: ServerConfigs,
    datagrams: Vec<BytesMut>,
}

/// Most datagrams of one ClientHello.
const MAX_HELLO_DATAGRAMS: usize = 8;

impl DtlsAssociation {
    /// Waits, for a ClientHello or for [`DtlsAssociation::begin`]. The peer's certificate has
    /// `fingerprint`.
    pub(crate) fn new(
        now: Instant,
        config: &TransportConfig,
        role: DtlsRole,
        fingerprint: Fingerprint,
    ) -> Self {
        let (serving, opening) = match role {
            DtlsRole::Client => (None, Opening::Connect(Arc::clone(&config.dtls_client))),
            DtlsRole::Server => {
                let hello = Hello {
                    configs: config.dtls_server.clone(),
                    datagrams: Vec::new(),
                };
                let preferred = Arc::clone(&hello.configs.preferred);
                (Some(preferred), Opening::Accept(hello))
            }
        };
        Self {
            endpoint: Endpoint::new(PEER, TransportProtocol::UDP, serving),
            role,
            fingerprint,
            guard: HandshakeGuard::new(),
            backoff: Backoff::new(now),
            opening,
            established: false,
        }
    }

    /// Returns which side we are.
    pub(crate) fn role(&self) -> DtlsRole {
        self.role
    }

    /// Sends the ClientHello, if it is ours to send: there is a path for it.
    pub(crate) fn begin(&mut self, now: Instant) -> Result<(), DtlsFault> {
        let Opening::Connect(config) = &self.opening else {
            return Ok(());
        };
        let config = Arc::clone(config);
        self.opening = Opening::Done;
        let connected = isolated(|| self.endpoint.connect(now, PEER, config, None));
        self.backoff.follow(now, self.endpoint.poll_timeout(&PEER));
        match connected {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(DtlsFault::Handshake),
            Err(_) => Err(DtlsFault::Internal),
        }
    }

    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// Bounds what reaches the library.
    pub(crate) fn admit(&mut self, datagram: &[u8]) -> Result<Admission, DropReason> {
        self.guard.admit(datagram)
    }

    /// Takes an admitted datagram.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        datagram: &[u8],
        admission: Admission,
    ) -> Result<Vec<DtlsOutput>, DtlsFault> {
        match admission {
            Admission::Feed => self.feed(now, datagram),
            Admission::Repeat => {
                self.backoff.hurry();
                self.handle_timeout(now).map(|()| Vec::new())
            }
        }
    }

    fn feed(&mut self, now: Instant, datagram: &[u8]) -> Result<Vec<DtlsOutput>, DtlsFault> {
        let datagram = BytesMut::from(datagram);
        match &mut self.opening {
            // A server has nothing to say before our ClientHello.
            Opening::Connect(_) => return Ok(Vec::new()),
            Opening::Accept(hello) if hello.datagrams.len() < MAX_HELLO_DATAGRAMS => {
                hello.datagrams.push(datagram.clone());
            }
            Opening::Accept(_) | Opening::Done => {}
        }
        let events = match self.read(now, datagram)? {
            Ok(events) => events,
            Err(Error::ErrServerNoMatchingSrtpProfile) => self.begin_again(now)?,
            // Before the end of the handshake an error is final. Afterwards the library reports
            // what an authenticated peer sent amiss: only a fatal alert ends it.
            Err(Error::ErrAlertFatalOrClose) if self.established => {
                return Ok(vec![DtlsOutput::PeerClosed]);
            }
            Err(_) if self.established => return Ok(Vec::new()),
            Err(_) => return Err(DtlsFault::Handshake),
        };
        events
            .into_iter()
            .filter_map(|event| self.output(event).transpose())
            .collect()
    }

    fn read(
        &mut self,
        now: Instant,
        datagram: BytesMut,
    ) -> Result<Result<Vec<EndpointEvent>, Error>, DtlsFault> {
        let read = isolated(|| self.endpoint.read(now, PEER, None, datagram))
            .map_err(|_| DtlsFault::Internal)?;
        self.backoff.follow(now, self.endpoint.poll_timeout(&PEER));
        Ok(read)
    }

    /// Reads the ClientHello again with the SRTP profiles that are not our preferred one. The first try has
    /// sent nothing but an alert, which goes with it.
    fn begin_again(&mut self, now: Instant) -> Result<Vec<EndpointEvent>, DtlsFault> {
        let Opening::Accept(hello) = std::mem::replace(&mut self.opening, Opening::Done) else {
            return Err(DtlsFault::Handshake);
        };
        let others = Some(hello.configs.others);
        self.endpoint = Endpoint::new(PEER, TransportProtocol::UDP, others);
        let mut events = Vec::new();
        for datagram in hello.datagrams {
            events.extend(
                self.read(now, datagram)?
                    .map_err(|_| DtlsFault::Handshake)?,
            );
        }
        Ok(events)
    }

    /// Sends an application datagram. Before the handshake is done there is nobody to read it.
    pub(crate) fn send(&mut self, now: Instant, data: &[u8]) -> Result<(), DtlsFault> {
        if !self.established {
            return Ok(());
        }
        // An error means that the peer has closed: it is on its way as an event already.
        isolated(|| self.endpoint.write(now, PEER, data).is_ok())
            .map(|_| ())
            .map_err(|_| DtlsFault::Internal)
    }

    /// Writes the next datagram to `buf`.
    pub(crate) fn poll_transmit(&mut self, buf: &mut Vec<u8>) -> bool {
        let Some(transmit) = self.endpoint.poll_transmit() else {
            return false;
        };
        // If we answer a ClientHello, its SRTP profiles suit.
        self.opening = Opening::Done;
        buf.extend_from_slice(&transmit.message);
        true
    }

    /// Sends the flight under way again, if it is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsFault> {
        if self.backoff.fires_at().is_none_or(|at| now < at) {
            return Ok(());
        }
        let repeated = isolated(|| self.endpoint.handle_timeout(PEER, now));
        self.backoff
            .repeated(now, self.endpoint.poll_timeout(&PEER));
        match repeated {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(DtlsFault::Handshake),
            Err(_) => Err(DtlsFault::Internal),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.backoff.fires_at()
    }

    /// Queues close_notify.
    pub(crate) fn close(&mut self, now: Instant) -> Result<(), DtlsFault> {
        isolated(|| self.endpoint.close(now).is_ok())
            .map(|_| ())
            .map_err(|_| DtlsFault::Internal)
    }

    fn output(&mut self, event: EndpointEvent) -> Result<Option<DtlsOutput>, DtlsFault> {
        match event {
            EndpointEvent::HandshakeComplete => self.establish().map(Some),
            // Data of a peer whose certificate is not the announced one is never looked at: the
            // handshake's end comes first and fails.
            EndpointEvent::ApplicationData(data) => {
                Ok(self.established.then_some(DtlsOutput::Data(data)))
            }
            EndpointEvent::PeerClosed => Ok(Some(DtlsOutput::PeerClosed)),
            // The library may learn of further events; none of them is ours.
            _ => Ok(None),
        }
    }

    /// Compares the peer's certificate with the announced fingerprint (RFC 8122 section 6.2) and exports the
    /// SRTP keys. The library has verified that the peer holds the certificate's key.
    fn establish(&mut self) -> Result<DtlsOutput, DtlsFault> {
        let state = self
            .endpoint
            .get_connection_state(PEER)
            .ok_or(DtlsFault::Handshake)?;
        let certificate = state.peer_certificates.first();
        if certificate.map(|der| sha256(der)) != Some(self.fingerprint.0) {
            return Err(DtlsFault::Handshake);
        }
        let material = match srtp_profile(state.srtp_protection_profile()) {
            Some(profile) => {
                let material = state
                    .export_keying_material(EXPORTER_LABEL, &[], profile.material_len())
                    .map_err(|_| DtlsFault::Handshake)?;
                let bytes = material.into_bytes();
                Some(KeyingMaterial { profile, bytes })
            }
            None => None,
        };
        self.established = true;
        self.guard.establish();
        Ok(DtlsOutput::Established(material))
    }
}

/// Returns the profile that was negotiated, if any.
fn srtp_profile(profile: SrtpProtectionProfile) -> Option<Profile> {
    match profile {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Some(Profile::AeadAes128Gcm),
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => Some(Profile::AeadAes256Gcm),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Some(Profile::Aes128CmSha1_80),
        // Those that we do not offer, or that the library does not know.
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32
        | SrtpProtectionProfile::Unsupported
        | _ => None,
    }
}
