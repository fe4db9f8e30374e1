use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sfu_model::{DataChannel, Fingerprint, IceCredentials, Now, ShardIndex, Ssrc};
use sfu_rtp::rtcp::{Compound, Packet};
use sfu_rtp::{RtpHeader, SeqNo};
use sfu_transport::{PacketKind, classify};

use super::DataChannels;
use super::dtls::{CHROMIUM_PROFILES, Dtls, DtlsEvent, Srtp};
use super::ice::{Checked, Ice};
use crate::media::{Outbox, Publisher, Receiver};
use crate::{Random, Trace};

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

    /// Makes a client that has not been told of the server, and does what Chromium does.
    pub fn new(now: Now, name: &str, random: Random) -> Self {
        Self::with_profiles(now, name, random, &CHROMIUM_PROFILES)
    }

    /// Makes a client that offers these SRTP profiles.
    pub fn with_profiles(
        now: Now,
        name: &str,
        mut random: Random,
        profiles: &[SrtpProtectionProfile],
    ) -> Self {
        Self {
            name: name.to_owned(),
            local: IceCredentials::generate(ShardIndex(0), random.bytes()),
            random,
            ice: None,
            dtls: Dtls::new(profiles),
            phase: Phase::Checking,
            data: DataChannels::new(now.mono),
            srtp: None,
            mapped: None,
            publishers: Vec::new(),
            receivers: Vec::new(),
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
        let ufrag = self.local.ufrag.clone();
        match &mut self.ice {
            Some(ice) => ice.restart(now.mono, ufrag, remote),
            None => self.ice = Some(Ice::new(now.mono, ufrag, remote, self.random.clone())),
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

    fn handle_stun(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        let Some(ice) = &mut self.ice else {
            self.fault("a reply without a check");
            return;
        };
        match ice.handle(now.mono, datagram) {
            // A second copy of a reply is to no check any more.
            Checked::Refused => {}
            Checked::Valid(mapped) => {
                if self.mapped.replace(mapped) != Some(mapped) {
                    trace.note(now.mono, &self.name, format!("is seen at {mapped}"));
                }
                if self.phase == Phase::Checking {
                    self.phase = Phase::Handshaking;
                    self.dtls.connect(now.mono);
                }
            }
        }
    }

    fn handle_dtls(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        for event in self.dtls.handle(now.mono, datagram) {
            match event {
                DtlsEvent::Connected => {
                    trace.note(now.mono, &self.name, "is connected");
                    self.phase = Phase::Connected;
                    self.srtp = self.dtls.srtp();
                    self.data.connect(now.mono);
                }
                DtlsEvent::Data(packet) => {
                    let before = self.data.inbox.len();
                    self.data.handle(now.mono, &packet);
                    for (channel, message) in self.data.inbox.iter().skip(before) {
                        let what = format!("gets {} bytes by {channel:?}", message.len());
                        trace.note(now.mono, &self.name, what);
                    }
                }
                DtlsEvent::Closed => {
                    trace.note(now.mono, &self.name, "is closed");
                    self.phase = Phase::Closed;
                }
            }
        }
    }

    fn handle_rtp(&mut self, now: Now, datagram: &[u8]) {
        // The server is connected first: its media may overtake the end of the handshake.
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        let Ok(mut packet) = srtp.open.decrypt_rtp(datagram) else {
            self.fault("media that does not authenticate");
            return;
        };
        let Ok(header) = RtpHeader::parse(&packet) else {
            self.fault("media that does not parse");
            return;
        };
        let mut receivers = self.receivers.iter_mut();
        match receivers.find(|receiver| receiver.owns(header.ssrc)) {
            Some(receiver) => receiver.handle(now.mono, &mut packet),
            None => self.fault("media that nobody subscribed to"),
        }
    }

    fn handle_rtcp(&mut self, now: Now, datagram: &[u8], trace: &mut Trace) {
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        let Ok(compound) = srtp.open.decrypt_rtcp(datagram) else {
            self.fault("feedback that does not authenticate");
            return;
        };
        for packet in Compound::new(&compound) {
            let Ok(packet) = packet else {
                self.fault("feedback that does not parse");
                return;
            };
            self.handle_feedback(now, &packet, trace);
        }
    }

    fn handle_feedback(&mut self, now: Now, packet: &Packet<'_>, trace: &mut Trace) {
        match packet {
            Packet::Nack { media, pairs } => {
                let lost: Vec<SeqNo> = pairs.flat_map(|pair| pair.lost()).collect();
                let what = format!("is asked for {} packets of {}", lost.len(), media.0);
                trace.note(now.mono, &self.name, what);
                let Some(publisher) = find(&mut self.publishers, *media) else {
                    return;
                };
                for lost in lost {
                    publisher.handle_nack(now, lost, &mut self.media);
                }
            }
            Packet::PictureLossIndication { media } => {
                let what = format!("is asked for a key frame of {}", media.0);
                trace.note(now.mono, &self.name, what);
                if let Some(publisher) = find(&mut self.publishers, *media) {
                    publisher.handle_key_frame_request();
                }
            }
            Packet::SenderReport { .. }
            | Packet::ReceiverReport { .. }
            | Packet::SourceDescription(_)
            | Packet::Goodbye(_)
            | Packet::TransportFeedback(_)
            | Packet::FullIntraRequest(_)
            | Packet::Remb(_)
            | Packet::Other { .. } => {}
        }
    }

    fn fault(&mut self, fault: &str) {
        self.faults.push(fault.to_owned());
    }

    /// Returns when [`Client::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let media = self.is_connected().then(|| {
            let publishers = self.publishers.iter().filter_map(Publisher::poll_timeout);
            publishers.chain(self.receivers.iter().filter_map(Receiver::poll_timeout))
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
        if let Some(srtp) = self.srtp.as_mut().filter(|_| !compound.is_empty()) {
            let sealed = srtp.seal.encrypt_rtcp(&compound);
            let sealed = sealed.expect("feedback of our own can be sealed");
            self.datagrams.push_back(sealed.to_vec());
        }
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

fn find(publishers: &mut [Publisher], ssrc: Ssrc) -> Option<&mut Publisher> {
    let mut publishers = publishers.iter_mut();
    publishers.find(|publisher| publisher.ssrc() == ssrc)
}
