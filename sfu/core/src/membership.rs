//! Publishing and subscribing: what is published, who gets it, and what goes when either ends.

use sfu_model::{
    Forwarding, MediaKind, Now, PeerId, PublicationId, ReceiveMedia, SendMedia, SubscriptionId,
};

use crate::Shard;
use crate::directory::Directory;
use crate::export::{ExportItem, Exports};
use crate::keys::{PeerKey, PublicationKey, SubscriptionKey};
use crate::layers::Layers;
use crate::openings::Openings;
use crate::outgoing_stream::OutgoingStream;
use crate::publication::Publication;
use crate::routes::{Flow, Route};
use crate::seed::Seed;
use crate::source::{Import, Source};
use crate::subscription::Subscription;
use crate::tables::Tables;
use crate::timers::Schedule;

/// Changes what is published and who subscribes to it. Key frames that are needed then are not asked for here.
pub(crate) struct Membership<'a> {
    tables: &'a mut Tables,
    directory: &'a mut Directory,
    exports: &'a mut Exports,
    schedule: &'a mut Schedule,
    seed: &'a mut Seed,
}

impl Shard {
    /// Returns what changes what is published and who subscribes to it.
    pub(crate) fn membership(&mut self) -> Membership<'_> {
        Membership {
            tables: &mut self.tables,
            directory: &mut self.directory,
            exports: &mut self.exports,
            schedule: &mut self.schedule,
            seed: &mut self.seed,
        }
    }
}

impl Membership<'_> {
    /// Has a peer publish, or publish otherwise than before. Returns the publication: its subscribers may need a key
    /// frame.
    pub(crate) fn publish(
        &mut self,
        now: Now,
        id: PublicationId,
        peer: PeerId,
        media: ReceiveMedia,
    ) -> Option<PublicationKey> {
        let peer_key = self.directory.peer(peer)?;
        let key = match self.directory.publication(id) {
            Some(key) => {
                let publication = self.tables.publications.get_mut(key);
                let moves = publication.and_then(|publication| {
                    let moves = publication.update(media);
                    publication.tell_exports(now.mono, self.exports);
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
        Some(key)
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
            if let Some(ssrc) = declared.flexfec_ssrc {
                routes.declare(ssrc, route(Flow::Repair));
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
        publication.disarm(key, self.schedule);
        for subscription in publication.subscriptions {
            self.remove_subscription(subscription);
        }
        let recipients = publication.recipients;
        recipients.end(publication.id, self.exports);
        if let Source::Peer(peer) = publication.source
            && let Some(peer) = self.tables.peers.get_mut(peer)
        {
            for ssrc in peer.receives.routes.unbind(key) {
                peer.transport.end_received(ssrc);
            }
        }
    }

    /// Has a peer subscribe to a publication, here or on another shard, or get it otherwise than before. Returns the
    /// subscription: it may need a key frame.
    pub(crate) fn subscribe(
        &mut self,
        now: Now,
        id: SubscriptionId,
        publication: PublicationId,
        peer: PeerId,
        media: SendMedia,
    ) -> Option<SubscriptionKey> {
        if let Some(key) = self.directory.subscription(id) {
            self.update_subscription(key, media);
            return Some(key);
        }
        let peer_key = self.directory.peer(peer)?;
        let known = self.directory.publication(publication);
        let publication_key = known.or_else(|| self.import(publication, media.kind()))?;
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
        Openings::new(self.tables).begin(now.mono, key, self.schedule);
        Some(key)
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

    /// Sets which layers a subscription forwards. Returns it if that is more than before: it may need a key frame.
    pub(crate) fn set_forwarding(
        &mut self,
        id: SubscriptionId,
        forwarding: Forwarding,
    ) -> Option<SubscriptionKey> {
        let key = self.directory.subscription(id)?;
        let subscription = self.tables.subscriptions.get_mut(key)?;
        let publication = subscription.publication;
        let wants_more = subscription.set_forwarding(forwarding);
        self.review_import(publication);
        wants_more.then_some(key)
    }

    /// Makes an import of a publication that lives on another shard, for the first subscription here.
    fn import(&mut self, id: PublicationId, kind: MediaKind) -> Option<PublicationKey> {
        if !self.exports.is_other(id.shard) {
            return None;
        }
        let media = ReceiveMedia::unknown(kind);
        let publication = Publication::new(id, Source::Import(Import::default()), media);
        let key = self.tables.publications.insert(publication);
        self.directory.add_publication(id, key);
        Some(key)
    }

    /// Tells the owner of an import which encodings its subscriptions here need, if that is not what
    /// it was told before. Without a subscription the import is given up.
    pub(crate) fn review_import(&mut self, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get_mut(key) else {
            return;
        };
        let Source::Import(import) = &mut publication.source else {
            return;
        };
        if publication.subscriptions.is_empty() {
            self.give_import_up(key);
            return;
        }
        let mut needed = Layers::default();
        for key in &publication.subscriptions {
            if needed == Layers::ALL {
                break;
            }
            if let Some(subscription) = self.tables.subscriptions.get(*key) {
                needed.unite(subscription.needed(import.live.unwrap_or_default()));
            }
        }
        if import.asked.replace(needed) != Some(needed) {
            let publication = publication.id;
            let request = ExportItem::Request {
                publication,
                needed,
            };
            self.exports.push(publication.shard, request);
        }
    }

    /// Ends an import here: it has no subscription left, or there was a fault of ours.
    pub(crate) fn give_import_up(&mut self, key: PublicationKey) {
        if let Some(id) = self
            .tables
            .publications
            .get(key)
            .map(|publication| publication.id)
        {
            self.exports.push(id.shard, ExportItem::Release(id));
            self.remove_publication(key);
        }
    }
}
