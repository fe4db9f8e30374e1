//! Sealing what we send to a peer.

use super::cipher::{Cipher, SRTCP_INDEX_LEN};
use super::ended::EndedStreams;
use super::header::{RtpHeader, rtcp_sender};
use super::keys::MasterKey;
use super::receive::guess_index;
use super::streams::Streams;
use crate::SealError;
use crate::limits::MAX_SEND_STREAMS;

/// Seals what we send to a peer.
pub(crate) struct SrtpSender {
    cipher: Cipher,
    /// The highest packet index that was sealed of each stream.
    rtp: Streams<u64>,
    /// Streams that ended: what has been sealed of them is not sealed again.
    ended: EndedStreams,
    /// The next SRTCP index. One counter serves all senders: the index has to be fresh per SSRC, and so it
    /// is.
    rtcp_index: u32,
}

impl SrtpSender {
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Some(Self {
            cipher: Cipher::new(master)?,
            rtp: Streams::new(MAX_SEND_STREAMS),
            ended: EndedStreams::default(),
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
        self.begin(ssrc, sequence)
    }

    /// Begins a stream, or goes on with one that ended: behind its last packet, because the keys are
    /// the same.
    #[cold]
    fn begin(&mut self, ssrc: u32, sequence: u16) -> Result<u64, SealError> {
        if self.rtp.is_full() {
            return Err(SealError::TooManyStreams);
        }
        let index = match self.ended.last(ssrc) {
            Some(last) => guess_index(last, sequence)
                .filter(|index| *index > last)
                .ok_or(SealError::StreamEnded)?,
            None => u64::from(sequence),
        };
        self.ended.remove(ssrc);
        self.rtp.insert(ssrc, index);
        Ok(index)
    }

    /// Keeps no more of a stream than its highest index: it is over.
    pub(crate) fn end_stream(&mut self, ssrc: u32) {
        if let Some(last) = self.rtp.remove(ssrc) {
            self.ended.insert(ssrc, last);
        }
    }
}

/// The longest that sealing appends, for buffers.
pub(crate) const MAX_TAG_LEN: usize = super::cipher::GCM_TAG_LEN;
/// The longest that sealing RTCP appends, for buffers.
pub(crate) const MAX_RTCP_TAG_LEN: usize = MAX_TAG_LEN + SRTCP_INDEX_LEN;

#[cfg(test)]
mod tests {
    use super::super::Profile;
    use super::*;

    fn sender() -> SrtpSender {
        let profile = Profile::AeadAes128Gcm;
        let (key, salt) = (vec![9; profile.key_len()], vec![8; profile.salt_len()]);
        SrtpSender::new(&MasterKey::new(profile, &key, &salt).unwrap()).unwrap()
    }

    fn seal(sender: &mut SrtpSender, ssrc: u32, sequence: u16) -> Result<(), SealError> {
        let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 1];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&[5; 20]);
        sender.seal_rtp(&mut packet, 0)
    }

    #[test]
    fn more_streams_at_once_than_the_limit_are_refused() {
        let mut sender = sender();
        let count = u32::try_from(MAX_SEND_STREAMS).unwrap();
        for ssrc in 0..count {
            seal(&mut sender, ssrc, 1).unwrap();
        }
        let refused = seal(&mut sender, count, 1);
        assert_eq!(refused, Err(SealError::TooManyStreams));
        sender.end_stream(0);
        assert_eq!(seal(&mut sender, count, 1), Ok(()));
    }

    #[test]
    fn any_number_of_streams_is_sent_one_after_the_other() {
        let mut sender = sender();
        for ssrc in 0..3 * u32::try_from(MAX_SEND_STREAMS).unwrap() {
            assert_eq!(seal(&mut sender, ssrc, 1), Ok(()), "{ssrc}");
            sender.end_stream(ssrc);
        }
        assert_eq!(sender.rtp.len(), 0);
        assert_eq!(sender.ended.len(), crate::limits::MAX_ENDED_STREAMS);
    }

    #[test]
    fn nothing_is_sealed_twice_when_an_ssrc_comes_back() {
        let mut sender = sender();
        for sequence in [60_000, 200] {
            seal(&mut sender, 7, sequence).unwrap();
        }
        sender.end_stream(7);
        for sequence in [60_000, 199, 200] {
            let refused = seal(&mut sender, 7, sequence);
            assert_eq!(refused, Err(SealError::StreamEnded), "{sequence}");
        }
        assert_eq!(seal(&mut sender, 7, 201), Ok(()));
        assert_eq!(sender.rtp.get(7), Some(&(65_536 + 201)));
    }
}
