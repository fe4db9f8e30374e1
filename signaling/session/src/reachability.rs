use std::collections::BTreeSet;
use std::sync::Arc;

use sfu_model::{LinkProtocol, ParticipantIdentity};

use crate::negotiation::TransportFacts;

/// Who is reached over TCP alone. It outlives a session: a client that switches connects anew.
#[derive(Debug, Default)]
pub(crate) struct Reachability {
    tcp_only: BTreeSet<ParticipantIdentity>,
}

impl Reachability {
    /// Most identities that are remembered; further ones keep UDP.
    const MAX: usize = 1024;

    /// Remembers whether `identity` is to be reached over TCP alone.
    pub(crate) fn set_tcp_only(&mut self, identity: &ParticipantIdentity, tcp_only: bool) {
        if !tcp_only {
            self.tcp_only.remove(identity);
        } else if self.tcp_only.len() < Self::MAX {
            self.tcp_only.insert(identity.clone());
        }
    }

    /// Returns what a participant is told of the shard. A shard without TCP has UDP for everybody.
    pub(crate) fn facts_for(
        &self,
        identity: &ParticipantIdentity,
        shard: &Arc<TransportFacts>,
    ) -> Arc<TransportFacts> {
        let tcp = LinkProtocol::Tcp;
        let has_tcp = shard.candidates.iter().any(|c| c.protocol == tcp);
        if !has_tcp || !self.tcp_only.contains(identity) {
            return Arc::clone(shard);
        }
        let mut facts = TransportFacts::clone(shard);
        facts.candidates.retain(|c| c.protocol == tcp);
        Arc::new(facts)
    }
}
