use std::collections::BTreeMap;
use std::sync::Arc;

use sfu_model::{Fingerprint, IceCredentials, SendMedia, SubscriptionId};

use super::{CodecPolicy, SdpError, SendTrack, TransportFacts};

/// Our half of the subscriber transport, on which we offer.
///
/// One offer is outstanding at a time. What is asked for meanwhile goes into the next, which
/// [`needs_offer`](Self::needs_offer) tells of after the answer.
#[derive(Debug)]
pub struct Offerer {
    facts: Arc<TransportFacts>,
    local: IceCredentials,
    policy: CodecPolicy,
    seed: u64,
}

/// An offer for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its number: begins anywhere in `1..=256`, then counts up.
    pub id: u32,
    /// The text.
    pub sdp: String,
    /// The track of every section that carries one.
    pub mid_to_track_id: BTreeMap<String, String>,
}

/// What an accepted answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The client's credentials.
    pub ice: IceCredentials,
    /// Of the client's certificate.
    pub fingerprint: Fingerprint,
    /// Subscriptions that got a section, or whose `SendMedia` is other than at the last answer.
    pub sends: Vec<(SubscriptionId, SendMedia)>,
    /// Subscriptions of which the client accepts no codec. They are removed.
    pub unsupported: Vec<SubscriptionId>,
}

impl Offerer {
    /// Creates our half; `seed` chooses the SSRCs, the session id and the first offer's number. The
    /// first offer is due at once: it brings the data channels up.
    pub fn new(
        facts: Arc<TransportFacts>,
        local: IceCredentials,
        policy: CodecPolicy,
        seed: u64,
    ) -> Self {
        Self {
            facts,
            local,
            policy,
            seed,
        }
    }

    /// Adds a subscription to the next offer. Replaces one of the same id.
    pub fn add_send(&mut self, _send: SendTrack) {}

    /// Ends a subscription. Its section goes inactive in the next offer and can be used again after
    /// that was answered.
    pub fn remove_send(&mut self, _subscription: SubscriptionId) {}

    /// Replaces our credentials and gives up an outstanding offer: the client may never have got it,
    /// or its answer was lost.
    pub fn restart_ice(&mut self, local: IceCredentials) {
        self.local = local;
    }

    /// Returns our credentials.
    pub fn local(&self) -> &IceCredentials {
        &self.local
    }

    /// Reports whether [`create_offer`](Self::create_offer) would return one.
    pub fn needs_offer(&self) -> bool {
        false
    }

    /// Returns the number of the offer that waits for an answer.
    pub fn outstanding(&self) -> Option<u32> {
        None
    }

    /// Creates an offer; `None` if there is nothing to say or one is outstanding.
    pub fn create_offer(&mut self) -> Option<Offer> {
        let _ = (&self.facts, &self.policy, self.seed);
        None
    }

    /// Takes the client's answer to the offer `id`; 0 stands for the outstanding one. Returns `None`
    /// for a stale answer.
    ///
    /// # Errors
    ///
    /// Fails when the answer is malformed or does not fit the offer; the offer is outstanding still.
    pub fn handle_answer(&mut self, _id: u32, _sdp: &str) -> Result<Option<Answered>, SdpError> {
        Ok(None)
    }
}
