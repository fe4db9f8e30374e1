//! What becomes of a subscription's packets that wait for its subscriber's link.

use std::time::Instant;

use sfu_model::Forwarding;

use crate::arrival::Arrival;
use crate::layers::Layers;
use crate::output::Link;

use super::Subscription;

impl Subscription {
    /// Reports whether it may forward packets of an encoding, while those that are `live` send.
    pub(crate) fn may_forward(&self, encoding: u8, live: Layers) -> bool {
        self.needed(live).contains(encoding)
    }

    /// Returns the encodings at whose key frames it would begin if it had nothing, the best first.
    pub(crate) fn would_begin_at(&self, live: Layers) -> [Option<u8>; 2] {
        let target = self.selector.target(live);
        let current = self.selector.current();
        [target, current.filter(|current| Some(*current) < target)]
    }

    /// Goes on with the next key frame, and leaves no hole before it. Returns whether that is otherwise than before.
    pub(crate) fn skip(&mut self) -> bool {
        let current = self.selector.current();
        if let Some(current) = current {
            self.selector.lose(current);
        }
        current.is_some()
    }

    /// Does the same because its link did not carry what came before.
    pub(crate) fn give_up(&mut self, now: Instant) -> bool {
        let skips = self.skip();
        if skips {
            self.progress.give_up(now);
        }
        skips
    }

    /// Reports whether it may ask for a key frame of its own.
    #[inline]
    pub(crate) fn may_ask_for_key_frame(&self, now: Instant) -> bool {
        self.progress.may_ask(now)
    }

    /// Reports whether something of a packet's frame has left, and nothing of another one since.
    pub(crate) fn has_begun(&self, arrival: &Arrival<'_>) -> bool {
        self.progress.has_begun(arrival)
    }

    /// Reports whether a packet is of a key frame of which something has left.
    pub(crate) fn is_amid_key_frame(&self, arrival: &Arrival<'_>) -> bool {
        self.progress.is_amid_key_frame(arrival)
    }

    /// Returns the highest temporal layer that it may forward, where there are none above `highest`.
    pub(crate) fn limit_temporal(&self, highest: u8) -> u8 {
        match self.grant.limit(self.media.forwarding) {
            Forwarding::UpTo { temporal, .. } => highest.min(temporal.0),
            Forwarding::Paused => highest,
        }
    }

    /// Leaves out a packet that has waited for too long.
    pub(crate) fn leave_out_held(&mut self, arrival: &Arrival<'_>, link: &mut Link<'_>) {
        if self.selector.current() == Some(arrival.encoding)
            && let Some(binding) = self.binding(arrival.codec)
        {
            if let Some(frame) = &arrival.frame {
                self.selector.note_left_out(frame);
            }
            self.leave_out(arrival, binding, link);
        }
    }
}
