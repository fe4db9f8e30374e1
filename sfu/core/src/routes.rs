//! Leads the SSRCs of one peer to its publications.

use sfu_model::{Mid, Ssrc};
use sfu_rtp::ExtensionTable;

use crate::hash::FastMap;
use crate::keys::PublicationKey;
use crate::moves::Moves;

/// What an SSRC carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) publication: PublicationKey,
    /// Which of the publication's encodings.
    pub(crate) encoding: u8,
    pub(crate) flow: Flow,
}

/// Whether packets come for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Primary,
    /// RFC 4588.
    Retransmission,
}

/// Leads the SSRCs of one peer to its publications.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    ssrcs: FastMap<Ssrc, Route>,
    /// Every publication of the peer. Where a media section has two, the later one counts.
    sections: Vec<(Mid, PublicationKey)>,
    /// Every header extension of the transport; made by the first publication.
    extensions: Option<Box<ExtensionTable>>,
}

impl Routes {
    /// Most SSRCs of a peer beyond those that its descriptions declare.
    pub(crate) const MAX_LEARNED: usize = 64;

    /// Most SSRCs of one publication that a description can declare: three encodings and their
    /// retransmissions.
    const MAX_DECLARED: usize = 6;

    #[inline]
    pub(crate) fn find(&self, ssrc: Ssrc) -> Option<Route> {
        self.ssrcs.get(&ssrc).copied()
    }

    pub(crate) fn extensions(&self) -> Option<&ExtensionTable> {
        self.extensions.as_deref()
    }

    pub(crate) fn extensions_mut(&mut self) -> &mut ExtensionTable {
        self.extensions.get_or_insert_default()
    }

    /// Leads packets of a media section to `publication`, unless their SSRC says more.
    pub(crate) fn bind_section(&mut self, mid: Mid, publication: PublicationKey) {
        self.sections.retain(|(_, key)| *key != publication);
        self.sections.push((mid, publication));
    }

    /// Leads a declared SSRC to where the description says.
    pub(crate) fn declare(&mut self, ssrc: Ssrc, route: Route) {
        self.ssrcs.insert(ssrc, route);
    }

    /// Leads an SSRC to where its packets say. Returns whether there was room for it.
    pub(crate) fn learn(&mut self, ssrc: Ssrc, route: Route) -> bool {
        let limit = Self::MAX_LEARNED + self.sections.len() * Self::MAX_DECLARED;
        if self.ssrcs.len() >= limit {
            return false;
        }
        self.ssrcs.insert(ssrc, route);
        true
    }

    /// Follows the encodings of a publication to their places in another order.
    pub(crate) fn follow(&mut self, publication: PublicationKey, moves: Moves) {
        #[expect(
            clippy::disallowed_methods,
            reason = "each route changes by itself, in whatever order"
        )]
        let routes = self.ssrcs.values_mut();
        for route in routes.filter(|route| route.publication == publication) {
            route.encoding = moves.of(route.encoding);
        }
    }

    /// Forgets the SSRCs of a publication's encodings that are not `kept`, and returns them.
    #[must_use = "their streams are over: the transport must be told"]
    pub(crate) fn forget(
        &mut self,
        publication: PublicationKey,
        kept: impl Fn(u8) -> bool,
    ) -> Vec<Ssrc> {
        let is_over = |route: &Route| route.publication == publication && !kept(route.encoding);
        let over = self.ssrcs.extract_if(|_, route| is_over(route));
        over.map(|(ssrc, _)| ssrc).collect()
    }

    /// Forgets all that leads to `publication`, and returns the SSRCs that did.
    #[must_use = "their streams are over: the transport must be told"]
    pub(crate) fn unbind(&mut self, publication: PublicationKey) -> Vec<Ssrc> {
        self.sections.retain(|(_, key)| *key != publication);
        self.forget(publication, |_| false)
    }

    /// Returns the publication of a media section.
    pub(crate) fn section(&self, mid: Mid) -> Option<PublicationKey> {
        let mut sections = self.sections.iter().rev();
        let (_, key) = sections.find(|(other, _)| *other == mid)?;
        Some(*key)
    }

    /// Iterates over the publications of the peer.
    pub(crate) fn publications(&self) -> impl Iterator<Item = PublicationKey> + '_ {
        self.sections.iter().map(|(_, key)| *key)
    }

    /// Takes out one publication after another.
    pub(crate) fn pop(&mut self) -> Option<PublicationKey> {
        self.sections.pop().map(|(_, key)| key)
    }
}
