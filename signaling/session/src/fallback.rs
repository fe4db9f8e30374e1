//! Has clients whose media fails over UDP come back over TCP.

use std::time::Duration;

use sfu_model::Now;
use signaling_protocol::proto::ReconnectReason;

use crate::Room;
use crate::participant_key::ParticipantKey;
use crate::transports::PathState;

/// A connection that lasted shorter speaks against what it went over.
const SHORT_CONNECTION: Duration = Duration::from_secs(90);

impl Room {
    /// Has a client that resumes because its media failed soon after it was connected over UDP come
    /// back over TCP: some networks let UDP through for a while. That it resumes shows that the
    /// network itself is there.
    pub(crate) fn distrust_udp(&mut self, now: Now, key: ParticipantKey, reason: ReconnectReason) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let (up, down) = participant.transports.paths();
        let failed = match reason {
            ReconnectReason::RrPublisherFailed => [Some(up), None],
            ReconnectReason::RrSubscriberFailed => [None, Some(down.unwrap_or(up))],
            ReconnectReason::RrUnknown
            | ReconnectReason::RrSignalDisconnected
            | ReconnectReason::RrSwitchCandidate => {
                let silent = |path: &&mut PathState| path.silent;
                [Some(up).filter(silent), down.filter(silent)]
            }
        };
        let mut short = false;
        for path in failed.into_iter().flatten() {
            let since = path.over_udp_since.take();
            short |= since
                .is_some_and(|since| now.mono.saturating_duration_since(since) < SHORT_CONNECTION);
        }
        if short && self.facts.allow_tcp_fallback && participant.client.takes_ice_tcp() {
            self.set_tcp_only(now, key, true);
        }
    }

    /// Reaches a participant over TCP alone or not, from its next negotiation on.
    pub(crate) fn set_tcp_only(&mut self, now: Now, key: ParticipantKey, tcp_only: bool) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let identity = &participant.identity;
        self.reachability.set_tcp_only(now.mono, identity, tcp_only);
        let transport = self.placement.transport(participant.transports.shard());
        let facts = self.reachability.facts_for(now.mono, identity, &transport);
        participant.transports.set_facts(&facts);
    }
}
