//! Publishing and subscribing: what is published, who gets it, and what goes when either ends.

use sfu_model::{Forwarding, Now, PeerId, PublicationId, ReceiveMedia, SendMedia, SubscriptionId};

use crate::Shard;
use crate::keys::{PeerKey, PublicationKey, SubscriptionKey};
use crate::openings::Openings;
use crate::outgoing_stream::OutgoingStream;
use crate::publication::Publication;
use crate::routes::{Flow, Route};
use crate::source::Source;
use crate::subscription::Subscription;

/// What is published, and who subscribes to it.
impl Shard {
    pub(crate) fn publish(
        &mut self,
        now: Now,
        id: PublicationId,
        peer: PeerId,
        media: ReceiveMedia,
    ) {
        let Some(peer_key) = self.directory.peer(peer) else {
            return;
        };
        let key = match self.directory.publication(id) {
            Some(key) => {
                let publication = self.tables.publications.get_mut(key);
                let moves = publication.and_then(|publication| {
                    let moves = publication.update(media);
                    publication.tell_exports(now.mono, &mut self.exports);
                    moves
                });
                if let Some(moves) = moves {
                    self.tables.forget_sent(key);
                    self.tables.follow(key, moves);
                }
                key
            }
            None => {
                let publication = Publication::new(id, Source::Peer(peer_key), media);
                let key = self.tables.publications.insert(publication);
                self.directory.add_publication(id, key);
                key
            }
        };
        self.bind_publication(peer_key, key);
        self.key_frames().request_for_all(now, key);
    }

    /// Leads the packets of a peer to a publication as its description says.
    fn bind_publication(&mut self, peer: PeerKey, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get(key) else {
            return;
        };
        let Some(peer) = self.tables.peers.get_mut(peer) else {
            return;
        };
        peer.receives.transport_cc |= publication.transport_cc();
        let routes = &mut peer.receives.routes;
        let ended = routes.forget(key, |encoding| publication.stream(encoding).is_some());
        routes.bind_section(publication.mid(), key);
        routes.extensions_mut().add(publication.extension_map());
        for (encoding, declared) in publication.declared() {
            let route = |flow| Route {
                publication: key,
                encoding,
                flow,
            };
            if let Some(ssrc) = declared.ssrc {
                routes.declare(ssrc, route(Flow::Primary));
            }
            if let Some(ssrc) = declared.rtx_ssrc {
                routes.declare(ssrc, route(Flow::Retransmission));
            }
        }
        for ssrc in ended {
            if peer.receives.routes.find(ssrc).is_none() {
                peer.transport.end_received(ssrc);
            }
        }
    }

    pub(crate) fn remove_publication(&mut self, key: PublicationKey) {
        let Some(mut publication) = self.tables.publications.remove(key) else {
            return;
        };
        self.directory.remove_publication(publication.id);
        publication.disarm(key, &mut self.schedule);
        for subscription in publication.subscriptions {
            self.remove_subscription(subscription);
        }
        let recipients = publication.recipients;
        recipients.end(publication.id, &mut self.exports);
        if let Source::Peer(peer) = publication.source
            && let Some(peer) = self.tables.peers.get_mut(peer)
        {
            for ssrc in peer.receives.routes.unbind(key) {
                peer.transport.end_received(ssrc);
            }
        }
    }

    pub(crate) fn subscribe(
        &mut self,
        now: Now,
        id: SubscriptionId,
        publication: PublicationId,
        peer: PeerId,
        media: SendMedia,
    ) {
        if let Some(key) = self.directory.subscription(id) {
            self.update_subscription(key, media);
            self.key_frames().request_for(now, key);
            return;
        }
        let Some(peer_key) = self.directory.peer(peer) else {
            return;
        };
        let known = self.directory.publication(publication);
        let Some(publication_key) = known.or_else(|| self.import(publication, media.kind())) else {
            return;
        };
        let ssrc = media.ssrc;
        let stream = self.stream_for(&media);
        let subscription = Subscription::new(id, publication_key, peer_key, media, stream);
        let key = self.tables.subscriptions.insert(subscription);
        self.directory.add_subscription(id, key);
        if let Some(publication) = self.tables.publications.get_mut(publication_key) {
            publication.subscriptions.push(key);
        }
        if let Some(peer) = self.tables.peers.get_mut(peer_key) {
            peer.sends.insert(ssrc, key);
        }
        self.review_import(publication_key);
        self.key_frames().request_for(now, key);
        Openings::new(&mut self.tables).begin(now.mono, key, &mut self.schedule);
    }

    fn update_subscription(&mut self, key: SubscriptionKey, media: SendMedia) {
        let Some(subscription) = self.tables.subscriptions.get(key) else {
            return;
        };
        let (peer_key, publication_key) = (subscription.peer, subscription.publication);
        let ssrc = media.ssrc;
        let stream = (ssrc != subscription.ssrc()).then(|| self.stream_for(&media));
        let Some(subscription) = self.tables.subscriptions.get_mut(key) else {
            return;
        };
        let former = subscription.ssrcs();
        subscription.update(media, stream);
        let kept = subscription.ssrcs();
        if let Some(peer) = self.tables.peers.get_mut(peer_key) {
            let ended = former.into_iter().flatten();
            ended
                .filter(|ssrc| !kept.contains(&Some(*ssrc)))
                .for_each(|ssrc| peer.transport.end_sent(ssrc));
            if let [Some(former), _] = former
                && former != ssrc
            {
                peer.sends.remove(former);
                peer.sends.insert(ssrc, key);
            }
        }
        self.review_import(publication_key);
    }

    /// Begins the stream that a subscription feeds.
    fn stream_for(&mut self, media: &SendMedia) -> OutgoingStream {
        let codec = media.codecs.first();
        let clock_rate = codec.map_or(90_000, |binding| binding.codec.clock_rate());
        OutgoingStream::new(media.ssrc, clock_rate, self.seed.draw_u32())
    }

    pub(crate) fn remove_subscription(&mut self, key: SubscriptionKey) {
        let Some(subscription) = self.tables.subscriptions.remove(key) else {
            return;
        };
        self.directory.remove_subscription(subscription.id);
        if let Some(publication) = self.tables.publications.get_mut(subscription.publication) {
            publication.unsubscribe(key);
        }
        self.review_import(subscription.publication);
        if let Some(peer) = self.tables.peers.get_mut(subscription.peer) {
            peer.sends.remove(subscription.ssrc());
            let ended = subscription.ssrcs().into_iter().flatten();
            ended.for_each(|ssrc| peer.transport.end_sent(ssrc));
        }
    }

    pub(crate) fn set_forwarding(&mut self, now: Now, id: SubscriptionId, forwarding: Forwarding) {
        let Some(key) = self.directory.subscription(id) else {
            return;
        };
        let Some(subscription) = self.tables.subscriptions.get_mut(key) else {
            return;
        };
        let publication = subscription.publication;
        let wants_more = subscription.set_forwarding(forwarding);
        self.review_import(publication);
        if wants_more {
            self.key_frames().request_for(now, key);
        }
    }
}
