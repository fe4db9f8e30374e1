use std::collections::VecDeque;

use store::{Audit, Ban};

/// Most bans that hold and are not in the store, because it does not answer. Beyond that a ban is refused.
pub(crate) const MAX_UNSAVED: usize = 10_000;

/// Bans that hold in memory and are still to be written, in their order.
#[derive(Debug, Default)]
pub(crate) struct Unsaved(VecDeque<(Ban, Audit)>);

impl Unsaved {
    /// Reports whether there is no room for another.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MAX_UNSAVED
    }

    /// Takes a ban, unless it is there.
    pub(crate) fn add(&mut self, ban: Ban, audit: Audit) {
        if !self.is_full() && self.0.iter().all(|(other, _)| other.id != ban.id) {
            self.0.push_back((ban, audit));
        }
    }

    /// Finds one that says the very same as another: whom, why, for how long and by whom.
    pub(crate) fn like(&self, ban: &Ban) -> Option<&Ban> {
        let life = |ban: &Ban| {
            let end = ban.expires_at?;
            Some(end.0.saturating_sub(ban.created_at.0))
        };
        let is_like = |other: &Ban| {
            let says = |ban: &Ban| (ban.target.clone(), ban.reason.clone(), ban.author.clone());
            says(other) == says(ban) && life(other) == life(ban)
        };
        self.0
            .iter()
            .map(|(other, _)| other)
            .find(|other| is_like(other))
    }

    /// Returns the first, which is the last from then on.
    pub(crate) fn rotate(&mut self) -> Option<(Ban, Audit)> {
        let first = self.0.pop_front()?;
        self.0.push_back(first.clone());
        Some(first)
    }

    /// Forgets a ban, and returns it.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Ban> {
        let at = self.0.iter().position(|(ban, _)| ban.id == id)?;
        self.0.remove(at).map(|(ban, _)| ban)
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
