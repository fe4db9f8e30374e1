//! For how long those may be in a room whose tokens say so.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sfu_model::ParticipantIdentity;

/// Identities that are remembered in one room. Beyond that the first are forgotten, and may begin anew.
const REMEMBERED: usize = 10_000;

/// When everybody first came whose time in the room is limited: who leaves and comes again has no more of it.
#[derive(Debug, Default)]
pub(crate) struct Allotments {
    first_came: BTreeMap<ParticipantIdentity, Instant>,
    order: VecDeque<ParticipantIdentity>,
}

impl Allotments {
    /// Returns when the time of somebody is up who comes, or came before; nothing if it is already.
    pub(crate) fn ends_at(
        &mut self,
        now: Instant,
        identity: &ParticipantIdentity,
        limit: Duration,
    ) -> Option<Instant> {
        if !self.first_came.contains_key(identity) {
            self.remember(now, identity.clone());
        }
        let first_came = self.first_came.get(identity).copied().unwrap_or(now);
        Some(first_came + limit).filter(|at| *at > now)
    }

    fn remember(&mut self, now: Instant, identity: ParticipantIdentity) {
        if self.order.len() >= REMEMBERED
            && let Some(first) = self.order.pop_front()
        {
            self.first_came.remove(&first);
        }
        self.order.push_back(identity.clone());
        self.first_came.insert(identity, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test begins at some moment")]
    fn so_many_are_remembered_and_no_more() {
        let (mut allotments, now) = (Allotments::default(), Instant::now());
        let minute = Duration::from_secs(60);
        let name = |number: usize| ParticipantIdentity::from(number.to_string());
        for number in 0..=REMEMBERED {
            allotments.ends_at(now, &name(number), minute);
        }
        assert_eq!(allotments.first_came.len(), REMEMBERED);
        let later = now + minute;
        assert_eq!(allotments.ends_at(later, &name(1), minute), None);
        assert!(allotments.ends_at(later, &name(0), minute).is_some());
    }
}
