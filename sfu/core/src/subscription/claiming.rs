//! What a subscription asks of its subscriber's link, and what it does with what it is granted.

use sfu_model::{Extension, Forwarding, Now, Step};
use sfu_rtp::{AbsSendTime, Outgoing, OutgoingExtensions, RtpTimestamp};

use crate::allocation::{Claim, Grant, LayerCosts};
use crate::bandwidth::Use;
use crate::keys::SubscriptionKey;
use crate::limits::PROBE_PACKETS;
use crate::output::Link;

use super::Subscription;

/// What a grant changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Fewer layers are sent.
    Less,
    /// More layers are sent.
    More,
    /// Nothing is sent any more.
    Paused,
    /// It is sent again.
    Resumed,
}

impl Subscription {
    /// Returns what it asks of the link, where its layers cost so much; nothing if nobody looks at it.
    pub(crate) fn claim(&self, key: SubscriptionKey, costs: LayerCosts) -> Option<Claim> {
        let Forwarding::UpTo { spatial, temporal } = self.media.forwarding else {
            return None;
        };
        Some(Claim {
            subscription: key,
            wanted: Step { spatial, temporal },
            importance: self.media.importance,
            costs,
            pausing: self.media.pausing,
            grant: self.grant,
        })
    }

    /// Returns what is forwarded at most: what is wanted, as far as that is granted.
    pub(crate) fn granted(&self) -> Forwarding {
        self.grant.limit(self.media.forwarding)
    }

    /// Takes what it is granted. Returns what that changes.
    pub(crate) fn grant(&mut self, grant: Grant) -> Change {
        let before = std::mem::replace(&mut self.grant, grant);
        if before == grant {
            return Change::None;
        }
        let wants_more = self.set_forwarding(self.media.forwarding);
        match (before, grant) {
            (_, Grant::Paused) => Change::Paused,
            (Grant::Paused, _) => Change::Resumed,
            _ if wants_more => Change::More,
            _ => Change::Less,
        }
    }

    /// Sends `due` bytes of padding as a probe. Returns whether it can, which takes a stream of retransmissions
    /// whose packets have transport-wide numbers.
    pub(crate) fn probe(&mut self, now: Now, due: usize, link: &mut Link<'_>) -> bool {
        let map = self.media.extensions;
        if map.id(Extension::TransportCc).is_none() {
            return false;
        }
        let formats = self.media.codecs.iter().copied();
        let mut formats = formats.filter_map(|binding| {
            let (ssrc, payload_type) = self.retransmission_format(binding)?;
            Some((binding, ssrc, payload_type))
        });
        let Some((binding, ssrc, payload_type)) = formats.next() else {
            return false;
        };
        let extensions = self.stamp(
            OutgoingExtensions::default(),
            binding,
            AbsSendTime::from(now.unix),
        );
        for _ in 0..due.div_ceil(usize::from(u8::MAX)).min(PROBE_PACKETS) {
            let header = Outgoing {
                ssrc,
                seq: self.stream.next_retransmission(),
                timestamp: RtpTimestamp(0),
                payload_type,
                marker: false,
            };
            link.send_padding(Use::Probe, &header, &map, extensions, u8::MAX);
        }
        true
    }
}
