use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu_model::{LinkProtocol, Now, ParticipantIdentity};
use signaling_protocol::proto::ReconnectReason;

use crate::Room;
use crate::link::PathState;
use crate::negotiation::TransportFacts;
use crate::participant::ParticipantKey;

/// Who is reached over TCP alone. It outlives a session: a client that switches connects anew.
#[derive(Debug, Default)]
pub(crate) struct Reachability {
    /// Until when.
    tcp_only: BTreeMap<ParticipantIdentity, Instant>,
}

impl Reachability {
    /// Most identities that are remembered; further ones keep UDP.
    const MAX: usize = 1024;

    /// How long an identity is remembered, as long as LiveKit does: networks change.
    const MEMORY: Duration = Duration::from_secs(300);

    /// Remembers whether `identity` is to be reached over TCP alone.
    pub(crate) fn set_tcp_only(
        &mut self,
        now: Instant,
        identity: &ParticipantIdentity,
        tcp_only: bool,
    ) {
        self.tcp_only.retain(|_, until| *until > now);
        if !tcp_only {
            self.tcp_only.remove(identity);
        } else if self.tcp_only.len() < Self::MAX {
            self.tcp_only.insert(identity.clone(), now + Self::MEMORY);
        }
    }

    /// Returns what a participant is told of the shard. A shard without TCP has UDP for everybody.
    pub(crate) fn facts_for(
        &self,
        now: Instant,
        identity: &ParticipantIdentity,
        shard: &Arc<TransportFacts>,
    ) -> Arc<TransportFacts> {
        let tcp = LinkProtocol::Tcp;
        let has_tcp = shard.candidates.iter().any(|c| c.protocol == tcp);
        let until = self.tcp_only.get(identity);
        if !has_tcp || until.is_none_or(|until| *until <= now) {
            return Arc::clone(shard);
        }
        let mut facts = TransportFacts::clone(shard);
        facts.candidates.retain(|c| c.protocol == tcp);
        Arc::new(facts)
    }
}

/// A connection that lasted shorter speaks against what it went over.
const SHORT: Duration = Duration::from_secs(90);

impl Room {
    /// Has a client that resumes because its media failed soon after it was connected over UDP come
    /// back over TCP: some networks let UDP through for a while. That it resumes shows that the
    /// network itself is there.
    pub(crate) fn distrust_udp(&mut self, now: Now, key: ParticipantKey, reason: ReconnectReason) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let (up, down) = participant.link.paths();
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
            short |= since.is_some_and(|since| now.mono.saturating_duration_since(since) < SHORT);
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
        let transport = self.placement.transport(participant.link.shard());
        let facts = self.reachability.facts_for(now.mono, identity, &transport);
        participant.link.set_facts(&facts);
    }
}
