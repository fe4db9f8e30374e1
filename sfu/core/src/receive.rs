//! From the datagram of a publisher to a packet of a publication.

use std::time::Instant;

use sfu_model::{Event, Now, SpatialLayer, Ssrc};
use sfu_rtp::rtcp::SenderReport;

use crate::arrival::Received;
use crate::keys::{PeerKey, PublicationKey};
use crate::peer::LinkState;
use crate::routes::{Flow, Route};
use crate::timers::TimerReason;
use crate::{DropReason, Shard};

impl Shard {
    pub(crate) fn handle_rtp(&mut self, now: Now, key: PeerKey, datagram: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let received = match peer.open_rtp(now, datagram) {
            Ok(received) => received,
            Err(reason) => {
                self.output.drop(reason);
                return;
            }
        };
        // The publisher hears when its packets arrived: also of those that serve nothing but its probing.
        let twcc = peer.receives.twcc.as_ref();
        if let Some(due) = twcc.and_then(|twcc| twcc.poll_timeout())
            && peer.timers.set_if_idle(TimerReason::TransportFeedback, due)
        {
            peer.arm(key, &mut self.schedule);
        }
        let ssrc = received.header.ssrc;
        let route = peer.receives.routes.find(ssrc);
        if peer.link == LinkState::Silent {
            self.settle(now, key);
        }
        let taken = match route {
            Some(route) => self.take(now, key, route, received),
            None => self
                .learn_route(key, &received)
                .and_then(|route| self.take(now, key, route, received)),
        };
        if let Err(reason) = taken {
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

    /// Finds what an SSRC that is seen for the first time belongs to: by what the packet says of itself.
    #[cold]
    fn learn_route(
        &mut self,
        key: PeerKey,
        received: &Received<&mut [u8]>,
    ) -> Result<Route, DropReason> {
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
        if !peer.receives.routes.learn(received.header.ssrc, route) {
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

    /// Takes a packet into its stream, and hands it on to those who subscribe.
    fn take(
        &mut self,
        now: Now,
        key: PeerKey,
        route: Route,
        received: Received<&mut [u8]>,
    ) -> Result<(), DropReason> {
        self.make_way(now, route.publication);
        let (publications, mut onward) = self.onward();
        let publication = publications.get_mut(route.publication);
        let publication = publication.ok_or(DropReason::UnknownSsrc)?;
        let format = publication.format(received.header.payload_type);
        let format = format.ok_or(DropReason::UnknownPayloadType)?;
        let received = match format.flow {
            Flow::Primary => received,
            Flow::Retransmission => publication.restore(received, route.encoding, format)?,
        };
        let ssrc = received.header.ssrc;
        if publication.ready_stream(now.mono, ssrc, route.encoding, format)? {
            if !publication.is_declared(route.encoding, ssrc) {
                onward.output.event(Event::EncodingStarted {
                    publication: publication.id,
                    encoding: SpatialLayer(route.encoding),
                    ssrc,
                });
            }
            onward.begin_anew(publication, route.encoding);
        }
        let received = received.read_only();
        let (seq, losses) = publication.number(now.mono, route.encoding, format, &received)?;
        let (arrival, is_anew) = publication.admit(now, route.encoding, format, seq, received)?;
        if is_anew {
            onward.begin_anew(publication, route.encoding);
        }
        onward.output.counters.rtp_in += 1;
        onward.note_arrival(now, route.publication, publication, &arrival);
        onward.export(now.mono, publication, &arrival);
        let has_subscribers = onward.queue(route.publication, publication, &arrival);
        self.arm_reports(now.mono, key, losses.due);
        if losses.given_up {
            self.recover(now.mono, route.publication, route.encoding);
        }
        if !has_subscribers {
            self.repeat_key_frame_request(now.mono, route.publication, route.encoding);
        }
        Ok(())
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
