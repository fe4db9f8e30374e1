//! SRTP both ways.

use sfu_model::DtlsRole;

use super::Profile;
use super::keys::KeyingMaterial;
use super::receive::SrtpReceiver;
use super::send::SrtpSender;
use crate::{DropReason, SealError};

/// SRTP and SRTCP both ways: what an association's keys protect.
pub struct SrtpSession {
    receiver: SrtpReceiver,
    sender: SrtpSender,
}

impl SrtpSession {
    /// Takes the keying material that DTLS exported under [`EXPORTER_LABEL`](super::EXPORTER_LABEL):
    /// [`Profile::material_len`] bytes. `None` if it has another length.
    pub fn new(role: DtlsRole, profile: Profile, material: &[u8]) -> Option<Box<Self>> {
        let material = KeyingMaterial {
            profile,
            bytes: material.to_vec(),
        };
        Self::of(role, &material)
    }

    pub(crate) fn of(role: DtlsRole, material: &KeyingMaterial) -> Option<Box<Self>> {
        let (client, server) = material.split()?;
        // RFC 5764 section 4.2: each side seals by its own key.
        let (ours, theirs) = match role {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        Some(Box::new(Self {
            receiver: SrtpReceiver::new(&theirs)?,
            sender: SrtpSender::new(&ours)?,
        }))
    }

    /// Opens an SRTP packet in place and returns the length of the RTP packet.
    ///
    /// # Errors
    ///
    /// Says why the packet was dropped; nothing has changed then.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        self.receiver.open_rtp(packet)
    }

    /// Opens an SRTCP packet in place and returns the length of the RTCP compound.
    ///
    /// # Errors
    ///
    /// Says why the packet was dropped; nothing has changed then.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        self.receiver.open_rtcp(packet)
    }

    #[inline]
    pub(crate) fn prefetch(&self, ssrc: u32) -> u64 {
        self.sender.prefetch(ssrc)
    }

    /// Forgets all of a stream that the other side sent, but where it ended.
    pub fn end_received(&mut self, ssrc: u32) {
        self.receiver.end_stream(ssrc);
    }

    /// Forgets all of a stream that we sent, but where it ended.
    pub fn end_sent(&mut self, ssrc: u32) {
        self.sender.end_stream(ssrc);
    }

    /// Seals the RTP packet `buffer[start..]` in place and appends the tag.
    ///
    /// # Errors
    ///
    /// Fails for what is no RTP packet, and when the keys are used up.
    pub fn seal_rtp(&mut self, buffer: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        self.sender.seal_rtp(buffer, start)
    }

    /// Seals the RTCP compound `buffer[start..]` in place and appends index and tag.
    ///
    /// # Errors
    ///
    /// Fails for what is no RTCP compound, and when the keys are used up.
    pub fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        self.sender.seal_rtcp(buffer, start)
    }
}

impl std::fmt::Debug for SrtpSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpSession").finish_non_exhaustive()
    }
}
