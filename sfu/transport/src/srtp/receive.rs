//! Opening what a peer sends.

use super::cipher::{Cipher, GCM_TAG_LEN, SHA1_80_TAG_LEN, SRTCP_INDEX_LEN};
use super::header::{RTCP_HEADER_LEN, RtpHeader, rtcp_sender};
use super::keys::MasterKey;
use super::receive_streams::ReceiveStreams;
use crate::DropReason;

/// E flag of SRTCP (RFC 3711 section 3.4): the packet is encrypted.
const ENCRYPTED: u32 = 0x8000_0000;

/// Opens what a peer sends.
pub(crate) struct SrtpReceiver {
    cipher: Cipher,
    rtp: ReceiveStreams,
    rtcp: ReceiveStreams,
}

impl SrtpReceiver {
    pub(crate) fn new(master: &MasterKey) -> Option<Self> {
        Cipher::new(master).map(Self::with_cipher)
    }

    pub(super) fn with_cipher(cipher: Cipher) -> Self {
        Self {
            cipher,
            rtp: ReceiveStreams::new(),
            rtcp: ReceiveStreams::new(),
        }
    }

    /// Opens an SRTP packet in place and returns the length of the RTP packet.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        let header = RtpHeader::parse(packet).ok_or(DropReason::RtpMalformed)?;
        let len = packet
            .len()
            .checked_sub(self.cipher.tag_len())
            .filter(|len| *len >= header.len)
            .ok_or(DropReason::RtpMalformed)?;
        let RtpHeader { ssrc, sequence, .. } = header;
        let index = self.rtp.fresh_index(ssrc, |highest| match highest {
            Some(highest) => guess_index(highest, sequence),
            // RFC 3711 section 3.3.1: a stream starts with a rollover counter of zero.
            None => Some(u64::from(sequence)),
        });
        let index = index.ok_or(DropReason::SrtpReplayed)?;
        let opened = match &self.cipher {
            Cipher::Gcm(cipher) => cipher.open_rtp(packet, header.len, ssrc, index),
            Cipher::CounterMode(cipher) => {
                let (sealed, tag) = packet
                    .split_at_mut_checked(len)
                    .ok_or(DropReason::RtpMalformed)?;
                cipher.open_rtp(sealed, tag, header.len, ssrc, index)
            }
        };
        opened.map_err(|_| DropReason::SrtpUnauthenticated)?;
        self.rtp.record(ssrc, index);
        Ok(len)
    }

    /// Opens an SRTCP packet in place and returns the length of the RTCP compound.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        let ssrc = rtcp_sender(packet).ok_or(DropReason::RtpMalformed)?;
        let (word_at, len) = self
            .rtcp_layout(packet.len())
            .ok_or(DropReason::RtpMalformed)?;
        let word = packet
            .get(word_at..)
            .and_then(|rest| rest.first_chunk())
            .ok_or(DropReason::RtpMalformed)?;
        let word = u32::from_be_bytes(*word);
        if word & ENCRYPTED == 0 {
            return Err(DropReason::SrtcpUnencrypted);
        }
        let index = u64::from(word & !ENCRYPTED);
        let fresh = self.rtcp.fresh_index(ssrc, |_| Some(index));
        fresh.ok_or(DropReason::SrtpReplayed)?;
        let opened = match &self.cipher {
            Cipher::Gcm(cipher) => {
                let sealed = packet.get_mut(..word_at).ok_or(DropReason::RtpMalformed)?;
                cipher.open_rtcp(sealed, ssrc, word)
            }
            Cipher::CounterMode(cipher) => {
                let (sealed, tag) = packet
                    .split_at_mut_checked(word_at + SRTCP_INDEX_LEN)
                    .ok_or(DropReason::RtpMalformed)?;
                cipher.open_rtcp(sealed, tag, ssrc, word)
            }
        };
        opened.map_err(|_| DropReason::SrtpUnauthenticated)?;
        self.rtcp.record(ssrc, index);
        Ok(len)
    }

    /// Returns where the index word stands in an SRTCP packet of `total` bytes, and the length of
    /// the RTCP compound: AES-GCM has the tag before the word, HMAC-SHA1 behind it.
    fn rtcp_layout(&self, total: usize) -> Option<(usize, usize)> {
        let (word_at, len) = match self.cipher {
            Cipher::Gcm(_) => {
                let word_at = total.checked_sub(SRTCP_INDEX_LEN)?;
                (word_at, word_at.checked_sub(GCM_TAG_LEN)?)
            }
            Cipher::CounterMode(_) => {
                let word_at = total.checked_sub(SRTCP_INDEX_LEN + SHA1_80_TAG_LEN)?;
                (word_at, word_at)
            }
        };
        (len >= RTCP_HEADER_LEN).then_some((word_at, len))
    }

    /// Keeps no more of a stream than what it takes to go on with it: it is over.
    pub(crate) fn end_stream(&mut self, ssrc: u32) {
        self.rtp.end(ssrc);
        self.rtcp.end(ssrc);
    }

    #[cfg(test)]
    pub(super) fn streams(&self) -> usize {
        self.rtp.len() + self.rtcp.len()
    }
}

/// Finds the packet index (rollover counter and sequence number) nearest to `reference` (RFC 3711
/// section 3.3.1 and appendix A). `None` lies before the start of the stream or beyond its last packet.
pub(super) fn guess_index(reference: u64, sequence: u16) -> Option<u64> {
    const CYCLE: u64 = 1 << 16;
    const HALF: u64 = CYCLE / 2;
    let same_cycle = reference - reference % CYCLE + u64::from(sequence);
    let index = if same_cycle > reference + HALF {
        same_cycle.checked_sub(CYCLE)?
    } else if same_cycle + HALF < reference {
        same_cycle + CYCLE
    } else {
        same_cycle
    };
    (index < 1 << 48).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::super::Profile;
    use super::super::send::SrtpSender;
    use super::*;
    use crate::limits::MAX_RECEIVE_STREAMS;

    fn pair(profile: Profile) -> (SrtpSender, SrtpReceiver) {
        let key = vec![9; profile.key_len()];
        let salt = vec![8; profile.salt_len()];
        let master = MasterKey::new(profile, &key, &salt).unwrap();
        (
            SrtpSender::new(&master).unwrap(),
            SrtpReceiver::new(&master).unwrap(),
        )
    }

    fn rtp(ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 96, 0, 1, 0, 0, 0, 1];
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&[5; 20]);
        packet
    }

    fn rtcp(ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 201, 0, 1];
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet
    }

    /// Row S2 of the faults found in other stacks.
    #[test]
    fn s2_forged_streams_leave_no_state() {
        for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
            let (_, mut receiver) = pair(profile);
            for ssrc in 0..10_000 {
                let mut forged = [rtp(ssrc), vec![0; 16]].concat();
                let dropped = receiver.open_rtp(&mut forged);
                assert_eq!(dropped, Err(DropReason::SrtpUnauthenticated));
                let mut forged = [rtcp(ssrc), vec![0xFF; 20]].concat();
                let dropped = receiver.open_rtcp(&mut forged);
                assert_eq!(dropped, Err(DropReason::SrtpUnauthenticated));
            }
            assert_eq!(receiver.streams(), 0);
        }
    }

    #[test]
    fn a_stream_beyond_the_limit_is_heard() {
        let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
        for ssrc in 0..=u32::try_from(MAX_RECEIVE_STREAMS).unwrap() {
            let mut packet = rtp(ssrc);
            sender.seal_rtp(&mut packet, 0).unwrap();
            receiver.open_rtp(&mut packet).unwrap();
        }
        assert_eq!(receiver.streams(), MAX_RECEIVE_STREAMS);
    }

    #[test]
    fn a_stream_that_ended_goes_on_where_it_stopped() {
        for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
            let (mut sender, mut receiver) = pair(profile);
            let mut captured = Vec::new();
            // Beyond the wrap: the rollover counter is part of what is kept.
            for sequence in [30_000_u16, 60_000, 20_000] {
                let mut packet = rtp(7);
                packet[2..4].copy_from_slice(&sequence.to_be_bytes());
                sender.seal_rtp(&mut packet, 0).unwrap();
                captured.clone_from(&packet);
                receiver.open_rtp(&mut packet).unwrap();
            }
            let mut report = rtcp(7);
            sender.seal_rtcp(&mut report, 0).unwrap();
            let captured_report = report.clone();
            receiver.open_rtcp(&mut report).unwrap();
            receiver.end_stream(7);
            assert_eq!(receiver.streams(), 0);
            let replayed = receiver.open_rtp(&mut captured);
            assert_eq!(replayed, Err(DropReason::SrtpReplayed));
            let replayed = receiver.open_rtcp(&mut captured_report.clone());
            assert_eq!(replayed, Err(DropReason::SrtpReplayed));
            let mut packet = rtp(7);
            packet[2..4].copy_from_slice(&40_000_u16.to_be_bytes());
            sender.seal_rtp(&mut packet, 0).unwrap();
            assert_eq!(receiver.open_rtp(&mut packet), Ok(32));
        }
    }

    #[test]
    fn a_very_old_packet_does_not_turn_the_senders_counter_back() {
        let (mut sender, mut receiver) = pair(Profile::AeadAes128Gcm);
        let mut transfer = |sequence: u16| {
            let mut packet = rtp(7);
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            sender.seal_rtp(&mut packet, 0).unwrap();
            receiver.open_rtp(&mut packet)
        };
        for sequence in [30_000, 60_000, 20_000, 40_000] {
            assert_eq!(transfer(sequence), Ok(32));
        }
        assert_eq!(transfer(10_000), Err(DropReason::SrtpReplayed));
        assert_eq!(transfer(43_000), Ok(32));
    }

    #[test]
    fn a_forged_packet_does_not_close_the_window_to_the_real_one() {
        for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
            let (mut sender, mut receiver) = pair(profile);
            let mut packet = rtp(7);
            sender.seal_rtp(&mut packet, 0).unwrap();
            let mut forged = packet.clone();
            forged[20] ^= 1;
            let dropped = receiver.open_rtp(&mut forged);
            assert_eq!(dropped, Err(DropReason::SrtpUnauthenticated));
            assert_eq!(receiver.open_rtp(&mut packet), Ok(32));
            assert_eq!(packet[..32], rtp(7));
        }
    }

    #[test]
    fn the_index_is_the_nearest_to_the_highest() {
        assert_eq!(guess_index(5, 6), Some(6));
        assert_eq!(guess_index(65_535, 0), Some(65_536));
        assert_eq!(guess_index(65_536, 65_535), Some(65_535));
        assert_eq!(guess_index(0x1_0010, 0xFFF0), Some(0xFFF0));
        assert_eq!(guess_index(0x1_FFF0, 0x0010), Some(0x2_0010));
    }

    #[test]
    fn there_is_no_index_before_the_first_cycle() {
        assert_eq!(guess_index(5, 65_530), None);
    }
}
