//! Session keys from what DTLS exports.

use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128, Aes256};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;

use super::Profile;

/// Label by which DTLS exports the keying material (RFC 5764 section 4.2).
pub const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// What the session keys are for: the label of the derivation (RFC 3711 section 4.3.1).
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum KeyLabel {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Master key and salt of one direction.
#[derive(Clone)]
pub(crate) struct MasterKey {
    profile: Profile,
    key: Vec<u8>,
    salt: Vec<u8>,
}

impl MasterKey {
    /// Takes a key and a salt of the profile's lengths.
    pub(crate) fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Option<Self> {
        let fits = key.len() == profile.key_len() && salt.len() == profile.salt_len();
        fits.then(|| Self {
            profile,
            key: key.to_vec(),
            salt: salt.to_vec(),
        })
    }

    /// Returns the profile that the key is for.
    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// Derives a session key, salt or authentication key (RFC 3711 section 4.3.3; section 11 of
    /// RFC 7714 and RFC 6188 for the others), with a key derivation rate of zero.
    pub(crate) fn derive<const LEN: usize>(&self, label: KeyLabel) -> [u8; LEN] {
        // x = key_id XOR master_salt, with the label in octet 7 of 14; the IV is x * 2^16.
        let mut iv = [0; 16];
        for (byte, salt) in iv.iter_mut().zip(&self.salt) {
            *byte = *salt;
        }
        iv[7] ^= label as u8;
        let mut output = [0; LEN];
        match self.profile {
            Profile::AeadAes128Gcm | Profile::Aes128CmSha1_80 => {
                if let Ok(aes) = Aes128::new_from_slice(&self.key) {
                    keystream(&aes, &iv, &mut output);
                }
            }
            Profile::AeadAes256Gcm => {
                if let Ok(aes) = Aes256::new_from_slice(&self.key) {
                    keystream(&aes, &iv, &mut output);
                }
            }
        }
        output
    }
}

/// XORs AES counter mode's key stream from `iv` on over `data`.
pub(crate) fn keystream<'a, C>(aes: &'a C, iv: &[u8; 16], data: &mut [u8])
where
    &'a C: aes::cipher::BlockEncrypt
        + aes::cipher::BlockCipher
        + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>,
{
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(aes, iv.into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
}

/// What DTLS exports for both directions: client key, server key, client salt, server salt
/// (RFC 5764 section 4.2).
pub(crate) struct KeyingMaterial {
    pub(crate) profile: Profile,
    pub(crate) bytes: Vec<u8>,
}

impl KeyingMaterial {
    /// Splits off the DTLS client's key and the server's.
    pub(crate) fn split(&self) -> Option<(MasterKey, MasterKey)> {
        let (key_len, salt_len) = (self.profile.key_len(), self.profile.salt_len());
        let (client_key, rest) = self.bytes.split_at_checked(key_len)?;
        let (server_key, rest) = rest.split_at_checked(key_len)?;
        let (client_salt, server_salt) = rest.split_at_checked(salt_len)?;
        Some((
            MasterKey::new(self.profile, client_key, client_salt)?,
            MasterKey::new(self.profile, server_key, server_salt)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
        let master = MasterKey::new(
            Profile::Aes128CmSha1_80,
            &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
            &hex("0EC675AD498AFEEBB6960B3AABE6"),
        )
        .unwrap();
        assert_eq!(
            master.derive::<16>(KeyLabel::RtpEncryption).to_vec(),
            hex("C61E7A93744F39EE10734AFE3FF7A087")
        );
        assert_eq!(
            master.derive::<14>(KeyLabel::RtpSalt).to_vec(),
            hex("30CBBC08863D8C85D49DB34A9AE1")
        );
        // The appendix prints 94 bytes; the first 20 are the key of HMAC-SHA1.
        assert_eq!(
            master.derive::<20>(KeyLabel::RtpAuthentication).to_vec(),
            hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
        );
    }

    #[test]
    fn counter_mode_is_that_of_rfc_3711_appendix_b_2() {
        let aes =
            Aes128::new_from_slice(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).expect("16 bytes");
        let iv: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        let mut stream = [0; 48];
        keystream(&aes, &iv, &mut stream);
        assert_eq!(
            stream.to_vec(),
            hex("E03EAD0935C95E80E166B16DD92B4EB4
                 D23513162B02D0F72A43A2FE4A5F97AB
                 41E95B3BB0A2E8DD477901E4FCA894C0")
        );
    }

    #[test]
    fn material_of_another_length_is_refused() {
        let profile = Profile::AeadAes128Gcm;
        for len in [0, 55, 57] {
            let bytes = vec![0; len];
            assert!(KeyingMaterial { profile, bytes }.split().is_none());
        }
    }
}
