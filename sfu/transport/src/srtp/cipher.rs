//! The ciphers of SRTP, in place.

use aes::Aes128;
use aes::cipher::KeyInit;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::Profile;
use super::header::RTCP_HEADER_LEN;
use super::keys::{KeyLabel, MasterKey, keystream};

/// Length of the tag of AES-GCM (RFC 7714 section 13).
pub(super) const GCM_TAG_LEN: usize = 16;
/// Length of the tag of HMAC-SHA1-80 (RFC 3711 section 5.2).
pub(super) const SHA1_80_TAG_LEN: usize = 10;
/// Length of the word of E flag and SRTCP index (RFC 3711 section 3.4).
pub(super) const SRTCP_INDEX_LEN: usize = 4;

/// The packet is not authentic.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAuthentic;

/// Session keys of one direction, expanded once.
pub(super) enum Cipher {
    Gcm(GcmCipher),
    CounterMode(Box<CounterModeCipher>),
}

impl Cipher {
    /// Derives the session keys. `None` means that the library refused a key, which it never does
    /// for one of the right length.
    pub(super) fn new(master: &MasterKey) -> Option<Self> {
        Some(match master.profile() {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Self::Gcm(GcmCipher::new(master)?),
            Profile::Aes128CmSha1_80 => {
                Self::CounterMode(Box::new(CounterModeCipher::new(master)?))
            }
        })
    }

    /// Returns what an SRTP packet is longer than its RTP packet.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Self::Gcm(_) => GCM_TAG_LEN,
            Self::CounterMode(_) => SHA1_80_TAG_LEN,
        }
    }
}

/// AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 7714).
pub(super) struct GcmCipher {
    rtp: LessSafeKey,
    rtp_salt: [u8; 12],
    rtcp: LessSafeKey,
    rtcp_salt: [u8; 12],
}

impl GcmCipher {
    fn new(master: &MasterKey) -> Option<Self> {
        let key = |label| {
            let key = match master.profile() {
                Profile::AeadAes256Gcm => {
                    UnboundKey::new(&AES_256_GCM, &master.derive::<32>(label))
                }
                Profile::AeadAes128Gcm | Profile::Aes128CmSha1_80 => {
                    UnboundKey::new(&AES_128_GCM, &master.derive::<16>(label))
                }
            };
            key.ok().map(LessSafeKey::new)
        };
        Some(Self {
            rtp: key(KeyLabel::RtpEncryption)?,
            rtp_salt: master.derive(KeyLabel::RtpSalt),
            rtcp: key(KeyLabel::RtcpEncryption)?,
            rtcp_salt: master.derive(KeyLabel::RtcpSalt),
        })
    }

    /// Takes session keys as they are: the vectors of the RFC begin with them.
    #[cfg(test)]
    pub(super) fn with_session_key(key: &[u8], salt: [u8; 12]) -> Self {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            _ => &AES_256_GCM,
        };
        let key = || LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
        Self {
            rtp: key(),
            rtp_salt: salt,
            rtcp: key(),
            rtcp_salt: salt,
        }
    }

    /// Opens `packet` (header, ciphertext, tag) in place.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), NotAuthentic> {
        let (header, sealed) = packet
            .split_at_mut_checked(header_len)
            .ok_or(NotAuthentic)?;
        let nonce = Self::rtp_nonce(&self.rtp_salt, ssrc, index);
        self.rtp
            .open_in_place(nonce, Aad::from(&*header), sealed)
            .map(|_| ())
            .map_err(|_| NotAuthentic)
    }

    /// Seals `packet` in place and returns the tag.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<[u8; GCM_TAG_LEN]> {
        let (header, payload) = packet.split_at_mut_checked(header_len)?;
        let nonce = Self::rtp_nonce(&self.rtp_salt, ssrc, index);
        let tag = self
            .rtp
            .seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)
            .ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Opens `packet` (header, ciphertext, tag; without the index word) in place.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index_word: u32,
    ) -> Result<(), NotAuthentic> {
        let aad = Self::rtcp_aad(packet, index_word).ok_or(NotAuthentic)?;
        let sealed = packet.get_mut(RTCP_HEADER_LEN..).ok_or(NotAuthentic)?;
        let nonce = Self::rtcp_nonce(&self.rtcp_salt, ssrc, index_word);
        self.rtcp
            .open_in_place(nonce, Aad::from(aad), sealed)
            .map(|_| ())
            .map_err(|_| NotAuthentic)
    }

    /// Seals `packet` in place and returns the tag.
    pub(super) fn seal_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index_word: u32,
    ) -> Option<[u8; GCM_TAG_LEN]> {
        let aad = Self::rtcp_aad(packet, index_word)?;
        let payload = packet.get_mut(RTCP_HEADER_LEN..)?;
        let nonce = Self::rtcp_nonce(&self.rtcp_salt, ssrc, index_word);
        let tag = self
            .rtcp
            .seal_in_place_separate_tag(nonce, Aad::from(aad), payload)
            .ok()?;
        tag.as_ref().try_into().ok()
    }

    /// RFC 7714 section 8.1: two zero bytes, SSRC, rollover counter, sequence number; XOR salt.
    fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
        let value = (u128::from(ssrc) << 48) | u128::from(index & 0xFFFF_FFFF_FFFF);
        Self::nonce(salt, value)
    }

    /// RFC 7714 section 9.1: two zero bytes, SSRC, two zero bytes, 31 bits of index; XOR salt.
    fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index_word: u32) -> Nonce {
        let value = (u128::from(ssrc) << 48) | u128::from(index_word & 0x7FFF_FFFF);
        Self::nonce(salt, value)
    }

    fn nonce(salt: &[u8; 12], value: u128) -> Nonce {
        let [_, _, _, _, mut nonce @ ..] = value.to_be_bytes();
        for (byte, salt) in nonce.iter_mut().zip(salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// RFC 7714 section 9.2: the first eight bytes, then the word of E flag and index.
    fn rtcp_aad(packet: &[u8], index_word: u32) -> Option<[u8; 12]> {
        let header: &[u8; RTCP_HEADER_LEN] = packet.first_chunk()?;
        let mut aad = [0; 12];
        for (to, from) in aad
            .iter_mut()
            .zip(header.iter().chain(&index_word.to_be_bytes()))
        {
            *to = *from;
        }
        Some(aad)
    }
}

/// AES128_CM_HMAC_SHA1_80 (RFC 3711 sections 4.1.1 and 4.2.1).
pub(super) struct CounterModeCipher {
    rtp: Aes128,
    rtp_salt: [u8; 14],
    rtp_mac: Hmac<Sha1>,
    rtcp: Aes128,
    rtcp_salt: [u8; 14],
    rtcp_mac: Hmac<Sha1>,
}

impl CounterModeCipher {
    fn new(master: &MasterKey) -> Option<Self> {
        let aes = |label| Aes128::new_from_slice(&master.derive::<16>(label)).ok();
        let mac = |label| <Hmac<Sha1> as Mac>::new_from_slice(&master.derive::<20>(label)).ok();
        Some(Self {
            rtp: aes(KeyLabel::RtpEncryption)?,
            rtp_salt: master.derive(KeyLabel::RtpSalt),
            rtp_mac: mac(KeyLabel::RtpAuthentication)?,
            rtcp: aes(KeyLabel::RtcpEncryption)?,
            rtcp_salt: master.derive(KeyLabel::RtcpSalt),
            rtcp_mac: mac(KeyLabel::RtcpAuthentication)?,
        })
    }

    /// Checks the tag of `sealed` (header and ciphertext), then opens it in place.
    pub(super) fn open_rtp(
        &self,
        sealed: &mut [u8],
        tag: &[u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), NotAuthentic> {
        // RFC 3711 section 4.2: the rollover counter is authenticated, but not sent.
        let rollover = index >> 16;
        self.rtp_mac
            .clone()
            .chain_update(&*sealed)
            .chain_update(u32::try_from(rollover).unwrap_or(u32::MAX).to_be_bytes())
            .verify_truncated_left(tag)
            .map_err(|_| NotAuthentic)?;
        let payload = sealed.get_mut(header_len..).ok_or(NotAuthentic)?;
        keystream(&self.rtp, &Self::iv(&self.rtp_salt, ssrc, index), payload);
        Ok(())
    }

    /// Seals `packet` in place and returns the tag.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<[u8; SHA1_80_TAG_LEN]> {
        let payload = packet.get_mut(header_len..)?;
        keystream(&self.rtp, &Self::iv(&self.rtp_salt, ssrc, index), payload);
        let rollover = u32::try_from(index >> 16).ok()?;
        let mac = self
            .rtp_mac
            .clone()
            .chain_update(&*packet)
            .chain_update(rollover.to_be_bytes());
        Self::truncate(mac)
    }

    /// Checks the tag of `sealed` (header, ciphertext, and the index word at its end), then opens it in place.
    pub(super) fn open_rtcp(
        &self,
        sealed: &mut [u8],
        tag: &[u8],
        ssrc: u32,
        index_word: u32,
    ) -> Result<(), NotAuthentic> {
        self.rtcp_mac
            .clone()
            .chain_update(&*sealed)
            .verify_truncated_left(tag)
            .map_err(|_| NotAuthentic)?;
        let end = sealed.len().saturating_sub(SRTCP_INDEX_LEN);
        let payload = sealed.get_mut(RTCP_HEADER_LEN..end).ok_or(NotAuthentic)?;
        let index = u64::from(index_word & 0x7FFF_FFFF);
        keystream(&self.rtcp, &Self::iv(&self.rtcp_salt, ssrc, index), payload);
        Ok(())
    }

    /// Encrypts `packet` in place; the caller appends the index word and asks for the tag of both.
    pub(super) fn encrypt_rtcp(&self, packet: &mut [u8], ssrc: u32, index_word: u32) -> Option<()> {
        let payload = packet.get_mut(RTCP_HEADER_LEN..)?;
        let index = u64::from(index_word & 0x7FFF_FFFF);
        keystream(&self.rtcp, &Self::iv(&self.rtcp_salt, ssrc, index), payload);
        Some(())
    }

    /// Returns the tag of header, ciphertext and index word.
    pub(super) fn rtcp_tag(&self, sealed: &[u8]) -> Option<[u8; SHA1_80_TAG_LEN]> {
        Self::truncate(self.rtcp_mac.clone().chain_update(sealed))
    }

    /// RFC 3711 section 4.1.1: `IV = salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16`.
    fn iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
        let value = (u128::from(ssrc) << 64) ^ (u128::from(index & 0xFFFF_FFFF_FFFF) << 16);
        let mut iv = value.to_be_bytes();
        for (byte, salt) in iv.iter_mut().zip(salt) {
            *byte ^= salt;
        }
        iv
    }

    fn truncate(mac: Hmac<Sha1>) -> Option<[u8; SHA1_80_TAG_LEN]> {
        mac.finalize().into_bytes().first_chunk().copied()
    }
}
