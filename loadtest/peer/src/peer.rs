use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_model::{ExtensionId, Fingerprint, IceCredentials, Now, PayloadType, Ssrc};
use sfu_rtp::rtcp::{Compound, Packet, write_receiver_report};
use sfu_rtp::{RtpHeader, SeqNo, TwccRecorder, rtx};
use sfu_transport::srtp::SrtpSession;
use sfu_transport::{DropReason, PacketKind, classify};

use crate::data::{DataTransport, OutboundData};
use crate::dtls::{DtlsClient, DtlsEvent};
use crate::ice::IceAgent;
use crate::inbound::{InboundStream, Way};
use crate::outbound::{OutboundTrack, Outbox};
use crate::{
    Arrival, Completeness, DataChannelOpener, DataDelivery, DataFlow, Demand, IceRole, Identity,
    Inbound, Outbound, Tally,
};

/// What a peer needs of both descriptions.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// Our ICE credentials.
    pub local: IceCredentials,
    /// The server's.
    pub remote: IceCredentials,
    /// Who nominates.
    pub role: IceRole,
    /// The server's certificate.
    pub fingerprint: Fingerprint,
    /// Where the server may be reached, best first.
    pub candidates: Vec<SocketAddr>,
    /// Who opens the data channels.
    pub data_channels: DataChannelOpener,
    /// Makes checks unpredictable, and is the SSRC of our feedback.
    pub random: [u8; 12],
}

/// What happens to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE has found a path: the first, or one with other credentials after a restart.
    PathFound,
    /// DTLS is up: media can flow.
    Connected,
    /// The first authenticated media packet came.
    FirstMedia,
    /// The handshake failed.
    Refused,
    /// The server has closed.
    Closed,
}

/// One peer connection of a client: the other half of an SFU's transport. Driven like the server's state machines:
/// `handle_*` takes input, `poll_*` yields what is to be done.
#[derive(Debug)]
pub struct Peer {
    ice: IceAgent,
    dtls: Dtls,
    srtp: Option<Box<SrtpSession>>,
    opener: DataChannelOpener,
    data: DataTransport,
    sender: Ssrc,
    inbound: Vec<InboundStream>,
    /// Where packets of an SSRC go, sorted by SSRC.
    routes: Vec<Route>,
    transport_cc: Option<(ExtensionId, TwccRecorder)>,
    outbound: Vec<OutboundTrack>,
    outbox: Outbox,
    transmits: VecDeque<(SocketAddr, Vec<u8>)>,
    events: VecDeque<PeerEvent>,
    report_at: Option<Instant>,
    has_media: bool,
    /// What the monotonic clock showed at the zero of stamps.
    epoch: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    ssrc: Ssrc,
    stream: usize,
    way: Way,
}

struct Dtls {
    client: DtlsClient,
    begun: bool,
}

impl std::fmt::Debug for Dtls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dtls").finish_non_exhaustive()
    }
}

impl Peer {
    /// Between receiver reports.
    const REPORT_INTERVAL: Duration = Duration::from_secs(1);
    /// Most report blocks of one receiver report.
    const MAX_BLOCKS: usize = 31;

    /// Makes a peer that begins with its checks; `epoch` is the zero of the stamps that it reads and writes.
    pub fn new(now: Now, epoch: Instant, identity: &Identity, config: PeerConfig) -> Self {
        let [t0, t1, t2, t3, t4, t5, t6, t7, sender @ ..] = config.random;
        let tie_breaker = [t0, t1, t2, t3, t4, t5, t6, t7];
        let mut ice = IceAgent::new(
            now.mono,
            config.local,
            config.remote,
            config.role,
            tie_breaker,
        );
        for candidate in config.candidates {
            ice.add_candidate(now.mono, candidate);
        }
        Self {
            ice,
            dtls: Dtls {
                client: DtlsClient::new(identity, config.fingerprint),
                begun: false,
            },
            srtp: None,
            opener: config.data_channels,
            data: DataTransport::new(epoch),
            sender: Ssrc(u32::from_be_bytes(sender)),
            inbound: Vec::new(),
            routes: Vec::new(),
            transport_cc: None,
            outbound: Vec::new(),
            outbox: Outbox::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            report_at: None,
            has_media: false,
            epoch,
        }
    }

    /// Adds an address of the server that came later.
    pub fn add_candidate(&mut self, now: Now, candidate: SocketAddr) {
        self.ice.add_candidate(now.mono, candidate);
    }

    /// Restarts ICE with other credentials.
    pub fn restart_ice(&mut self, now: Now, local: IceCredentials, remote: IceCredentials) {
        self.ice.restart(now.mono, local, remote);
    }

    /// Says which header extension numbers all packets of the transport, so that feedback is sent about them.
    pub fn set_transport_cc(&mut self, id: ExtensionId) {
        if !matches!(self.transport_cc, Some((known, _)) if known == id) {
            self.transport_cc = Some((id, TwccRecorder::new()));
        }
    }

    /// Takes the streams that the latest description announces. Those that it announced before go on.
    pub fn set_inbound(&mut self, announced: Vec<Inbound>) {
        let mut before = std::mem::take(&mut self.inbound);
        for config in announced {
            let known = before.iter().position(|stream| stream.config() == &config);
            self.inbound.push(match known {
                Some(at) => before.swap_remove(at),
                None => InboundStream::new(config),
            });
        }
        self.routes.clear();
        for (stream, config) in self.inbound.iter().map(InboundStream::config).enumerate() {
            let ssrcs = [
                (Some(config.ssrc), Way::Original),
                (config.rtx, Way::Retransmitted),
            ];
            for (ssrc, way) in ssrcs {
                self.routes
                    .extend(ssrc.map(|ssrc| Route { ssrc, stream, way }));
            }
        }
        self.routes.sort_by_key(|route| route.ssrc);
    }

    /// Begins to publish a track as soon as the transport is up.
    pub fn publish(&mut self, now: Now, track: Outbound) {
        self.outbound.push(OutboundTrack::new(now.mono, track));
    }

    /// Ends a track that is published in the media section `mid`.
    pub fn unpublish(&mut self, mid: &str) {
        self.outbound.retain(|track| track.mid() != mid);
    }

    /// Says whether anybody receives an encoding that is published.
    pub fn set_demand(&mut self, now: Now, media: Ssrc, demand: Demand) {
        for track in &mut self.outbound {
            track.set_demand(now.mono, media, demand);
        }
    }

    /// Begins to publish data as soon as its channel is open.
    pub fn publish_data(&mut self, now: Now, data: OutboundData) {
        self.data.publish(now.mono, data);
    }

    /// Sends a message on a data channel of ours, as it is; `false` when the channel is not open or its queue is full.
    pub fn send_data(&mut self, now: Now, delivery: DataDelivery, message: Vec<u8>) -> bool {
        let sent = self.data.send(now.mono, delivery, message);
        self.flush_data(now);
        sent
    }

    /// Leaves the messages that come where they are, as an app that does not read: the window of SCTP closes.
    pub fn hold_data(&mut self) {
        self.data.hold();
    }

    /// Notes in `tally` how long nothing has come of each stream.
    pub fn note_pauses(&self, now: Instant, tally: &mut Tally) {
        for stream in &self.inbound {
            stream.note_pause(now, tally);
        }
    }

    /// Reports whether media can flow.
    pub fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// Takes a datagram. Received media is counted in `tally`.
    pub fn handle_datagram(
        &mut self,
        arrival: Arrival,
        from: SocketAddr,
        datagram: &mut [u8],
        tally: &mut Tally,
    ) {
        let now = arrival.now;
        match classify(datagram) {
            PacketKind::Rtp => self.handle_rtp(&arrival, datagram, tally),
            PacketKind::Rtcp => self.handle_rtcp(&arrival, datagram, tally),
            PacketKind::Stun => self.handle_stun(now, from, datagram),
            PacketKind::Dtls => self.handle_dtls(&arrival, datagram, tally),
            PacketKind::Other => tally.refused += 1,
        }
    }

    fn handle_stun(&mut self, now: Now, from: SocketAddr, datagram: &[u8]) {
        self.ice.handle(now.mono, from, datagram);
        while let Some(reply) = self.ice.poll_reply() {
            self.transmits.push_back(reply);
        }
        if self.ice.take_found() {
            self.events.push_back(PeerEvent::PathFound);
        }
        if self.ice.selected().is_some() && !self.dtls.begun {
            self.dtls.begun = true;
            if self.dtls.client.connect(now.mono).is_err() {
                self.events.push_back(PeerEvent::Refused);
            }
            self.flush_dtls();
        }
    }

    fn handle_dtls(&mut self, arrival: &Arrival, datagram: &[u8], tally: &mut Tally) {
        let now = arrival.now;
        for event in self.dtls.client.handle(now.mono, datagram) {
            match event {
                DtlsEvent::Connected(srtp) => {
                    self.srtp = Some(srtp);
                    self.data.connect(now.mono, self.opener);
                    self.report_at = Some(now.mono + Self::REPORT_INTERVAL);
                    self.events.push_back(PeerEvent::Connected);
                }
                DtlsEvent::Refused => self.events.push_back(PeerEvent::Refused),
                DtlsEvent::Data(packet) => self.data.handle(arrival, &packet, tally),
                DtlsEvent::Closed => self.events.push_back(PeerEvent::Closed),
            }
        }
        self.flush_data(now);
    }

    /// Hands what SCTP has to say to DTLS.
    fn flush_data(&mut self, now: Now) {
        while let Some(packet) = self.data.poll_transmit() {
            self.dtls.client.send(now.mono, &packet);
        }
        self.flush_dtls();
    }

    fn flush_dtls(&mut self) {
        let Some(to) = self.ice.selected() else {
            return;
        };
        let mut datagram = Vec::new();
        while self.dtls.client.poll_transmit(&mut datagram) {
            self.transmits
                .push_back((to, std::mem::take(&mut datagram)));
        }
    }

    fn handle_rtp(&mut self, arrival: &Arrival, datagram: &mut [u8], tally: &mut Tally) {
        let Some(srtp) = &mut self.srtp else {
            // The server is connected first: its media may overtake the end of the handshake.
            return;
        };
        let len = match srtp.open_rtp(datagram) {
            Ok(len) => len,
            Err(DropReason::SrtpReplayed) => {
                tally.duplicates += 1;
                return;
            }
            Err(_) => {
                tally.refused += 1;
                return;
            }
        };
        let Some(packet) = datagram.get_mut(..len) else {
            return;
        };
        let Ok(header) = RtpHeader::parse(packet) else {
            tally.refused += 1;
            return;
        };
        tally.packets += 1;
        tally.bytes += len as u64;
        if !self.has_media {
            self.has_media = true;
            self.events.push_back(PeerEvent::FirstMedia);
        }
        self.note_transport_cc(arrival.at, &header, packet);
        self.route(arrival, &header, packet, tally);
    }

    fn route(
        &mut self,
        arrival: &Arrival,
        header: &RtpHeader,
        packet: &mut [u8],
        tally: &mut Tally,
    ) {
        let found = self
            .routes
            .binary_search_by_key(&header.ssrc, |route| route.ssrc);
        let route = found.ok().and_then(|at| self.routes.get(at)).copied();
        let stream =
            route.and_then(|route| self.inbound.get_mut(route.stream).zip(Some(route.way)));
        let Some((stream, way)) = stream else {
            tally.unknown += 1;
            return;
        };
        let times = (arrival, self.epoch);
        match way {
            Way::Original => stream.handle(times, header, packet, way, tally),
            Way::Retransmitted => {
                tally.retransmitted += 1;
                let codecs = &stream.config().codecs;
                let payload_type = codecs.first().map_or(PayloadType(0), |(number, _)| *number);
                let ssrc = stream.config().ssrc;
                let original = rtx::restore(packet, header, ssrc, payload_type);
                if let Some(original) = original
                    && let Ok(header) = RtpHeader::parse(original)
                {
                    stream.handle(times, &header, original, way, tally);
                }
            }
        }
    }

    fn note_transport_cc(&mut self, at: Instant, header: &RtpHeader, packet: &[u8]) {
        let Some((wanted, recorder)) = &mut self.transport_cc else {
            return;
        };
        header.for_each_extension(packet, |id, range| {
            if id == *wanted
                && let Some(seq) = range.of(packet).first_chunk()
            {
                recorder.on_packet(at, SeqNo(u16::from_be_bytes(*seq)), header.ssrc);
            }
        });
    }

    fn handle_rtcp(&mut self, arrival: &Arrival, datagram: &mut [u8], tally: &mut Tally) {
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        let Ok(len) = srtp.open_rtcp(datagram) else {
            tally.refused += 1;
            return;
        };
        for packet in Compound::new(datagram.get(..len).unwrap_or_default()) {
            let Ok(packet) = packet else {
                return;
            };
            self.handle_feedback(arrival, &packet, tally);
        }
    }

    fn handle_feedback(&mut self, arrival: &Arrival, packet: &Packet<'_>, tally: &mut Tally) {
        match packet {
            Packet::SenderReport { sender, .. } => {
                let mut streams = self.inbound.iter_mut();
                if let Some(stream) = streams.find(|stream| stream.config().ssrc == sender.ssrc) {
                    stream.handle_sender_report(arrival.at, sender.ntp);
                }
            }
            Packet::Nack { media, pairs } => {
                for track in &mut self.outbound {
                    let lost = pairs.flat_map(|pair| pair.lost());
                    tally.resent += track.handle_nack(arrival.now, *media, lost, &mut self.outbox);
                }
            }
            Packet::PictureLossIndication { media } => self.request_key_frame(*media, tally),
            Packet::FullIntraRequest(entries) => {
                for (media, _) in *entries {
                    self.request_key_frame(media, tally);
                }
            }
            Packet::ReceiverReport { .. }
            | Packet::SourceDescription(_)
            | Packet::Goodbye(_)
            | Packet::TransportFeedback(_)
            | Packet::Remb(_)
            | Packet::Other { .. } => {}
        }
    }

    fn request_key_frame(&mut self, media: Ssrc, tally: &mut Tally) {
        for track in &mut self.outbound {
            tally.key_frame_requests += u64::from(track.handle_key_frame_request(media));
        }
    }

    /// Returns when [`Peer::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.is_connected() {
            let transport = [self.ice.poll_timeout(), self.dtls.client.poll_timeout()];
            return transport.into_iter().flatten().min();
        }
        let feedback = self.transport_cc.as_ref();
        let feedback = feedback.and_then(|(_, recorder)| recorder.poll_timeout());
        let streams = self.inbound.iter().filter_map(InboundStream::poll_timeout);
        let tracks = self.outbound.iter().map(OutboundTrack::poll_timeout);
        let ice = self.ice.poll_timeout().into_iter();
        let data = self.data.poll_timeout();
        ice.chain(feedback)
            .chain(data)
            .chain(self.report_at)
            .chain(streams)
            .chain(tracks)
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now, tally: &mut Tally) {
        if let Some(check) = self.ice.handle_timeout(now.mono) {
            self.transmits.push_back(check);
        }
        if self.is_connected() {
            let since_epoch = now.mono.saturating_duration_since(self.epoch);
            for track in &mut self.outbound {
                track.handle_timeout(now, since_epoch, &mut self.outbox, tally);
            }
            self.send_feedback(now);
            if self.data.poll_timeout().is_some_and(|at| at <= now.mono) {
                self.data.handle_timeout(now.mono);
                self.flush_data(now);
            }
            return;
        }
        // Once it is up the association has nothing to repeat: the server's flight was the last.
        let handshake = self.dtls.client.poll_timeout();
        if handshake.is_some_and(|at| at <= now.mono) {
            self.dtls.client.handle_timeout(now.mono);
            self.flush_dtls();
        }
    }

    fn send_feedback(&mut self, now: Now) {
        let mut compound = self.outbox.buffer();
        for track in &mut self.outbound {
            track.write_reports(now, &mut compound);
        }
        if self.report_at.is_some_and(|at| at <= now.mono) {
            self.report_at = Some(now.mono + Self::REPORT_INTERVAL);
            let blocks: Vec<_> = self
                .inbound
                .iter_mut()
                .filter_map(|stream| stream.report(now.mono))
                .collect();
            for blocks in blocks.chunks(Self::MAX_BLOCKS) {
                write_receiver_report(&mut compound, self.sender, blocks);
            }
        }
        for stream in &mut self.inbound {
            stream.handle_timeout(now.mono, self.sender, &mut compound);
        }
        if let Some((_, recorder)) = &mut self.transport_cc
            && recorder.poll_timeout().is_some_and(|at| at <= now.mono)
        {
            recorder.write_feedback(now.mono, self.sender, &mut compound);
        }
        let (Some(to), Some(srtp)) = (self.ice.selected(), &mut self.srtp) else {
            return;
        };
        if !compound.is_empty() && srtp.seal_rtcp(&mut compound, 0).is_ok() {
            self.transmits.push_back((to, compound));
        } else {
            self.outbox.recycle(compound);
        }
    }

    /// Swaps the next datagram into `buf` and tells where it goes.
    pub fn poll_transmit(&mut self, buf: &mut Vec<u8>) -> Option<SocketAddr> {
        if let Some((to, mut datagram)) = self.transmits.pop_front() {
            std::mem::swap(buf, &mut datagram);
            self.outbox.recycle(datagram);
            return Some(to);
        }
        let (to, srtp) = (self.ice.selected()?, self.srtp.as_mut()?);
        let mut packet = self.outbox.packets.pop_front()?;
        let sealed = srtp.seal_rtp(&mut packet, 0).is_ok();
        std::mem::swap(buf, &mut packet);
        self.outbox.recycle(packet);
        sealed.then_some(to)
    }

    /// Returns what happened next.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Queues DTLS close_notify.
    pub fn close(&mut self, now: Now) {
        self.outbound.clear();
        self.dtls.client.close(now.mono);
        self.flush_dtls();
    }

    /// Begins to count which packets come, and of data those that are made from `data_from` on.
    pub fn begin_window(&mut self, data_from: Duration) {
        self.data.begin_window(data_from);
        for stream in &mut self.inbound {
            stream.begin_window();
        }
    }

    /// Ends the count; packets of before that come late still count, and so does data that is made until `data_to`.
    pub fn end_window(&mut self, data_to: Duration) {
        self.data.end_window(data_to);
        for stream in &mut self.inbound {
            stream.end_window();
        }
    }

    /// Returns what of the data was sent and came between the two.
    pub fn data_flow(&self) -> DataFlow {
        self.data.flow()
    }

    /// Returns what came between the two.
    pub fn completeness(&self) -> Completeness {
        let mut whole = Completeness::default();
        for stream in &self.inbound {
            whole.merge(stream.completeness());
        }
        whole
    }
}
