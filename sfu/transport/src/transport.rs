use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use sfu_model::{DataChannel, DataChannelOpener, Fingerprint, IceCredentials, Now, Path};

use crate::{DropReason, StunOutcome, TransportConfig, TransportEvent};

/// Largest data channel message either way, for `a=max-message-size`.
pub const MAX_MESSAGE_SIZE: usize = 65_536;

/// Most bytes that [`Transport::seal_rtp`] appends.
pub const RTP_OVERHEAD: usize = 16;

/// Most bytes that [`Transport::seal_rtcp`] appends.
pub const RTCP_OVERHEAD: usize = 20;

/// One peer's transport.
#[derive(Debug)]
pub struct Transport {}

impl Transport {
    /// Makes a transport that answers connectivity checks by `local`. DTLS begins with
    /// [`Transport::set_remote`]. `seed` is random and secret.
    pub fn new(
        now: Now,
        config: &Arc<TransportConfig>,
        local: IceCredentials,
        opener: DataChannelOpener,
        seed: [u8; 32],
    ) -> Self {
        todo!()
    }

    /// Sets what the peer's description says: its credentials and its certificate. The first call
    /// starts DTLS; a later one tells of restarted ICE.
    pub fn set_remote(&mut self, now: Now, remote: IceCredentials, fingerprint: Fingerprint) {
        todo!()
    }

    /// Replaces our credentials. Checks by the old ones are answered until one by the new ones
    /// came; DTLS and media go on (RFC 8445 section 9).
    pub fn restart_ice(&mut self, now: Now, local: IceCredentials) {
        todo!()
    }

    /// Takes a connectivity check that came by `path`, and writes the answer for the same path to
    /// `reply` (cleared first; empty if nothing is to be sent). The caller found this transport by
    /// [`ufrag_of`], or by the path.
    ///
    /// # Errors
    ///
    /// Fails when the check is malformed or not authenticated; then nothing changed and there is no
    /// reply.
    pub fn handle_stun(
        &mut self,
        now: Now,
        path: Path,
        message: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<StunOutcome, DropReason> {
        todo!()
    }

    /// Forgets a path that cannot be used any more: its TCP connection closed.
    pub fn forget_path(&mut self, path: Path) {
        todo!()
    }

    /// Takes a DTLS datagram that came by `path`.
    ///
    /// # Errors
    ///
    /// Fails when the path is not validated or the datagram is nothing that an honest peer sends.
    pub fn handle_dtls(&mut self, now: Now, path: Path, datagram: &[u8]) -> Result<(), DropReason> {
        todo!()
    }

    /// Authenticates and decrypts an SRTP packet in place, and returns the length of the RTP packet.
    /// The caller has found the path to be validated.
    ///
    /// # Errors
    ///
    /// Fails when the packet is not authentic or came before; its bytes are undefined then.
    pub fn open_rtp(&mut self, now: Now, packet: &mut [u8]) -> Result<usize, DropReason> {
        todo!()
    }

    /// Authenticates and decrypts an SRTCP packet in place, and returns the length of the RTCP
    /// compound. The caller has found the path to be validated.
    ///
    /// # Errors
    ///
    /// Fails when the packet is not authentic or came before; its bytes are undefined then.
    pub fn open_rtcp(&mut self, now: Now, packet: &mut [u8]) -> Result<usize, DropReason> {
        todo!()
    }

    /// Encrypts the RTP packet `packet[start..]` in place and appends at most [`RTP_OVERHEAD`] bytes:
    /// without allocation where the buffer has room for them.
    ///
    /// # Errors
    ///
    /// Fails when there are no keys yet, or these bytes are no RTP packet.
    pub fn seal_rtp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        todo!()
    }

    /// Encrypts the RTCP compound `packet[start..]` in place and appends at most [`RTCP_OVERHEAD`]
    /// bytes: without allocation where the buffer has room for them.
    ///
    /// # Errors
    ///
    /// Fails when there are no keys yet, or these bytes are no RTCP packet.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        todo!()
    }

    /// Sends a binary message. A channel that is not open yet queues reliable messages.
    ///
    /// # Errors
    ///
    /// Fails when the message cannot be queued; the transport is unchanged. After
    /// [`SendDataError::QueueFull`] the peer misses a reliable message: the caller closes the transport.
    pub fn send_data(
        &mut self,
        now: Now,
        channel: DataChannel,
        payload: &[u8],
    ) -> Result<(), SendDataError> {
        todo!()
    }

    /// Does what is due at `now`. Calling too early does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        todo!()
    }

    /// Returns when [`Transport::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Writes the next datagram of DTLS (and of SCTP inside it) for [`Transport::path`] to `buf`
    /// (cleared first). Returns false when there is none.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut Vec<u8>) -> bool {
        todo!()
    }

    /// Returns what happened next.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        todo!()
    }

    /// Returns where to send: the path that the peer nominated last (its latest authenticated
    /// USE-CANDIDATE), or until it did, the first validated one.
    pub fn path(&self) -> Option<Path> {
        todo!()
    }

    /// Returns all validated paths, the caller's routes to this transport.
    pub fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        std::iter::empty()
    }

    /// Closes the transport: queues DTLS close_notify for [`Transport::poll_transmit`] and takes nothing
    /// more. There is no event.
    pub fn close(&mut self, now: Now) {
        todo!()
    }
}

/// Returns our ufrag in the USERNAME of a STUN binding request: whose transport it is for.
pub fn ufrag_of(message: &[u8]) -> Option<&str> {
    todo!()
}

/// Why a packet was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// DTLS has not given the keys yet, or the transport is closed.
    NoKeys,
    /// The bytes are no RTP or RTCP packet.
    Malformed,
    /// 2^48 packets or 2^31 compounds were sealed by these keys (RFC 3711 section 9.2).
    KeysExhausted,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKeys => "no SRTP keys",
            Self::Malformed => "not an RTP or RTCP packet",
            Self::KeysExhausted => "SRTP keys are used up",
        })
    }
}

impl std::error::Error for SealError {}

/// Why a data channel message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendDataError {
    /// 8 MiB of reliable messages wait already.
    QueueFull,
    /// A lossy message that would have waited behind too many others.
    Congested,
    /// A lossy message for a channel that is not open, or any for [`DataChannel::Unlabelled`].
    NotOpen,
    /// Longer than [`MAX_MESSAGE_SIZE`].
    TooLarge,
    /// The transport is closed.
    Closed,
}

impl fmt::Display for SendDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "too many reliable messages wait",
            Self::Congested => "too many lossy messages wait",
            Self::NotOpen => "the data channel is not open",
            Self::TooLarge => "the message is longer than 64 KiB",
            Self::Closed => "the transport is closed",
        })
    }
}

impl std::error::Error for SendDataError {}
