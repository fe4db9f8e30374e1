//! Who is reached over TCP alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sfu_model::{LinkProtocol, ParticipantIdentity};

use crate::limits::{MAX_TCP_ONLY, TCP_ONLY_MEMORY};
use crate::negotiation::TransportFacts;

/// Who is reached over TCP alone. It outlives a session: a client that switches connects anew.
#[derive(Debug, Default)]
pub(crate) struct Reachability {
    /// Until when.
    tcp_only: BTreeMap<ParticipantIdentity, Instant>,
}

impl Reachability {
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
        } else if self.tcp_only.len() < MAX_TCP_ONLY {
            self.tcp_only
                .insert(identity.clone(), now + TCP_ONLY_MEMORY);
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
