use std::fmt;
use std::sync::Arc;

use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ConfigBuilder, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::default_provider;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::error::Error;
use sfu_model::Fingerprint;

/// SRTP profiles that we offer, preferred first: AES-GCM is what the measured server's packets should cost.
const PROFILES: [SrtpProtectionProfile; 2] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// Longest datagram of our handshake in bytes.
const MAX_HANDSHAKE_DATAGRAM: usize = 1_200;

/// The DTLS certificate with its key. All peers of a process share one, as a browser's do.
pub struct Identity {
    pub(crate) dtls: Arc<HandshakeConfig>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Makes a self-signed certificate (ECDSA P-256) by the random numbers of the system.
    ///
    /// # Errors
    ///
    /// Fails when the cryptographic library does.
    pub fn generate() -> Result<Self, IdentityError> {
        Self::try_generate().map_err(|error| IdentityError(error.to_string()))
    }

    fn try_generate() -> Result<Self, Error> {
        let provider = default_provider().map_err(|error| Error::Other(error.to_string()))?;
        let names = vec!["loadtest".to_owned()];
        let certificate = Certificate::generate_self_signed(names, provider.crypto())?;
        let der = certificate
            .certificate
            .first()
            .ok_or_else(|| Error::Other("the certificate is empty".to_owned()))?;
        let fingerprint = Fingerprint(sha256(der));
        let dtls = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_cipher_suites(vec![CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256])
            // The server's certificate is compared with the announced fingerprint afterwards.
            .with_insecure_skip_verify(true)
            .with_srtp_protection_profiles(PROFILES.to_vec())
            .with_mtu(MAX_HANDSHAKE_DATAGRAM)
            .build(true, None)?;
        Ok(Self {
            dtls: Arc::new(dtls),
            fingerprint,
        })
    }

    /// Returns the certificate's fingerprint, for `a=fingerprint`.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// The cryptographic library could not make a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no DTLS certificate: {0}")]
pub struct IdentityError(String);

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    digest.as_ref().try_into().unwrap_or([0; 32])
}
