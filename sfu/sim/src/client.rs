//! A client's side of a transport, by other crates than the server's: `rtc-stun`, `rtc-dtls`,
//! `rtc-srtp`, `rtc-rtcp` and libwebrtc's SCTP.

mod check;
mod data;
mod dtls;
mod feedback;
mod ice;
mod inbound;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_model::{DataChannel, Fingerprint, IceCredentials, Now, ShardIndex};
use sfu_rtp::SeqNo;
use sfu_transport::{PacketKind, classify};

use crate::media::{Arrivals, Outbox, Publisher, Receiver};
use crate::{Random, Trace};
use dtls::{Dtls, Srtp};
use ice::Ice;

pub use check::write_check;
pub use data::DataChannels;

/// One client's transport, what it publishes and what it receives. Driven like the server's state
/// machines; what happens to it goes into the world's [`Trace`].
pub struct Client {
    name: String,
    random: Random,
    local: IceCredentials,
    ice: Option<Ice>,
    dtls: Dtls,
    phase: Phase,
    data: DataChannels,
    srtp: Option<Srtp>,
    /// Where the server saw it last.
    mapped: Option<SocketAddr>,
    publishers: Vec<Publisher>,
    receivers: Vec<Receiver>,
    /// Of all streams, for the server to estimate the link by.
    arrivals: Arrivals,
    media: Outbox,
    datagrams: VecDeque<Vec<u8>>,
    woken_at: Option<Instant>,
    faults: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// ICE has found no path yet.
    Checking,
    Handshaking,
    Connected,
    /// The server has closed.
    Closed,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client is not woken again sooner than this: a library whose deadline stays in the past
    /// cannot hold up the world.
    const LEAST_SLEEP: Duration = Duration::from_millis(1);

    /// Makes a client that has not been told of the server.
    pub fn new(now: Now, name: &str, mut random: Random) -> Self {
        Self {
            name: name.to_owned(),
            local: IceCredentials::generate(ShardIndex(0), random.bytes()),
            random,
            ice: None,
            dtls: Dtls::new(),
            phase: Phase::Checking,
            data: DataChannels::new(now.mono),
            srtp: None,
            mapped: None,
            publishers: Vec::new(),
            receivers: Vec::new(),
            arrivals: Arrivals::new(now.mono),
            media: Outbox {
                packets: VecDeque::new(),
                transport_cc: SeqNo(65_000),
            },
            datagrams: VecDeque::new(),
            woken_at: None,
            faults: Vec::new(),
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its ICE credentials.
    pub fn credentials(&self) -> &IceCredentials {
        &self.local
    }

    /// Returns the fingerprint of its certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.dtls.fingerprint()
    }

    /// Takes the server's credentials from its description. ICE begins with the first; others than
    /// before restart it.
    pub fn set_remote(&mut self, now: Now, remote: IceCredentials) {
        let local = self.local.clone();
        match &mut self.ice {
            Some(ice) => ice.restart(now.mono, local, remote),
            None => self.ice = Some(Ice::new(now.mono, local, remote, self.random.clone())),
        }
    }

    /// Draws other ICE credentials, for a restart.
    pub fn renew_credentials(&mut self) {
        self.local = IceCredentials::generate(ShardIndex(0), self.random.bytes());
    }

    /// Reports whether DTLS is up.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Reports whether the server has closed DTLS.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Returns its data channels.
    pub fn data(&self) -> &DataChannels {
        &self.data
    }

    /// Sends a message on a data channel that is open.
    pub fn send_data(&mut self, now: Now, channel: DataChannel, payload: Vec<u8>) {
        self.data.send(now.mono, channel, payload);
    }

    /// Begins to publish.
    pub fn publish(&mut self, publisher: Publisher) {
        self.publishers.push(publisher);
    }

    /// Expects a stream.
    pub fn receive(&mut self, receiver: Receiver) {
        self.receivers.push(receiver);
    }

    /// Returns what it publishes.
    pub fn publishers(&self) -> &[Publisher] {
        &self.publishers
    }

    /// Ends what it publishes.
    pub fn stop_publishing(&mut self) {
        for publisher in &mut self.publishers {
            publisher.end();
        }
    }

    /// Returns what it receives.
    pub fn receivers(&self) -> &[Receiver] {
        &self.receivers
    }

    /// Returns what the server did that no honest server does.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Takes a datagram.
    pub fn handle_datagram(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        match classify(datagram) {
            PacketKind::Stun => self.handle_stun(now, datagram, trace),
            PacketKind::Dtls => self.handle_dtls(now, datagram, trace),
            PacketKind::Rtp => self.handle_rtp(now, datagram),
            PacketKind::Rtcp => self.handle_rtcp(now, datagram, trace),
            PacketKind::Other => self.fault("a datagram of no kind"),
        }
        self.flush(now);
    }

    fn fault(&mut self, fault: &str) {
        self.faults.push(fault.to_owned());
    }

    /// Returns when [`Client::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let media = self.is_connected().then(|| {
            let publishers = self.publishers.iter().filter_map(Publisher::poll_timeout);
            let receivers = self.receivers.iter().filter_map(Receiver::poll_timeout);
            publishers
                .chain(receivers)
                .chain(self.arrivals.poll_timeout())
        });
        let ice = self.ice.as_ref().filter(|_| !self.is_closed());
        let transport = [
            ice.map(Ice::poll_timeout),
            self.dtls.poll_timeout(),
            self.data.poll_timeout(),
        ];
        let due = transport.into_iter().flatten();
        let due = due.chain(media.into_iter().flatten()).min()?;
        let earliest = self.woken_at.map(|at| at + Self::LEAST_SLEEP);
        Some(earliest.map_or(due, |earliest| earliest.max(due)))
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.woken_at = Some(now.mono);
        if let Some(ice) = self.ice.as_mut()
            && self.phase != Phase::Closed
            && let Some(check) = ice.handle_timeout(now.mono)
        {
            self.datagrams.push_back(check);
        }
        self.dtls.handle_timeout(now.mono);
        self.data.handle_timeout(now.mono);
        if self.is_connected() {
            self.handle_media_timeout(now);
        }
        self.flush(now);
    }

    fn handle_media_timeout(&mut self, now: Now) {
        for publisher in &mut self.publishers {
            publisher.handle_timeout(now, &mut self.media);
        }
        let mut compound = Vec::new();
        for receiver in &mut self.receivers {
            receiver.handle_timeout(now.mono, &mut compound);
        }
        self.arrivals.handle_timeout(now.mono, &mut compound);
        self.send_rtcp(&compound);
    }

    /// Hands what was produced down to datagrams.
    fn flush(&mut self, now: Now) {
        while let Some(packet) = self.data.poll_transmit() {
            self.dtls.send(now.mono, &packet);
        }
        while let Some(datagram) = self.dtls.poll_transmit() {
            self.datagrams.push_back(datagram);
        }
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        while let Some(packet) = self.media.packets.pop_front() {
            let sealed = srtp.seal.encrypt_rtp(&packet);
            let sealed = sealed.expect("packets of our own can be sealed");
            self.datagrams.push_back(sealed.to_vec());
        }
    }

    /// Returns the next datagram to send.
    pub fn poll_transmit(&mut self, now: Now) -> Option<Vec<u8>> {
        self.flush(now);
        self.datagrams.pop_front()
    }
}
