//! From the datagram of a publisher to a packet of a publication.

use sfu_model::{Now, Ssrc};

use crate::arrival::Received;
use crate::intake::{Intake, Taken};
use crate::key_frame::{Need, Wanted};
use crate::keys::{OfPublication, PeerKey, PublicationKey};
use crate::peer::{LinkState, Peer};
use crate::publication::Publication;
use crate::receive_stream::ReceiveStream;
use crate::routes::{Flow, Route, Routes};
use crate::slot_map::SlotMap;
use crate::{DropReason, Shard};

impl Shard {
    pub(crate) fn handle_rtp(&mut self, now: Now, key: PeerKey, datagram: &mut [u8]) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
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
        peer.arm_transport_feedback(key, &mut self.schedule);
        let ssrc = received.header.ssrc;
        let route = match peer.receives.routes.find(ssrc) {
            Some(route) => Ok(route),
            None => learn_route(peer, &self.tables.publications, &received),
        };
        if peer.link_state() == LinkState::Silent {
            self.settle(now, key);
        }
        let taken = route.and_then(|route| self.take(now, key, route, received));
        if let Err(reason) = taken {
            self.output.drop(reason);
            self.end_unless_led(key, ssrc);
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
        let intake = Intake::new(self, key, route);
        let (publication, encoding) = (route.publication, route.encoding);
        match intake.ok_or(DropReason::UnknownSsrc)?.take(now, received)? {
            Taken::Done => {}
            Taken::Incomplete => self.key_frames().request(
                now.mono,
                Wanted {
                    publication,
                    encoding,
                    need: Need::Recovery,
                },
            ),
            Taken::Unsubscribed => self.key_frames().repeat(now.mono, publication, encoding),
        }
        Ok(())
    }

    /// Has nothing kept of an SSRC that leads nowhere.
    fn end_unless_led(&mut self, key: PeerKey, ssrc: Ssrc) {
        if let Some(peer) = self.tables.peers.get_mut(key)
            && peer.receives.routes.find(ssrc).is_none()
        {
            peer.transport.end_received(ssrc);
        }
    }
}

/// Finds what an SSRC that is seen for the first time belongs to: by what the packet says of itself.
#[cold]
fn learn_route(
    peer: &mut Peer,
    publications: &SlotMap<OfPublication, Publication>,
    received: &Received<&mut [u8]>,
) -> Result<Route, DropReason> {
    let routes = &mut peer.receives.routes;
    let key = section_of(routes, publications, received)?;
    let publication = publications.get(key).ok_or(DropReason::UnknownSsrc)?;
    let format = publication.format(received.header.payload_type);
    let format = format.ok_or(DropReason::UnknownPayloadType)?;
    let rid = match format.flow {
        Flow::Primary => received.extensions.rid(received.packet),
        Flow::Retransmission => received.extensions.repaired_rid(received.packet),
        // Only a description says what such packets repair.
        Flow::Repair => return Err(DropReason::UnknownSsrc),
    };
    let route = Route {
        publication: key,
        encoding: publication
            .encoding_of(rid)
            .ok_or(DropReason::UnknownSsrc)?,
        flow: format.flow,
    };
    let current = publication.stream(route.encoding).map(ReceiveStream::ssrc);
    if let Some(over) = routes.learn(received.header.ssrc, route, current) {
        peer.transport.end_received(over);
    }
    Ok(route)
}

/// Finds the publication of an SSRC that is seen for the first time: by the media section that the packet names,
/// or as the only one whose payload types it fits (RFC 9143 section 9.2).
fn section_of(
    routes: &Routes,
    publications: &SlotMap<OfPublication, Publication>,
    received: &Received<&mut [u8]>,
) -> Result<PublicationKey, DropReason> {
    if let Some(mid) = received.extensions.mid(received.packet) {
        return routes.section(mid).ok_or(DropReason::UnknownSsrc);
    }
    let payload_type = received.header.payload_type;
    let mut fitting = routes.publications().filter(|key| {
        let publication = publications.get(*key);
        publication.is_some_and(|publication| publication.format(payload_type).is_some())
    });
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (None, _) | (Some(_), Some(_)) => Err(DropReason::UnknownSsrc),
    }
}
