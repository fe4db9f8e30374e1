use super::cipher::{Cipher, SRTCP_INDEX_LEN};
use super::header::{RtpHeader, rtcp_sender};
use super::keys::MasterKey;
use super::receive::guess_index;
use super::streams::Streams;
use crate::SealError;

/// Most RTP streams that we send to one peer.
pub(super) const MAX_SEND_STREAMS: usize = 16_384;

/// Seals what we send to a peer.
pub(crate) struct SrtpSender {
    cipher: Cipher,
    /// The highest packet index that was sealed of each stream.
    rtp: Streams<u64>,
    /// The next SRTCP index. One counter serves all senders: the index has to be fresh per SSRC, and so it
    /// is.
    rtcp_index: u32,
}

impl SrtpSender {
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            cipher: Cipher::new(master)?,
            rtp: Streams::new(MAX_SEND_STREAMS),
            rtcp_index: 0,
        })
    }

    /// Seals the RTP packet `buffer[start..]` in place and appends the tag.
    pub(crate) fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        let packet = buffer.get_mut(start..).ok_or(SealError::Malformed)?;
        let header = RtpHeader::parse(packet).ok_or(SealError::Malformed)?;
        let index = self.next_index(header.ssrc, header.sequence)?;
        match &self.cipher {
            Cipher::Gcm(cipher) => {
                let tag = cipher.seal_rtp(packet, header.len, header.ssrc, index);
                buffer.extend_from_slice(&tag.ok_or(SealError::Malformed)?);
            }
            Cipher::CounterMode(cipher) => {
                let tag = cipher.seal_rtp(packet, header.len, header.ssrc, index);
                buffer.extend_from_slice(&tag.ok_or(SealError::Malformed)?);
            }
        }
        Ok(())
    }

    /// Seals the RTCP compound `buffer[start..]` in place and appends index and tag.
    pub(crate) fn seal_rtcp(
        &mut self,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), SealError> {
        let packet = buffer.get_mut(start..).ok_or(SealError::Malformed)?;
        let ssrc = rtcp_sender(packet).ok_or(SealError::Malformed)?;
        if self.rtcp_index >> 31 != 0 {
            return Err(SealError::KeysExhausted);
        }
        let word = self.rtcp_index | 1 << 31;
        self.rtcp_index += 1;
        match &self.cipher {
            Cipher::Gcm(cipher) => {
                let tag = cipher.seal_rtcp(packet, ssrc, word);
                buffer.extend_from_slice(&tag.ok_or(SealError::Malformed)?);
                buffer.extend_from_slice(&word.to_be_bytes());
            }
            Cipher::CounterMode(cipher) => {
                cipher
                    .encrypt_rtcp(packet, ssrc, word)
                    .ok_or(SealError::Malformed)?;
                buffer.extend_from_slice(&word.to_be_bytes());
                let sealed = buffer.get(start..).unwrap_or_default();
                let tag = cipher.rtcp_tag(sealed).ok_or(SealError::Malformed)?;
                buffer.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Reads what sealing the next packet of `ssrc` will need; see
    /// [`Transport::prefetch`](crate::Transport::prefetch).
    #[inline]
    pub(crate) fn prefetch(&self, ssrc: u32) -> u64 {
        let index = self.rtp.get(ssrc).copied().unwrap_or_default();
        index ^ self.cipher.tag_len() as u64
    }

    /// Finds the index of a packet, and remembers it if it is the highest: an earlier sequence number is a
    /// retransmission.
    fn next_index(&mut self, ssrc: u32, sequence: u16) -> Result<u64, SealError> {
        if let Some(highest) = self.rtp.get_mut(ssrc) {
            let index = guess_index(*highest, sequence).ok_or(SealError::KeysExhausted)?;
            *highest = index.max(*highest);
            return Ok(index);
        }
        if self.rtp.is_full() {
            return Err(SealError::TooManyStreams);
        }
        self.rtp.insert(ssrc, u64::from(sequence));
        Ok(u64::from(sequence))
    }
}

/// The longest that sealing appends, for buffers.
pub(crate) const MAX_TAG_LEN: usize = super::cipher::GCM_TAG_LEN;
/// The longest that sealing RTCP appends, for buffers.
pub(crate) const MAX_RTCP_TAG_LEN: usize = MAX_TAG_LEN + SRTCP_INDEX_LEN;
