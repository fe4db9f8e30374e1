//! What all transports of a process share.

use std::fmt;
use std::sync::Arc;

use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::default_provider;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::error::Error;
use sfu_model::Fingerprint;

use crate::dtls::LIBRARY_RETRANSMIT_INTERVAL;
use crate::sctp::SctpConfig;

/// Cipher suites of the server, preferred first. Our certificate is ECDSA.
const CIPHER_SUITES: [CipherSuiteId; 3] = [
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_256_Cbc_Sha,
];

/// Cipher suites that the client adds: the peer's certificate may be RSA.
const RSA_CIPHER_SUITES: [CipherSuiteId; 2] = [
    CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Rsa_With_ChaCha20_Poly1305_Sha256,
];

/// The SRTP profile that we prefer: AES-GCM costs a fifth of AES-CM with SHA-1.
const PREFERRED_PROFILES: [SrtpProtectionProfile; 1] =
    [SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm];

/// The SRTP profiles of peers that do not know the preferred one.
const OTHER_PROFILES: [SrtpProtectionProfile; 2] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// Configurations of the DTLS library as server, in the order they are tried.
///
/// The server may choose any SRTP profile that the client offers (RFC 5764 section 4.1.1), but the library takes the
/// client's first, which is AES-CM with Chromium. So it is first told of our preferred profile alone.
#[derive(Clone)]
pub(crate) struct ServerConfigs {
    pub(crate) preferred: Arc<HandshakeConfig>,
    pub(crate) others: Arc<HandshakeConfig>,
}

/// The name in our certificate. Nobody looks at it.
const NAME: &str = "sluice";

/// Longest datagram of our handshake in bytes: fits every path, tunnels included.
const MAX_HANDSHAKE_DATAGRAM: usize = 1_200;

/// What all transports of a process share: the DTLS certificate with its key.
pub struct TransportConfig {
    pub(crate) dtls_server: ServerConfigs,
    pub(crate) dtls_client: Arc<HandshakeConfig>,
    pub(crate) sctp: SctpConfig,
    fingerprint: Fingerprint,
}

impl TransportConfig {
    /// Makes a self-signed certificate (ECDSA P-256) by the random numbers of the system.
    ///
    /// # Errors
    ///
    /// Fails when the cryptographic library does.
    pub fn generate() -> Result<Self, CertificateError> {
        Self::try_generate().map_err(|error| CertificateError(error.to_string()))
    }

    fn try_generate() -> Result<Self, Error> {
        let provider = default_provider().map_err(|error| Error::Other(error.to_string()))?;
        let names = vec![NAME.to_owned()];
        let certificate = Certificate::generate_self_signed(names, provider.crypto())?;
        let der = certificate
            .certificate
            .first()
            .ok_or_else(|| Error::Other("the certificate is empty".to_owned()))?;
        let fingerprint = Fingerprint(sha256(der));
        let builder = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_cipher_suites(CIPHER_SUITES.to_vec())
            // The certificate is compared with the announced fingerprint when the handshake is done.
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_flight_interval(LIBRARY_RETRANSMIT_INTERVAL)
            .with_mtu(MAX_HANDSHAKE_DATAGRAM);
        let serve = |profiles: &[SrtpProtectionProfile]| {
            let builder = builder.clone();
            let config = builder.with_srtp_protection_profiles(profiles.to_vec());
            config.build(false, None).map(Arc::new)
        };
        let dtls_server = ServerConfigs {
            preferred: serve(&PREFERRED_PROFILES)?,
            others: serve(&OTHER_PROFILES)?,
        };
        let dtls_client = builder
            .with_cipher_suites([&CIPHER_SUITES[..], &RSA_CIPHER_SUITES].concat())
            .with_srtp_protection_profiles([&PREFERRED_PROFILES[..], &OTHER_PROFILES].concat())
            .with_server_name(NAME.to_owned())
            .build(true, None)?;
        Ok(Self {
            dtls_server,
            dtls_client: Arc::new(dtls_client),
            sctp: SctpConfig::new(),
            fingerprint,
        })
    }

    /// Returns the certificate's fingerprint, for `a=fingerprint`.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// The cryptographic library could not make a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError(String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no DTLS certificate: {}", self.0)
    }
}

impl std::error::Error for CertificateError {}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    digest.as_ref().try_into().unwrap_or([0; 32])
}
