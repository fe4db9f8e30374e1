//! Whose packets wait to go out.

use std::collections::VecDeque;

use crate::arrival::Arrival;
use crate::keys::PublicationKey;
use crate::limits::{BURST, MAX_WAITING};
use crate::publication::Publication;

/// Publications with packets that wait to go to those who subscribe.
///
/// Packets that arrive in one tick go to their subscribers together: first all to one subscriber, then
/// all to the next. So they leave as one run, and each buffer is written, sealed and sent while the
/// processor's caches hold it, however many subscribers there are.
#[derive(Debug, Default)]
pub(crate) struct FanOuts {
    /// In the order of their first packet.
    publications: VecDeque<PublicationKey>,
    /// Whether one of them has as many packets as a run takes.
    is_full: bool,
    /// Whether one of them has as many as may wait.
    is_over: bool,
    /// Whether some subscribers of the first one have had their turn, and others not.
    is_served: bool,
}

impl FanOuts {
    /// Has a packet wait for its turn to go to those who subscribe. Returns whether anybody does.
    #[inline]
    pub(crate) fn queue(
        &mut self,
        key: PublicationKey,
        publication: &mut Publication,
        arrival: &Arrival<'_>,
    ) -> bool {
        if publication.subscriptions.is_empty() {
            return false;
        }
        publication.waiting.push(arrival.detached());
        self.note(key, publication.waiting.len());
        true
    }

    /// Notes that `waiting` packets of a publication wait.
    #[inline]
    fn note(&mut self, key: PublicationKey, waiting: usize) {
        if waiting == 1 {
            self.publications.push_back(key);
        }
        self.is_full |= waiting >= BURST;
        self.is_over |= waiting >= MAX_WAITING;
    }

    /// Reports whether all that waits must go out before another packet of a publication is taken.
    #[inline]
    pub(crate) fn is_in_the_way_of(&self, key: PublicationKey) -> bool {
        self.is_over || (self.is_served && self.first() == Some(key))
    }

    /// Returns the publication whose packets go out next.
    pub(crate) fn first(&self) -> Option<PublicationKey> {
        self.publications.front().copied()
    }

    /// Some subscribers of the first publication have got its packets.
    pub(crate) fn serve_first(&mut self) {
        self.is_served = true;
    }

    /// All subscribers of the first publication have got its packets.
    pub(crate) fn end_first(&mut self) {
        self.publications.pop_front();
        self.is_served = false;
        if self.publications.is_empty() {
            (self.is_full, self.is_over) = (false, false);
        }
    }

    /// Reports whether so much waits that it should go out before more is taken in.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }
}
