//! DTLS with what rides on it.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use sfu_model::{CloseReason, DtlsRole, Fingerprint};

use crate::data_channel::DataChannels;
use crate::dtls::{Admission, DtlsAssociation, DtlsOutput};
use crate::limits::HOLD_INTERVAL;
use crate::sctp::Sctp;
use crate::srtp::SrtpSession;
use crate::{DropReason, TransportConfig, TransportEvent};

/// What came of a datagram.
pub(crate) enum Progress {
    /// Nothing of note, or data.
    None,
    /// The handshake is done.
    Connected,
}

/// DTLS with what rides on it: SRTP keys and SCTP.
pub(crate) struct Session {
    dtls: DtlsAssociation,
    srtp: Option<Box<SrtpSession>>,
    /// From the peer's first packet on: many peers of a large room have no data channel.
    sctp: Option<Box<Sctp>>,
    /// SCTP packets that are not encrypted yet.
    packets: VecDeque<Bytes>,
    /// When to look whether the peer, which is held back, may send again.
    looks_at: Option<Instant>,
}

impl Session {
    pub(crate) fn new(
        now: Instant,
        config: &TransportConfig,
        role: DtlsRole,
        fingerprint: Fingerprint,
    ) -> Self {
        Self {
            dtls: DtlsAssociation::new(now, config, role, fingerprint),
            srtp: None,
            sctp: None,
            packets: VecDeque::new(),
            looks_at: None,
        }
    }

    /// Begins the handshake, if it is ours to begin. An error ends the session.
    pub(crate) fn begin(&mut self, now: Instant) -> Result<(), CloseReason> {
        Ok(self.dtls.begin(now)?)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.dtls.is_established()
    }

    pub(crate) fn srtp(&mut self) -> Option<&mut SrtpSession> {
        self.srtp.as_deref_mut()
    }

    /// Reads what sealing a packet of `ssrc` will need; see
    /// [`Transport::prefetch`](crate::Transport::prefetch).
    #[inline]
    pub(crate) fn prefetch(&self, ssrc: u32) -> u64 {
        self.srtp.as_deref().map_or(0, |srtp| srtp.prefetch(ssrc))
    }

    pub(crate) fn sctp(&mut self) -> Option<&mut Sctp> {
        self.sctp.as_deref_mut()
    }

    /// Bounds what reaches the DTLS library.
    pub(crate) fn admit(&mut self, datagram: &[u8]) -> Result<Admission, DropReason> {
        self.dtls.admit(datagram)
    }

    /// Takes an admitted DTLS datagram. An error ends the session.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        (datagram, admission): (&[u8], Admission),
        config: &TransportConfig,
        channels: &mut DataChannels,
        events: &mut VecDeque<TransportEvent>,
    ) -> Result<Progress, CloseReason> {
        let mut progress = Progress::None;
        for output in self.dtls.handle(now, datagram, admission)? {
            match output {
                DtlsOutput::Established(material) => {
                    let role = self.dtls.role();
                    let material = material.as_ref();
                    self.srtp = material.and_then(|material| SrtpSession::of(role, material));
                    progress = Progress::Connected;
                }
                DtlsOutput::Data(data) => {
                    self.sctp
                        .get_or_insert_with(|| Box::new(Sctp::new(&config.sctp)))
                        .handle(now, data.freeze())?;
                    self.turn_data(now, channels, events)?;
                }
                DtlsOutput::PeerClosed => return Err(CloseReason::ClosedByPeer),
            }
        }
        Ok(progress)
    }

    /// Does what is due. An error ends the session.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        channels: &mut DataChannels,
        events: &mut VecDeque<TransportEvent>,
    ) -> Result<(), CloseReason> {
        self.dtls.handle_timeout(now)?;
        if let Some(sctp) = &mut self.sctp {
            sctp.handle_timeout(now)?;
        }
        self.turn_data(now, channels, events)
    }

    pub(crate) fn poll_timeout(&self, channels: &DataChannels) -> Option<Instant> {
        let deadlines = [
            self.dtls.poll_timeout(),
            self.sctp.as_ref().and_then(|sctp| sctp.poll_timeout()),
            self.looks_at,
            channels.stalls_at(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Writes the next datagram to `buf`. An error ends the session.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        buf: &mut Vec<u8>,
    ) -> Result<bool, CloseReason> {
        if self.dtls.poll_transmit(buf) {
            return Ok(true);
        }
        let Some(sctp) = &mut self.sctp else {
            return Ok(false);
        };
        if self.packets.is_empty() {
            self.packets.extend(sctp.poll_transmit(now)?);
        }
        if let Some(packet) = self.packets.pop_front() {
            self.dtls.send(now, &packet)?;
        }
        Ok(self.dtls.poll_transmit(buf))
    }

    /// Writes what the DTLS library has left to say, after the end.
    pub(crate) fn poll_last_transmit(&mut self, buf: &mut Vec<u8>) -> bool {
        self.dtls.poll_transmit(buf)
    }

    /// Queues close_notify.
    pub(crate) fn close(&mut self, now: Instant) -> Result<(), CloseReason> {
        Ok(self.dtls.close(now)?)
    }

    /// Has the data channels go on, after SCTP got something or something is due.
    fn turn_data(
        &mut self,
        now: Instant,
        channels: &mut DataChannels,
        events: &mut VecDeque<TransportEvent>,
    ) -> Result<(), CloseReason> {
        if let Some(sctp) = &mut self.sctp {
            channels.turn(now, sctp, self.dtls.role(), events)?;
            self.looks_at = channels.is_held().then(|| now + HOLD_INTERVAL);
        }
        Ok(())
    }
}
