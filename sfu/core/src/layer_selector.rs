//! Chooses the encoding and the layers of a publication that one subscriber gets.

use sfu_model::{Codec, Forwarding, MediaKind, SpatialLayer};
use sfu_rtp::ExtendedSeqNo;

use by_descriptor::ByDescriptor;
use by_payload::ByPayload;

use crate::descriptor_reader::Described;
use crate::frame::Frame;
use crate::layers::Layers;
use crate::moves::Moves;
use sfu_model::Step;

mod by_descriptor;
mod by_payload;

/// What becomes of a packet for one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// It belongs to an encoding that is not forwarded.
    Ignore,
    /// It belongs to the encoding that is forwarded, but to a layer that is not.
    LeaveOut,
    /// It is forwarded.
    Forward {
        /// Whether it ends the frame, now that higher layers are left out.
        ends_frame: bool,
    },
    /// It is forwarded, and its encoding is from here on.
    Switch {
        /// The same.
        ends_frame: bool,
    },
}

/// What the subscriber's decoder knows of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guidance {
    /// Dependency descriptors, which are passed on to it.
    Descriptors,
    /// The payload.
    Payload,
}

/// Chooses, packet by packet, which encoding of a publication a subscription forwards and which of
/// its layers.
///
/// An encoding is taken up at a key frame only, and left only for another one's key frame. Within an encoding layers
/// are taken up and left where its frames allow it: by their dependency descriptors, otherwise by their payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerSelector {
    wanted: Forwarding,
    guidance: Guidance,
    /// The encoding that is forwarded.
    current: Option<u8>,
    /// The layers of it that are forwarded.
    at: Step,
    by_descriptor: ByDescriptor,
    by_payload: ByPayload,
    /// Whether frames are chosen by their descriptors, as of the latest.
    is_described: bool,
}

impl LayerSelector {
    pub(crate) fn new(wanted: Forwarding, guidance: Guidance) -> Self {
        Self {
            wanted,
            guidance,
            current: None,
            at: Step::default(),
            by_descriptor: ByDescriptor::default(),
            by_payload: ByPayload::default(),
            is_described: false,
        }
    }

    /// Sets what the subscriber's decoder knows of layers.
    pub(crate) fn set_guidance(&mut self, guidance: Guidance) {
        self.guidance = guidance;
    }

    /// Sets what is wanted. Returns whether anything is that was not before.
    pub(crate) fn set_wanted(&mut self, wanted: Forwarding) -> bool {
        let before = std::mem::replace(&mut self.wanted, wanted);
        if wanted == Forwarding::Paused {
            self.current = None;
        }
        if before != wanted {
            self.by_descriptor.unblock();
        }
        before != wanted && wanted != Forwarding::Paused
    }

    /// Returns the layers that are forwarded, where the decoder is told of that by descriptors.
    #[inline]
    pub(crate) fn described_step(&self) -> Option<Step> {
        let is_told = self.is_described && self.guidance == Guidance::Descriptors;
        is_told.then_some(self.at)
    }

    /// Returns the encoding that is forwarded.
    pub(crate) fn current(&self) -> Option<u8> {
        self.current
    }

    /// Returns the highest spatial and temporal layers that are forwarded of the current encoding, as far as it has them.
    pub(crate) fn layers(&self) -> (u8, u8) {
        (self.at.spatial.0, self.at.temporal.0)
    }

    /// Forgets the current encoding: its stream began anew.
    pub(crate) fn lose(&mut self, encoding: u8) {
        self.current.take_if(|current| *current == encoding);
    }

    /// Follows the current encoding to its place in another order.
    pub(crate) fn follow(&mut self, moves: Moves) {
        self.current = self.current.map(|current| moves.of(current));
    }

    /// Returns which of the live encodings is wanted.
    #[inline]
    pub(crate) fn target(&self, live: Layers) -> Option<u8> {
        match self.wanted {
            Forwarding::Paused => None,
            Forwarding::UpTo { spatial, .. } => live.best_up_to(spatial.0),
        }
    }

    /// Returns the encodings that it may forward packets of, as long as no other one begins to send
    /// or ceases: what it forwards, what it waits for, and what it would take up if it began, which an
    /// encoding does with a key frame.
    pub(crate) fn needed(&self, live: Layers) -> Layers {
        let would_be_target = |layer: &u8| {
            let mut live = live;
            live.insert(*layer);
            self.target(live) == Some(*layer)
        };
        let layers = (0..).take(SpatialLayer::COUNT);
        let mut needed: Layers = layers.filter(would_be_target).collect();
        match (self.current, self.target(live)) {
            (Some(current), _) => needed.insert(current),
            (None, Some(target)) => needed.unite(Layers::up_to(target)),
            (None, None) => {}
        }
        needed
    }

    /// Reports whether a key frame of `encoding` would bring the subscription closer to what it wants.
    #[inline]
    pub(crate) fn awaits_key_frame(&self, encoding: u8, live: Layers, codec: Codec) -> bool {
        let Forwarding::UpTo { spatial, .. } = self.wanted else {
            return false;
        };
        if self.target(live) != Some(encoding) || codec.kind() == MediaKind::Audio {
            return false;
        }
        if self.current != Some(encoding) {
            return true;
        }
        match self.is_described {
            true => self.by_descriptor.is_blocked(),
            false => codec.is_svc() && self.at.spatial < spatial,
        }
    }

    /// Decides about a packet of `encoding` with the number `seq`.
    #[inline]
    pub(crate) fn select(
        &mut self,
        (encoding, seq): (u8, ExtendedSeqNo),
        live: Layers,
        frame: &Frame,
    ) -> Selection {
        let Forwarding::UpTo { spatial, temporal } = self.wanted else {
            return Selection::Ignore;
        };
        let wanted = Step { spatial, temporal };
        if self.current != Some(encoding) {
            return self.consider_switch((encoding, seq), wanted, live, frame);
        }
        let described = self.description_of(frame);
        self.is_described = described.is_some();
        let is_forwarded = match described {
            Some(described) => self.by_descriptor.select(&mut self.at, wanted, described),
            None => self.by_payload.select(&mut self.at, wanted, seq, frame),
        };
        match is_forwarded {
            true => Selection::Forward {
                ends_frame: self.ends_frame(frame),
            },
            false => Selection::LeaveOut,
        }
    }

    /// Reports whether a packet ends the frame because higher layers are left out.
    #[inline]
    fn ends_frame(&self, frame: &Frame) -> bool {
        let (spatial, ends_layer) = match self.description_of(frame) {
            Some(described) => (described.spatial, described.end),
            None => (frame.spatial, frame.end),
        };
        ends_layer && spatial == self.at.spatial.0 && self.at.spatial < SpatialLayer::MAX
    }

    /// Returns the description that a frame is chosen by. A decoder that is not told which frames need which has to see
    /// no other spatial layers than its payload leads it to expect.
    #[inline]
    fn description_of<'a>(&self, frame: &'a Frame) -> Option<&'a Described> {
        let described = frame.described.as_ref()?;
        let is_of_use = self.guidance == Guidance::Descriptors || !described.is_layered;
        is_of_use.then_some(described)
    }

    /// Takes note that a frame that it would have chosen is left out.
    pub(crate) fn note_left_out(&mut self, frame: &Frame) {
        if let Some(described) = &frame.described {
            self.by_descriptor.note_left_out(described);
        }
    }

    /// Decides about padding of `encoding`, which belongs to no layer.
    pub(crate) fn select_padding(&self, encoding: u8) -> Selection {
        if self.current == Some(encoding) {
            Selection::LeaveOut
        } else {
            Selection::Ignore
        }
    }

    fn consider_switch(
        &mut self,
        (encoding, seq): (u8, ExtendedSeqNo),
        wanted: Step,
        live: Layers,
        frame: &Frame,
    ) -> Selection {
        let target = self.target(live);
        // Better a lower encoding at once than a black picture until the wanted one's key frame.
        let acceptable =
            target == Some(encoding) || (self.current.is_none() && Some(encoding) < target);
        if !frame.key || !acceptable {
            return Selection::Ignore;
        }
        self.current = Some(encoding);
        self.at = wanted;
        self.by_payload.begin(seq, wanted);
        let described = self.description_of(frame);
        self.is_described = described.is_some();
        if let Some(described) = described {
            self.by_descriptor.begin(described);
        }
        Selection::Switch {
            ends_frame: self.ends_frame(frame),
        }
    }
}

#[cfg(test)]
mod tests;
