//! The protection profiles.

/// A protection profile of DTLS-SRTP (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80`.
    Aes128CmSha1_80,
}

impl Profile {
    /// Returns the length of the master key in bytes.
    pub fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Returns the length of the master salt in bytes.
    pub fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Returns the length of the keying material of both directions.
    pub fn material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }
}
