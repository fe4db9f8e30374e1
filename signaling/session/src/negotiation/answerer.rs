use std::collections::BTreeMap;
use std::sync::Arc;

use sfu_model::{
    Fingerprint, IceCredentials, MediaKind, Mid, ReceiveEncoding, ReceiveMedia, SendMedia,
    SubscriptionId,
};

use super::{CodecPolicy, OfferedCodec, PublishDecision, SdpError, SendTrack, TransportFacts};

/// Our half of a transport on which the client offers.
///
/// Order of calls: [`handle_offer`](Self::handle_offer), then
/// [`restart_ice`](Self::restart_ice) if the offer says so, then [`answer`](Self::answer).
#[derive(Debug)]
pub struct Answerer {
    facts: Arc<TransportFacts>,
    local: IceCredentials,
    policy: CodecPolicy,
    seed: u64,
}

/// What an accepted offer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The client's credentials.
    pub ice: IceCredentials,
    /// Of the client's certificate.
    pub fingerprint: Fingerprint,
    /// Whether the credentials differ from those of the last offer. The answer must then carry
    /// other credentials of ours: see [`Answerer::restart_ice`].
    pub ice_restarted: bool,
    /// Audio and video sections that are not rejected, in their order.
    pub sections: Vec<OfferedSection>,
    /// Whether data channels are offered.
    pub data_channels: bool,
}

/// An audio or video section of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSection {
    /// Its identifier.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// Whether the client sends in it. A section that did and no longer does has been unpublished,
    /// as has one that is not listed any more.
    pub publishes: bool,
    /// The stream of `a=msid`, if any (`-` counts as none).
    pub stream_id: Option<String>,
    /// The track of `a=msid`: the `cid` of the client's request, mostly.
    pub track_id: Option<String>,
    /// RTP streams that are named, lowest layer first.
    pub encodings: Vec<ReceiveEncoding>,
    /// Codecs that are offered and that the client may publish in, preferred first.
    pub codecs: Vec<OfferedCodec>,
}

/// What to tell the client and the shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The text.
    pub sdp: String,
    /// The track of every section that carries one, in either direction.
    pub mid_to_track_id: BTreeMap<String, String>,
    /// Sections in which the client publishes and whose `ReceiveMedia` is other than at the last
    /// answer (all of them at first). One without a decision is here too: its request may follow.
    pub receives: Vec<(Mid, ReceiveMedia)>,
    /// Subscriptions that got a section, or whose `SendMedia` is other than at the last answer.
    pub sends: Vec<(SubscriptionId, SendMedia)>,
    /// Subscriptions of which the client accepts no codec. They are removed.
    pub unsupported: Vec<SubscriptionId>,
}

impl Answerer {
    /// Creates our half; `seed` chooses the SSRCs and the session id.
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

    /// Takes the client's offer.
    ///
    /// # Errors
    ///
    /// Fails when the offer is malformed or cannot follow the last one; nothing has changed then.
    pub fn handle_offer(&mut self, _sdp: &str) -> Result<Offered, SdpError> {
        Err(SdpError::Missing("media section"))
    }

    /// Replaces our credentials in the answers from here on.
    pub fn restart_ice(&mut self, local: IceCredentials) {
        self.local = local;
    }

    /// Returns our credentials.
    pub fn local(&self) -> &IceCredentials {
        &self.local
    }

    /// Queues a subscription: it takes an idle section of its kind at the next answer. Replaces one
    /// of the same id.
    pub fn add_send(&mut self, _send: SendTrack) {}

    /// Ends a subscription. Its section is idle once an answer has said so.
    pub fn remove_send(&mut self, _subscription: SubscriptionId) {}

    /// Returns how many more receiving sections the queued subscriptions need: audio, video.
    pub fn missing_sections(&self) -> (u32, u32) {
        (0, 0)
    }

    /// Reports whether the client must offer again, with
    /// [`missing_sections`](Self::missing_sections) added (which may be none), before all
    /// subscriptions are as they were asked for.
    pub fn needs_offer(&self) -> bool {
        false
    }

    /// Returns how the client's section `mid` is received, as of the last answer.
    pub fn receive(&self, _mid: Mid) -> Option<&ReceiveMedia> {
        None
    }

    /// Answers the last offer. A decision stays with its section until the client's `a=msid` there
    /// changes or it stops publishing, so later answers need only what is new.
    pub fn answer(&mut self, _decisions: &BTreeMap<Mid, PublishDecision>) -> Answer {
        let _ = (&self.facts, &self.policy, self.seed);
        Answer {
            sdp: String::new(),
            mid_to_track_id: BTreeMap::new(),
            receives: Vec::new(),
            sends: Vec::new(),
            unsupported: Vec::new(),
        }
    }
}
