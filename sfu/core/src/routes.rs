//! Leads the SSRCs of one peer to its publications.

use sfu_model::{Mid, Ssrc};
use sfu_rtp::ExtensionTable;

use crate::hash::FastMap;
use crate::keys::PublicationKey;
use crate::limits::LEARNED_SSRCS;
use crate::moves::Moves;

/// What an SSRC carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) publication: PublicationKey,
    /// Which of the publication's encodings.
    pub(crate) encoding: u8,
    pub(crate) flow: Flow,
}

/// Whether packets come for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    Primary,
    /// RFC 4588.
    Retransmission,
    /// FlexFEC: packets that repair others, and what they restored.
    Repair,
}

/// Leads the SSRCs of one peer to its publications.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    ssrcs: FastMap<Ssrc, Route>,
    /// Those of them that no description declares, by where they lead; the one that came first is first.
    learned: FastMap<Route, Vec<Ssrc>>,
    /// Every publication of the peer. Where a media section has two, the later one counts.
    sections: Vec<(Mid, PublicationKey)>,
    /// Every header extension of the transport; made by the first publication.
    extensions: Option<Box<ExtensionTable>>,
}

impl Routes {
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
        if let Some(former) = self.ssrcs.insert(ssrc, route)
            && let Some(learned) = self.learned.get_mut(&former)
        {
            learned.retain(|other| *other != ssrc);
        }
    }

    /// Leads an SSRC to where its packets say. Where many do to one place, the one that came first gives way,
    /// unless it is `current`, which still sends there, and is returned.
    #[must_use = "its stream is over: the transport must be told"]
    pub(crate) fn learn(
        &mut self,
        ssrc: Ssrc,
        route: Route,
        current: Option<Ssrc>,
    ) -> Option<Ssrc> {
        self.ssrcs.insert(ssrc, route);
        let learned = self.learned.entry(route).or_default();
        learned.push(ssrc);
        if learned.len() <= LEARNED_SSRCS {
            return None;
        }
        let first = learned.iter().position(|other| Some(*other) != current)?;
        let over = learned.remove(first);
        self.ssrcs.remove(&over);
        Some(over)
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
        let learned = self
            .learned
            .extract_if(|route, _| route.publication == publication);
        let moved: Vec<_> = learned
            .map(|(route, ssrcs)| {
                let encoding = moves.of(route.encoding);
                (Route { encoding, ..route }, ssrcs)
            })
            .collect();
        self.learned.extend(moved);
    }

    /// Forgets the SSRCs of a publication's encodings that are not `kept`, and returns them.
    #[must_use = "their streams are over: the transport must be told"]
    pub(crate) fn forget(
        &mut self,
        publication: PublicationKey,
        kept: impl Fn(u8) -> bool,
    ) -> Vec<Ssrc> {
        let is_over = |route: &Route| route.publication == publication && !kept(route.encoding);
        self.learned.retain(|route, _| !is_over(route));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot_map::SlotMap;

    fn route(flow: Flow) -> Route {
        let mut publications: SlotMap<crate::keys::OfPublication, ()> = SlotMap::default();
        Route {
            publication: publications.insert(()),
            encoding: 0,
            flow,
        }
    }

    fn learn(routes: &mut Routes, ssrcs: std::ops::Range<u32>, current: u32) -> Vec<Ssrc> {
        let route = route(Flow::Primary);
        let learn = |ssrc| routes.learn(Ssrc(ssrc), route, Some(Ssrc(current)));
        ssrcs.filter_map(learn).collect()
    }

    #[test]
    fn of_many_ssrcs_that_lead_to_one_place_the_oldest_give_way_but_not_the_current_one() {
        let mut routes = Routes::default();
        let most = u32::try_from(LEARNED_SSRCS).unwrap();
        assert_eq!(learn(&mut routes, 0..most, 0), []);
        assert_eq!(learn(&mut routes, most..most + 2, 0), [Ssrc(1), Ssrc(2)]);
        assert_eq!(routes.find(Ssrc(0)), Some(route(Flow::Primary)));
        assert_eq!(routes.find(Ssrc(1)), None);
    }

    #[test]
    fn retransmissions_take_no_places_of_what_they_repeat() {
        let mut routes = Routes::default();
        learn(&mut routes, 0..1, 0);
        let retransmissions = route(Flow::Retransmission);
        let over = (100..200).filter_map(|ssrc| routes.learn(Ssrc(ssrc), retransmissions, None));
        assert_eq!(over.count(), 100 - LEARNED_SSRCS);
        assert_eq!(routes.find(Ssrc(0)), Some(route(Flow::Primary)));
        assert_eq!(routes.ssrcs.len(), 1 + LEARNED_SSRCS);
    }

    #[test]
    fn what_a_description_declares_after_all_does_not_give_way() {
        let mut routes = Routes::default();
        learn(&mut routes, 0..1, 9);
        routes.declare(Ssrc(0), route(Flow::Primary));
        learn(&mut routes, 1..100, 9);
        assert_eq!(routes.find(Ssrc(0)), Some(route(Flow::Primary)));
    }
}
