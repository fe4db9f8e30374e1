use std::time::Instant;

use sfu_model::{Event, MediaKind, Now, SpatialLayer, Ssrc};
use sfu_rtp::payload::peek;
use sfu_rtp::rtcp::SenderReport;
use sfu_rtp::{AbsSendTime, ExtendedSeqNo, ExtensionRanges, RtpHeader, TwccRecorder, rtx};

use crate::arrival::Arrival;
use crate::limits::TAKEOVER;
use crate::peer::{Peer, PeerKey};
use crate::publication::{Format, Publication, PublicationKey};
use crate::routes::{Flow, Route};
use crate::timers::TimerReason;
use crate::{DropReason, Shard};

/// A decrypted packet on its way to its stream. `P` are its bytes.
pub(crate) struct Received<P> {
    pub(crate) packet: P,
    pub(crate) header: RtpHeader,
    pub(crate) extensions: ExtensionRanges,
}

/// What is missing of a stream.
struct Losses {
    /// When packets are to be asked for again.
    due: Option<Instant>,
    /// Whether packets were given up.
    given_up: bool,
}

/// From the datagram of a publisher to a packet of a publication.
impl Shard {
    pub(crate) fn handle_rtp(&mut self, now: Now, key: PeerKey, datagram: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let received = match Self::open(now, peer, datagram) {
            Ok(received) => received,
            Err(reason) => {
                self.output.drop(reason);
                return;
            }
        };
        self.note_heard(now, key);
        self.arm_transport_feedback(key);
        let ssrc = received.header.ssrc;
        if let Err(reason) = self.take(now, key, received) {
            self.output.drop(reason);
            self.end_unless_led(key, ssrc);
        }
    }

    /// Has nothing kept of an SSRC that leads nowhere.
    fn end_unless_led(&mut self, key: PeerKey, ssrc: Ssrc) {
        if let Some(peer) = self.peers.get_mut(key)
            && peer.receives.routes.find(ssrc).is_none()
        {
            peer.transport.end_received(ssrc);
        }
    }

    fn take(
        &mut self,
        now: Now,
        key: PeerKey,
        received: Received<&mut [u8]>,
    ) -> Result<(), DropReason> {
        let route = self.route(key, &received)?;
        let (received, format) = self.ready(now.mono, route, received)?;
        self.accept(now, key, route, format, received)
    }

    /// Decrypts and parses a packet, and notes its arrival for the report about the transport.
    fn open<'a>(
        now: Now,
        peer: &mut Peer,
        datagram: &'a mut [u8],
    ) -> Result<Received<&'a mut [u8]>, DropReason> {
        let opened = peer.transport.open_rtp(now, datagram);
        let len = opened.map_err(DropReason::Refused)?;
        let packet = datagram.get_mut(..len).ok_or(DropReason::Malformed)?;
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::Malformed)?;
        let table = peer.receives.routes.extensions();
        let table = table.ok_or(DropReason::UnknownSsrc)?;
        let extensions = header.extensions(packet, table);
        if peer.receives.transport_cc
            && let Some(seq) = extensions.transport_cc(packet)
        {
            let twcc = peer
                .receives
                .twcc
                .get_or_insert_with(|| Box::new(TwccRecorder::new()));
            twcc.on_packet(now.mono, seq, header.ssrc);
        }
        Ok(Received {
            packet,
            header,
            extensions,
        })
    }

    /// Finds what a packet belongs to: by its SSRC, or by what it says of itself.
    #[inline]
    fn route(&mut self, key: PeerKey, received: &Received<&mut [u8]>) -> Result<Route, DropReason> {
        let peer = self.peers.get_mut(key).ok_or(DropReason::UnknownSsrc)?;
        let ssrc = received.header.ssrc;
        if let Some(route) = peer.receives.routes.find(ssrc) {
            return Ok(route);
        }
        let publication_key = self.section_of(key, received)?;
        let publication = self.publications.get(publication_key);
        let publication = publication.ok_or(DropReason::UnknownSsrc)?;
        let format = publication.format(received.header.payload_type);
        let format = format.ok_or(DropReason::UnknownPayloadType)?;
        let rid = match format.flow {
            Flow::Primary => received.extensions.rid(received.packet),
            Flow::Retransmission => received.extensions.repaired_rid(received.packet),
        };
        let encoding = publication
            .encoding_of(rid)
            .ok_or(DropReason::UnknownSsrc)?;
        let route = Route {
            publication: publication_key,
            encoding,
            flow: format.flow,
        };
        let peer = self.peers.get_mut(key).ok_or(DropReason::UnknownSsrc)?;
        if !peer.receives.routes.learn(ssrc, route) {
            return Err(DropReason::TooManySsrcs);
        }
        Ok(route)
    }

    /// Finds the publication of an SSRC that is seen for the first time: by the media section that
    /// the packet names, or as the only one whose payload types it fits (RFC 9143 section 9.2).
    fn section_of(
        &self,
        key: PeerKey,
        received: &Received<&mut [u8]>,
    ) -> Result<PublicationKey, DropReason> {
        let peer = self.peers.get(key).ok_or(DropReason::UnknownSsrc)?;
        let routes = &peer.receives.routes;
        if let Some(mid) = received.extensions.mid(received.packet) {
            return routes.section(mid).ok_or(DropReason::UnknownSsrc);
        }
        let payload_type = received.header.payload_type;
        let mut fitting = routes.publications().filter(|key| {
            let publication = self.publications.get(*key);
            publication.is_some_and(|publication| publication.format(payload_type).is_some())
        });
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only),
            (None, _) | (Some(_), Some(_)) => Err(DropReason::UnknownSsrc),
        }
    }

    /// Turns a retransmission into what it repeats, and sees to it that the packet has a stream.
    #[inline]
    fn ready<'a>(
        &mut self,
        now: Instant,
        route: Route,
        received: Received<&'a mut [u8]>,
    ) -> Result<(Received<&'a mut [u8]>, Format), DropReason> {
        let publication = self.publications.get_mut(route.publication);
        let publication = publication.ok_or(DropReason::UnknownSsrc)?;
        let format = publication.format(received.header.payload_type);
        let format = format.ok_or(DropReason::UnknownPayloadType)?;
        let received = match format.flow {
            Flow::Primary => received,
            Flow::Retransmission => Self::restore(received, publication, route.encoding, format)?,
        };
        let ssrc = received.header.ssrc;
        if Self::ready_stream(now, publication, ssrc, route.encoding, format)? {
            if !publication.is_declared(route.encoding, ssrc) {
                self.output.event(Event::EncodingStarted {
                    publication: publication.id,
                    encoding: SpatialLayer(route.encoding),
                    ssrc,
                });
            }
            self.begin_anew(route.publication, route.encoding);
        }
        Ok((received, format))
    }

    /// Takes a packet into its stream and hands it on to those who subscribe.
    fn accept(
        &mut self,
        now: Now,
        key: PeerKey,
        route: Route,
        format: Format,
        received: Received<&mut [u8]>,
    ) -> Result<(), DropReason> {
        let received = Received {
            packet: &*received.packet,
            header: received.header,
            extensions: received.extensions,
        };
        let (seq, losses) = self.number(now.mono, route, format, &received)?;
        let arrival = self.admit(now, route, format, (seq, received))?;
        self.output.counters.rtp_in += 1;
        self.arm_reports(now.mono, key, losses.due);
        if losses.given_up {
            self.recover(now.mono, route.publication, route.encoding);
        }
        self.note_arrival(now, route.publication, &arrival);
        self.export_packet(now.mono, route.publication, &arrival);
        self.fan_out(now, route.publication, &arrival);
        Ok(())
    }

    /// Takes a packet into its stream. Returns its number there, and what is missing.
    #[inline]
    fn number(
        &mut self,
        now: Instant,
        route: Route,
        format: Format,
        received: &Received<&[u8]>,
    ) -> Result<(ExtendedSeqNo, Losses), DropReason> {
        let publication = self.publications.get_mut(route.publication);
        let publication = publication.ok_or(DropReason::UnknownSsrc)?;
        let nack = publication.nack();
        let stream = publication.stream_mut(route.encoding);
        let stream = stream.ok_or(DropReason::UnknownSsrc)?;
        let seq = stream
            .accept(now, &received.header, received.packet, format.flow)
            .ok_or(DropReason::Duplicate)?;
        let losses = Losses {
            due: stream.poll_timeout().filter(|_| nack),
            given_up: stream.take_given_up(),
        };
        Ok((seq, losses))
    }

    /// Returns what a packet of a stream is to those who get it.
    #[inline]
    pub(crate) fn admit<'a>(
        &mut self,
        now: Now,
        route: Route,
        format: Format,
        (seq, received): (ExtendedSeqNo, Received<&'a [u8]>),
    ) -> Result<Arrival<'a>, DropReason> {
        let publication = self.publications.get_mut(route.publication);
        let publication = publication.ok_or(DropReason::UnknownSsrc)?;
        let passage = publication.passage(format.codec);
        let is_video = publication.kind() == MediaKind::Video;
        let stream = publication.stream_mut(route.encoding);
        let stream = stream.ok_or(DropReason::UnknownSsrc)?;
        let Received {
            packet,
            header,
            extensions,
        } = received;
        let number = stream.number();
        let frame = if header.is_padding_only() {
            None
        } else {
            let peek = peek(format.codec, header.payload(packet));
            let peek = peek.map_err(|_| DropReason::Malformed)?;
            let descriptor = extensions.dependency_descriptor(packet);
            let frame = stream.frame(format.codec, &peek, descriptor);
            let is_anew = stream.change_codec(seq, format.codec);
            if is_video
                && let Some(whole) = stream.watch_key_frames(now.mono, seq, &header, &frame)
                && let Some(requests) = publication.key_frames(route.encoding)
            {
                requests.on_key_frame(whole);
            }
            if is_anew {
                self.begin_anew(route.publication, route.encoding);
            }
            Some(frame)
        };
        Ok(Arrival {
            packet,
            header,
            extensions,
            encoding: route.encoding,
            stream: number,
            seq,
            codec: format.codec,
            frame,
            passage,
            departure: AbsSendTime::from(now.unix),
            padding: 0,
        })
    }

    /// Turns a retransmission into the packet that it repeats.
    fn restore<'a>(
        received: Received<&'a mut [u8]>,
        publication: &Publication,
        encoding: u8,
        format: Format,
    ) -> Result<Received<&'a mut [u8]>, DropReason> {
        let stream = publication.stream(encoding);
        let ssrc = stream.ok_or(DropReason::EarlyRetransmission)?.ssrc();
        let Received {
            packet,
            header,
            extensions,
        } = received;
        let packet = rtx::restore(packet, &header, ssrc, format.payload_type);
        let packet = packet.ok_or(DropReason::PaddingOnly)?;
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::Malformed)?;
        // The header lies where it did, as seen from the packet's beginning, and with it the extensions.
        Ok(Received {
            packet,
            header,
            extensions,
        })
    }

    /// Sees to it that the encoding has a stream of the packet's SSRC and clock. Returns whether it began.
    #[inline]
    fn ready_stream(
        now: Instant,
        publication: &mut Publication,
        ssrc: Ssrc,
        encoding: u8,
        format: Format,
    ) -> Result<bool, DropReason> {
        let clock_rate = format.codec.clock_rate();
        if let Some(stream) = publication.stream(encoding) {
            if stream.ssrc() == ssrc && stream.clock_rate() == clock_rate {
                return Ok(false);
            }
            if now.saturating_duration_since(stream.latest()) < TAKEOVER {
                return Err(DropReason::StreamTaken);
            }
        }
        publication.begin_stream(now, encoding, ssrc, clock_rate);
        Ok(true)
    }

    /// Has subscribers take an encoding up anew: its numbers begin anew, or its codec is another.
    pub(crate) fn begin_anew(&mut self, publication: PublicationKey, encoding: u8) {
        let Some(publication) = self.publications.get(publication) else {
            return;
        };
        for key in &publication.subscriptions {
            if let Some(subscription) = self.subscriptions.get_mut(*key) {
                subscription.lose(encoding);
            }
        }
    }

    /// Sees to it that the publisher hears when its packets arrived: also of those that serve
    /// nothing but its probing.
    #[inline]
    fn arm_transport_feedback(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let twcc = peer.receives.twcc.as_ref();
        if let Some(due) = twcc.and_then(|twcc| twcc.poll_timeout())
            && peer.timers.set_if_idle(TimerReason::TransportFeedback, due)
        {
            peer.arm(key, &mut self.schedule);
        }
    }

    /// Sees to it that the publisher hears of what arrived and what is missing.
    #[inline]
    fn arm_reports(&mut self, now: Instant, key: PeerKey, losses_due: Option<Instant>) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let timers = &mut peer.timers;
        let report = now + TimerReason::RECEIVER_REPORT_DELAY;
        let mut earlier = timers.set_if_idle(TimerReason::ReceiverReport, report);
        if let Some(due) = losses_due {
            earlier |= timers.set_if_earlier(TimerReason::Nack, due);
        }
        if earlier {
            peer.arm(key, &mut self.schedule);
        }
    }

    /// Notes what a packet says of its publication.
    fn note_arrival(&mut self, now: Now, key: PublicationKey, arrival: &Arrival<'_>) {
        let Some(publication) = self.publications.get_mut(key) else {
            return;
        };
        if !publication.started {
            publication.started = true;
            self.output.event(Event::PublicationStarted {
                publication: publication.id,
            });
        }
        if arrival.frame.is_some() && publication.note_codec(now.mono, arrival.codec) {
            self.output.event(Event::CodecChanged {
                publication: publication.id,
                codec: arrival.codec,
            });
        }
        if publication.kind() == MediaKind::Audio {
            self.hear(now, key, arrival);
        }
    }

    /// Takes what a publisher says of the clock of one of its streams.
    pub(crate) fn on_sender_report(&mut self, now: Instant, key: PeerKey, report: &SenderReport) {
        let peer = self.peers.get(key);
        let route = peer.and_then(|peer| peer.receives.routes.find(report.ssrc));
        let Some(route) = route.filter(|route| route.flow == Flow::Primary) else {
            return;
        };
        let publication = self.publications.get_mut(route.publication);
        let stream = publication.and_then(|publication| publication.stream_mut(route.encoding));
        if let Some(stream) = stream.filter(|stream| stream.ssrc() == report.ssrc) {
            stream.on_sender_report(now, report);
            self.export_clock(route.publication, route.encoding);
        }
    }
}
