//! Who has left a room, for those who could not be told.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::{DEPARTURE_LOOK_BACK, DEPARTURE_MEMORY, MAX_DEPARTURES};
use crate::proto;

/// The last to leave a room. The oldest go first; what apps set of them is not kept.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    recent: VecDeque<(Instant, proto::ParticipantInfo)>,
}

impl Departures {
    /// Notes that a participant has left.
    pub(crate) fn note(&mut self, now: Instant, info: &proto::ParticipantInfo) {
        self.forget_old(now);
        if self.recent.len() == MAX_DEPARTURES {
            self.recent.pop_front();
        }
        let info = proto::ParticipantInfo {
            sid: info.sid.clone(),
            identity: info.identity.clone(),
            state: info.state,
            joined_at: info.joined_at,
            joined_at_ms: info.joined_at_ms,
            version: info.version,
            kind: info.kind,
            disconnect_reason: info.disconnect_reason,
            ..proto::ParticipantInfo::default()
        };
        self.recent.push_back((now, info));
    }

    /// Returns who has left since `heard`, or shortly before.
    pub(crate) fn since(
        &self,
        heard: Instant,
    ) -> impl Iterator<Item = &proto::ParticipantInfo> + use<'_> {
        let since = heard.checked_sub(DEPARTURE_LOOK_BACK);
        let missed = self
            .recent
            .iter()
            .filter(move |(at, _)| since.is_none_or(|since| *at >= since));
        missed.map(|(_, info)| info)
    }

    fn forget_old(&mut self, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) > DEPARTURE_MEMORY;
        while self.recent.front().is_some_and(|(at, _)| old(*at)) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the beginning of virtual time")]
    fn beginning() -> Instant {
        Instant::now()
    }

    fn info(number: usize) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            identity: number.to_string(),
            metadata: "m".repeat(1000),
            ..proto::ParticipantInfo::default()
        }
    }

    fn identities(departures: &Departures, heard: Instant) -> Vec<&str> {
        let since = departures.since(heard);
        since.map(|info| info.identity.as_str()).collect()
    }

    #[test]
    fn the_oldest_departures_go_when_there_are_many_and_when_they_are_old() {
        let mut departures = Departures::default();
        let start = beginning();
        for number in 0..MAX_DEPARTURES + 1 {
            departures.note(start, &info(number));
        }
        assert_eq!(departures.recent.len(), MAX_DEPARTURES);
        assert_eq!(identities(&departures, start)[0], "1");
        let later = start + DEPARTURE_MEMORY + Duration::from_millis(1);
        departures.note(later, &info(1000));
        assert_eq!(identities(&departures, start), ["1000"]);
    }

    #[test]
    fn a_departure_is_kept_without_what_apps_set() {
        let mut departures = Departures::default();
        departures.note(beginning(), &info(0));
        assert!(departures.recent[0].1.metadata.is_empty());
    }

    #[test]
    fn a_departure_shortly_before_a_client_was_last_heard_may_have_been_missed() {
        let mut departures = Departures::default();
        let start = beginning();
        departures.note(start, &info(0));
        let second = Duration::from_secs(1);
        assert_eq!(identities(&departures, start + 2 * second), ["0"]);
        assert!(identities(&departures, start + 4 * second).is_empty());
    }
}
