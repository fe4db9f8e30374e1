use std::fmt;
use std::sync::Arc;

use rtc_dtls::config::HandshakeConfig;
use sfu_model::Fingerprint;

/// What all transports of a process share: the DTLS certificate with its key.
pub struct TransportConfig {
    pub(crate) dtls: Arc<HandshakeConfig>,
    fingerprint: Fingerprint,
}

impl TransportConfig {
    /// Makes a self-signed certificate (ECDSA P-256) by the random numbers of the system.
    ///
    /// # Errors
    ///
    /// Fails when the cryptographic library does.
    pub fn generate() -> Result<Self, CertificateError> {
        todo!()
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
