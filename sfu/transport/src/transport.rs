//! A peer's transport: what its parts do when something arrives, and when time passes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_model::{
    CloseReason, DataChannel, DataChannelOpener, DataMessage, DtlsRole, Fingerprint,
    IceCredentials, LinkProtocol, Now, Path, Ssrc, Traffic,
};

use crate::data_channel::DataChannels;
use crate::ice::{CheckTag, IceLite};
use crate::liveness::{Liveness, Silence};
use crate::session::{Progress, Session};
use crate::{
    DataCounts, DropReason, SealError, SendDataError, StunOutcome, TransportConfig, TransportEvent,
};

/// How long a DTLS handshake may take, from when both a path and the peer's description are there
/// (LiveKit's limit).
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// Most datagrams that are kept until the peer's description comes: a ClientHello in fragments.
const MAX_EARLY_DATAGRAMS: usize = 4;
/// Longest of them.
const MAX_EARLY_DATAGRAM_LEN: usize = 1_500;

/// One peer's transport.
pub struct Transport {
    config: Arc<TransportConfig>,
    ice: IceLite,
    phase: Phase,
    channels: DataChannels,
    liveness: Liveness,
    traffic: Traffic,
    /// When the handshake has failed, if it is under way.
    handshake_deadline: Option<Instant>,
    events: VecDeque<TransportEvent>,
}

enum Phase {
    /// The peer's description has not come. DTLS datagrams that overtook it wait.
    AwaitingDescription { early: Vec<Vec<u8>> },
    /// DTLS is under way or up.
    Open(Box<Session>),
    /// Over, but for the last datagrams that tell the peer.
    Closed(Option<Box<Session>>),
}

impl Transport {
    /// Makes a transport that answers connectivity checks by `local`, and whose own bear `tag`
    /// ([`check_tag_of`](crate::check_tag_of) finds it in their answers). DTLS begins with
    /// [`Transport::set_remote`].
    ///
    /// `seed` must be unpredictable: what proves that a peer is where it says derives from it. The
    /// randomness of DTLS and SCTP is the system's, drawn inside their libraries.
    pub fn new(
        config: &Arc<TransportConfig>,
        local: IceCredentials,
        opener: DataChannelOpener,
        tag: CheckTag,
        seed: [u8; 32],
    ) -> Self {
        Self {
            config: Arc::clone(config),
            ice: IceLite::new(local, tag, seed),
            phase: Phase::AwaitingDescription { early: Vec::new() },
            channels: DataChannels::new(opener),
            liveness: Liveness::default(),
            traffic: Traffic::default(),
            handshake_deadline: None,
            events: VecDeque::new(),
        }
    }

    /// Sets what the peer's description says: its credentials, its certificate and our side of the
    /// handshake. The first call starts DTLS; a later one tells of restarted ICE.
    pub fn set_remote(
        &mut self,
        now: Now,
        remote: IceCredentials,
        fingerprint: Fingerprint,
        role: DtlsRole,
    ) {
        self.ice.set_remote(remote);
        let Phase::AwaitingDescription { early } = &mut self.phase else {
            return;
        };
        let early = std::mem::take(early);
        let session = Session::new(now.mono, &self.config, role, fingerprint);
        self.phase = Phase::Open(Box::new(session));
        self.start_handshake(now);
        for datagram in early {
            // What is wrong with it was not counted when it came, and is not now.
            let _dropped = self.handle_records(now, &datagram);
        }
    }

    /// Replaces our credentials. Checks by the old ones are answered until one by the new ones
    /// came; DTLS and media go on (RFC 8445 section 9).
    pub fn restart_ice(&mut self, now: Now, local: IceCredentials) {
        self.ice.restart(local);
        self.liveness.renew(now.mono);
    }

    /// Returns our ufrags that are answered: the current one, and while ICE restarts the one before.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.ice.ufrags()
    }

    /// Takes a connectivity check that came by `path`, and writes the answer for the same path to
    /// `reply` (cleared first; empty if nothing is to be sent). The caller found this transport by
    /// [`ufrag_of`](crate::ufrag_of), or by the path.
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
        reply.clear();
        if self.is_closed() {
            return Err(DropReason::Closed);
        }
        let outcome = self.ice.handle_check(now.mono, path, message, reply)?;
        match outcome {
            StunOutcome::Known | StunOutcome::Validated { .. } => {
                // Whoever repeats a captured check from elsewhere keeps nobody alive.
                if !self.is_connected() || self.ice.is_proved(now.mono, path) {
                    self.hear(now.mono);
                }
                self.start_handshake(now);
            }
            StunOutcome::RoleConflict => {}
        }
        Ok(outcome)
    }

    /// Takes the answer to a check of ours, which came by `path` and proves it. The caller found this
    /// transport by [`check_tag_of`](crate::check_tag_of).
    ///
    /// # Errors
    ///
    /// Fails when it is malformed, not authenticated, or answers nothing that was asked there; then nothing
    /// changed.
    pub fn handle_answer(
        &mut self,
        now: Now,
        path: Path,
        message: &[u8],
    ) -> Result<(), DropReason> {
        if self.is_closed() {
            return Err(DropReason::Closed);
        }
        self.ice.handle_answer(now.mono, path, message)?;
        self.hear(now.mono);
        self.start_handshake(now);
        Ok(())
    }

    /// Writes a connectivity check of ours that is due to `buf` (cleared first), and returns the path that
    /// it is for.
    pub fn poll_check(&mut self, now: Now, buf: &mut Vec<u8>) -> Option<Path> {
        buf.clear();
        match self.is_closed() {
            true => None,
            false => self.ice.poll_check(now.mono, buf),
        }
    }

    /// Forgets a path that cannot be used any more: its TCP connection closed, or it leads to somebody
    /// else.
    pub fn forget_path(&mut self, now: Now, path: Path) {
        self.ice.forget_path(now.mono, path);
    }

    /// Takes a DTLS datagram that came by `path`.
    ///
    /// # Errors
    ///
    /// Fails when the path is not validated or the datagram is nothing that an honest peer sends.
    pub fn handle_dtls(&mut self, now: Now, path: Path, datagram: &[u8]) -> Result<(), DropReason> {
        if !self.ice.knows(path) {
            return Err(DropReason::UnknownPath);
        }
        self.handle_records(now, datagram)
    }

    /// Authenticates and decrypts an SRTP packet in place, and returns the length of the RTP packet.
    /// The caller has found the path to be validated.
    ///
    /// # Errors
    ///
    /// Fails when the packet is not authentic or came before; its bytes are undefined then.
    pub fn open_rtp(&mut self, now: Now, packet: &mut [u8]) -> Result<usize, DropReason> {
        let arrived = packet.len();
        let srtp = self.session().and_then(Session::srtp);
        let len = srtp.ok_or(DropReason::NoKeys)?.open_rtp(packet)?;
        self.traffic.received += arrived as u64;
        self.hear(now.mono);
        Ok(len)
    }

    /// Authenticates and decrypts an SRTCP packet in place, and returns the length of the RTCP
    /// compound. The caller has found the path to be validated.
    ///
    /// # Errors
    ///
    /// Fails when the packet is not authentic or came before; its bytes are undefined then.
    pub fn open_rtcp(&mut self, now: Now, packet: &mut [u8]) -> Result<usize, DropReason> {
        let arrived = packet.len();
        let srtp = self.session().and_then(Session::srtp);
        let len = srtp.ok_or(DropReason::NoKeys)?.open_rtcp(packet)?;
        self.traffic.received += arrived as u64;
        self.hear(now.mono);
        Ok(len)
    }

    /// Encrypts the RTP packet `packet[start..]` in place and appends at most
    /// [`RTP_OVERHEAD`](crate::RTP_OVERHEAD) bytes: without allocation where the buffer has room for them.
    ///
    /// A packet may be sealed again under its sequence number for a retransmission, but with the very
    /// same bytes: other bytes under the same number give the keys away (RFC 7714 section 8.4).
    ///
    /// # Errors
    ///
    /// Fails when there are no keys yet, or these bytes are no RTP packet.
    pub fn seal_rtp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        let srtp = self.session().and_then(Session::srtp);
        srtp.ok_or(SealError::NoKeys)?.seal_rtp(packet, start)?;
        self.traffic.sent += packet.len().saturating_sub(start) as u64;
        Ok(())
    }

    /// Reads what sealing a packet of `ssrc` will need, so that the processor's caches have it when
    /// its turn comes. Returns a number that depends on what was read.
    #[inline]
    pub fn prefetch(&self, ssrc: Ssrc) -> u64 {
        match &self.phase {
            Phase::Open(session) => session.prefetch(ssrc.0),
            Phase::AwaitingDescription { .. } | Phase::Closed(_) => 0,
        }
    }

    /// Encrypts the RTCP compound `packet[start..]` in place and appends at most
    /// [`RTCP_OVERHEAD`](crate::RTCP_OVERHEAD) bytes: without allocation where the buffer has room for them.
    ///
    /// # Errors
    ///
    /// Fails when there are no keys yet, or these bytes are no RTCP packet.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        let srtp = self.session().and_then(Session::srtp);
        srtp.ok_or(SealError::NoKeys)?.seal_rtcp(packet, start)?;
        self.traffic.sent += packet.len().saturating_sub(start) as u64;
        Ok(())
    }

    /// Forgets what is known of an SSRC that the peer sent, but for where it ended: if it comes back,
    /// it goes on from there. Whoever leads SSRCs somewhere calls it when one leads nowhere any more.
    pub fn end_received(&mut self, ssrc: Ssrc) {
        if let Some(srtp) = self.session().and_then(Session::srtp) {
            srtp.end_received(ssrc.0);
        }
    }

    /// Forgets what is known of an SSRC that we sent, but for where it ended.
    pub fn end_sent(&mut self, ssrc: Ssrc) {
        if let Some(srtp) = self.session().and_then(Session::srtp) {
            srtp.end_sent(ssrc.0);
        }
    }

    /// Queues a binary message. A channel that is not open yet keeps some reliable messages.
    ///
    /// A reliable message waits for as long as it takes, and its permit with it. A lossy one has older ones
    /// give way, where too many wait.
    ///
    /// # Errors
    ///
    /// Fails when the message cannot be queued; the transport is unchanged.
    pub fn send_data(
        &mut self,
        now: Now,
        channel: DataChannel,
        message: DataMessage,
    ) -> Result<(), SendDataError> {
        if self.is_closed() {
            return Err(SendDataError::Closed);
        }
        self.channels.send(channel, message)?;
        if let Phase::Open(session) = &mut self.phase
            && let Some(sctp) = session.sctp()
        {
            self.channels.pump(now.mono, sctp);
        }
        Ok(())
    }

    /// Returns what was counted of data channels since this was asked last.
    pub fn take_data_counts(&mut self) -> DataCounts {
        self.channels.take_counts()
    }

    /// Does what is due at `now`. Calling too early does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.ice.handle_timeout(now.mono);
        let has_path = self.path().is_some();
        let Phase::Open(session) = &mut self.phase else {
            self.handle_silence(now);
            return;
        };
        if self.handshake_deadline.is_some_and(|at| at <= now.mono) {
            self.end(now, CloseReason::HandshakeFailed);
            return;
        }
        // A flight that has nowhere to go need not be sent again.
        let result = match has_path || session.is_connected() {
            true => session.handle_timeout(now.mono, &mut self.channels, &mut self.events),
            false => Ok(()),
        };
        if let Err(reason) = result {
            self.end(now, reason);
            return;
        }
        self.handle_silence(now);
    }

    /// Returns when [`Transport::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = match &self.phase {
            Phase::AwaitingDescription { .. } => None,
            Phase::Open(session) if session.is_connected() || self.path().is_some() => {
                session.poll_timeout(&self.channels)
            }
            // A flight that has nowhere to go need not be sent again.
            Phase::Open(_) => None,
            Phase::Closed(_) => return None,
        };
        let deadlines = [
            session,
            self.handshake_deadline,
            self.liveness.poll_timeout(),
            self.ice.poll_timeout(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Writes the next datagram of DTLS (and of SCTP inside it) for [`Transport::path`] to `buf`
    /// (cleared first). Returns false when there is none.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut Vec<u8>) -> bool {
        buf.clear();
        if self.path().is_none() {
            return false;
        }
        match &mut self.phase {
            Phase::AwaitingDescription { .. } => false,
            Phase::Open(session) => match session.poll_transmit(now.mono, buf) {
                Ok(written) => {
                    self.traffic.sent += buf.len() as u64;
                    written
                }
                Err(reason) => {
                    self.end(now, reason);
                    false
                }
            },
            Phase::Closed(session) => session
                .as_mut()
                .is_some_and(|session| session.poll_last_transmit(buf)),
        }
    }

    /// Returns what happened next.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// Returns where to send: of the paths that are proved the one that the peer nominated last (its
    /// latest authenticated USE-CANDIDATE), or until it did, the one that came first. A path is proved
    /// while the peer answers our checks there.
    pub fn path(&self) -> Option<Path> {
        self.ice.path()
    }

    /// Returns all paths that an authentic check came by, the caller's routes to this transport.
    pub fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.ice.paths()
    }

    /// Returns how long nothing authenticated has come from the peer.
    pub fn silence(&self, now: Instant) -> Duration {
        self.liveness.silence(now)
    }

    /// Returns what came from the peer and went to it: media with its reports, and what DTLS carries.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Tells whether DTLS is up.
    pub fn is_connected(&self) -> bool {
        match &self.phase {
            Phase::Open(session) => session.is_connected(),
            Phase::AwaitingDescription { .. } | Phase::Closed(_) => false,
        }
    }

    /// Closes the transport: queues DTLS close_notify for [`Transport::poll_transmit`] and takes nothing
    /// more. There is no event.
    pub fn close(&mut self, now: Now) {
        self.handshake_deadline = None;
        let phase = std::mem::replace(&mut self.phase, Phase::Closed(None));
        self.phase = match phase {
            Phase::AwaitingDescription { .. } => Phase::Closed(None),
            Phase::Open(mut session) => {
                let told = session.close(now.mono).is_ok();
                Phase::Closed(told.then_some(session))
            }
            Phase::Closed(session) => Phase::Closed(session),
        };
    }

    fn is_closed(&self) -> bool {
        match self.phase {
            Phase::Closed(_) => true,
            Phase::AwaitingDescription { .. } | Phase::Open(_) => false,
        }
    }

    fn session(&mut self) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::Open(session) => Some(session),
            Phase::AwaitingDescription { .. } | Phase::Closed(_) => None,
        }
    }

    /// Takes DTLS records that came by a validated path.
    fn handle_records(&mut self, now: Now, datagram: &[u8]) -> Result<(), DropReason> {
        let session = match &mut self.phase {
            Phase::AwaitingDescription { early } => {
                if early.len() >= MAX_EARLY_DATAGRAMS || datagram.len() > MAX_EARLY_DATAGRAM_LEN {
                    return Err(DropReason::TooEarly);
                }
                early.push(datagram.to_vec());
                return Ok(());
            }
            Phase::Open(session) => session,
            Phase::Closed(_) => return Err(DropReason::Closed),
        };
        let admission = session.admit(datagram)?;
        self.traffic.received += datagram.len() as u64;
        let events_before = self.events.len();
        let handled = session.handle(
            now.mono,
            (datagram, admission),
            &self.config,
            &mut self.channels,
            &mut self.events,
        );
        match handled {
            Ok(Progress::Connected) => self.connected(now, events_before),
            // Whether a record was authentic shows only by what it carried.
            Ok(Progress::None) if self.events.len() > events_before => self.hear(now.mono),
            Ok(Progress::None) => {}
            Err(reason) => self.end(now, reason),
        }
        Ok(())
    }

    /// Reports the end of the handshake, before what else its last datagram brought.
    fn connected(&mut self, now: Now, at: usize) {
        self.handshake_deadline = None;
        self.liveness.hear(now.mono);
        let protocol = self.path().map_or(LinkProtocol::Udp, |path| path.protocol);
        self.events
            .insert(at, TransportEvent::Connected { protocol });
    }

    /// Notes an authenticated packet. Silence is no news of a peer that has not connected yet.
    fn hear(&mut self, now: Instant) {
        if self.liveness.hear(now) && self.is_connected() {
            // What was proved before the silence may no longer be.
            self.ice.check_all(now);
            self.events.push_back(TransportEvent::Resumed);
        }
    }

    fn handle_silence(&mut self, now: Now) {
        if self.is_closed() {
            return;
        }
        match self.liveness.handle_timeout(now.mono) {
            Some(Silence::Began) if self.is_connected() => {
                self.events.push_back(TransportEvent::Silent);
            }
            Some(Silence::TooLong) => self.end(now, CloseReason::TimedOut),
            Some(Silence::Began) | None => {}
        }
    }

    /// Starts the limit of the handshake when there are both a path and a description, and the
    /// handshake when the path is proved.
    fn start_handshake(&mut self, now: Now) {
        let (has_paths, has_path) = (self.ice.has_paths(), self.path().is_some());
        let Some(session) = self.session().filter(|session| !session.is_connected()) else {
            return;
        };
        let begun = match has_path {
            true => session.begin(now.mono),
            false => Ok(()),
        };
        if has_paths {
            let deadline = now.mono + HANDSHAKE_TIMEOUT;
            self.handshake_deadline.get_or_insert(deadline);
        }
        if let Err(reason) = begun {
            self.end(now, reason);
        }
    }

    /// Closes the transport by itself.
    fn end(&mut self, now: Now, reason: CloseReason) {
        match reason {
            // What a library left behind after a panic is not touched again.
            CloseReason::InternalFault => {
                self.handshake_deadline = None;
                self.phase = Phase::Closed(None);
            }
            CloseReason::TimedOut
            | CloseReason::HandshakeFailed
            | CloseReason::ClosedByPeer
            | CloseReason::DataChannelFailed
            | CloseReason::DataStalled => self.close(now),
        }
        self.events.push_back(TransportEvent::Closed(reason));
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("ice", &self.ice)
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
