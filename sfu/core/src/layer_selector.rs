//! Chooses the encoding and the layers of a publication that one subscriber gets.

use sfu_model::{Codec, Forwarding, MediaKind, SpatialLayer, TemporalLayer};

use crate::frame::Frame;
use crate::layers::Layers;
use crate::moves::Moves;

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
    Switch,
}

/// Chooses, packet by packet, which encoding of a publication a subscription forwards and which of
/// its layers.
///
/// An encoding is taken up at a key frame only, and left only for another one's key frame. A
/// temporal layer is taken up where the codec allows it, and left at the start of a frame.
///
/// Departure: spatial layers of one stream go up at key frames only, and AV1's temporal layers are
/// all forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerSelector {
    wanted: Forwarding,
    /// The encoding that is forwarded.
    current: Option<u8>,
    /// Highest spatial layer that is forwarded of an encoding that has several.
    spatial: u8,
    /// Highest temporal layer that is forwarded.
    temporal: u8,
}

impl LayerSelector {
    pub(crate) fn new(wanted: Forwarding) -> Self {
        Self {
            wanted,
            current: None,
            spatial: 0,
            temporal: 0,
        }
    }

    /// Sets what is wanted. Returns whether anything is that was not before.
    pub(crate) fn set_wanted(&mut self, wanted: Forwarding) -> bool {
        let before = std::mem::replace(&mut self.wanted, wanted);
        if wanted == Forwarding::Paused {
            self.current = None;
        }
        before != wanted && wanted != Forwarding::Paused
    }

    /// Returns the encoding that is forwarded.
    pub(crate) fn current(&self) -> Option<u8> {
        self.current
    }

    /// Returns the highest spatial and temporal layers that are forwarded of the current encoding, as far as it has them.
    pub(crate) fn layers(&self) -> (u8, u8) {
        (self.spatial, self.temporal)
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
        self.current != Some(encoding) || (codec.is_svc() && self.spatial < spatial.0)
    }

    /// Decides about a packet of `encoding`.
    #[inline]
    pub(crate) fn select(&mut self, encoding: u8, live: Layers, frame: &Frame) -> Selection {
        let Forwarding::UpTo { spatial, temporal } = self.wanted else {
            return Selection::Ignore;
        };
        if self.current != Some(encoding) {
            return self.consider_switch(encoding, live, frame);
        }
        if frame.start {
            self.move_layers(spatial, temporal, frame);
        }
        if frame.temporal > self.temporal || frame.spatial > self.spatial {
            return Selection::LeaveOut;
        }
        let higher_left_out = self.spatial < SpatialLayer::MAX.0;
        Selection::Forward {
            ends_frame: frame.end && frame.spatial == self.spatial && higher_left_out,
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

    fn consider_switch(&mut self, encoding: u8, live: Layers, frame: &Frame) -> Selection {
        let Forwarding::UpTo { spatial, temporal } = self.wanted else {
            return Selection::Ignore;
        };
        let target = self.target(live);
        // Better a lower encoding at once than a black picture until the wanted one's key frame.
        let acceptable =
            target == Some(encoding) || (self.current.is_none() && Some(encoding) < target);
        if !frame.key || !acceptable {
            return Selection::Ignore;
        }
        self.current = Some(encoding);
        self.spatial = spatial.0;
        self.temporal = temporal.0;
        Selection::Switch
    }

    /// Moves to the wanted layers as far as this frame allows.
    fn move_layers(&mut self, spatial: SpatialLayer, temporal: TemporalLayer, frame: &Frame) {
        if frame.key {
            self.spatial = spatial.0;
            self.temporal = temporal.0;
            return;
        }
        // The lowest spatial layer begins a picture.
        if frame.spatial == 0 {
            self.spatial = self.spatial.min(spatial.0);
        }
        self.temporal = self.temporal.min(temporal.0);
        let higher = frame.temporal;
        if frame.switching_point && higher > self.temporal && higher <= temporal.0 {
            self.temporal = higher;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(spatial: u8, temporal: u8) -> Forwarding {
        Forwarding::UpTo {
            spatial: SpatialLayer(spatial),
            temporal: TemporalLayer(temporal),
        }
    }

    fn live(members: &[u8]) -> Layers {
        members.iter().copied().collect()
    }

    fn delta(temporal: u8) -> Frame {
        Frame {
            key: false,
            intra: false,
            picture: true,
            start: true,
            end: false,
            spatial: 0,
            temporal,
            switching_point: temporal == 0,
            vp8: None,
        }
    }

    fn key() -> Frame {
        Frame {
            key: true,
            ..delta(0)
        }
    }

    const FORWARD: Selection = Selection::Forward { ends_frame: false };

    #[test]
    fn nothing_is_forwarded_before_a_key_frame() {
        let mut selector = LayerSelector::new(up_to(2, 3));
        let live = live(&[0]);
        assert_eq!(selector.select(0, live, &delta(0)), Selection::Ignore);
        assert!(selector.awaits_key_frame(0, live, Codec::Vp8));
        assert_eq!(selector.select(0, live, &key()), Selection::Switch);
        assert_eq!(selector.select(0, live, &delta(0)), FORWARD);
        assert!(!selector.awaits_key_frame(0, live, Codec::Vp8));
    }

    #[test]
    fn a_switch_waits_for_the_key_frame_of_the_wanted_encoding() {
        let mut selector = LayerSelector::new(up_to(0, 3));
        let live = live(&[0, 1, 2]);
        selector.select(0, live, &key());
        selector.set_wanted(up_to(2, 3));
        assert_eq!(selector.select(2, live, &delta(0)), Selection::Ignore);
        assert_eq!(selector.select(1, live, &key()), Selection::Ignore);
        assert_eq!(selector.select(0, live, &delta(0)), FORWARD);
        assert_eq!(selector.select(2, live, &key()), Selection::Switch);
        assert_eq!(selector.select(0, live, &delta(0)), Selection::Ignore);
    }

    #[test]
    fn a_lower_encoding_is_taken_up_while_the_wanted_one_has_no_key_frame() {
        let mut selector = LayerSelector::new(up_to(2, 3));
        let live = live(&[0, 2]);
        assert_eq!(selector.select(0, live, &key()), Selection::Switch);
        assert!(selector.awaits_key_frame(2, live, Codec::Vp8));
        assert!(!selector.awaits_key_frame(0, live, Codec::Vp8));
    }

    #[test]
    fn a_paused_subscription_needs_a_key_frame_again() {
        let mut selector = LayerSelector::new(up_to(0, 3));
        let live = live(&[0]);
        selector.select(0, live, &key());
        assert!(!selector.set_wanted(Forwarding::Paused));
        assert_eq!(selector.select(0, live, &delta(0)), Selection::Ignore);
        assert!(selector.set_wanted(up_to(0, 3)));
        assert_eq!(selector.select(0, live, &delta(0)), Selection::Ignore);
        assert_eq!(selector.select(0, live, &key()), Selection::Switch);
    }

    #[test]
    fn what_is_forwarded_and_what_is_waited_for_is_needed() {
        let all = live(&[0, 1, 2]);
        let mut selector = LayerSelector::new(up_to(1, 3));
        // Until there is a picture, a lower encoding will do.
        assert_eq!(selector.needed(all), live(&[0, 1]));
        selector.select(1, all, &key());
        assert_eq!(selector.needed(all), live(&[1]));
        selector.set_wanted(up_to(2, 3));
        assert_eq!(selector.needed(all), live(&[1, 2]));
        selector.select(2, all, &key());
        assert_eq!(selector.needed(all), live(&[2]));
        selector.set_wanted(Forwarding::Paused);
        assert_eq!(selector.needed(all), live(&[]));
        assert_eq!(selector.needed(live(&[])), live(&[]));
    }

    #[test]
    fn an_encoding_that_would_be_better_is_needed_from_its_beginning() {
        let mut selector = LayerSelector::new(up_to(1, 3));
        assert_eq!(selector.needed(live(&[])), live(&[0, 1, 2]));
        selector.select(0, live(&[0]), &key());
        assert_eq!(selector.needed(live(&[0])), live(&[0, 1]));
        let mut selector = LayerSelector::new(up_to(0, 3));
        selector.select(2, live(&[2]), &key());
        assert_eq!(selector.needed(live(&[2])), live(&[0, 1, 2]));
    }

    #[test]
    fn temporal_layers_go_down_at_once_and_up_at_switching_points() {
        let mut selector = LayerSelector::new(up_to(0, 2));
        let live = live(&[0]);
        selector.select(0, live, &key());
        selector.set_wanted(up_to(0, 0));
        assert_eq!(selector.select(0, live, &delta(2)), Selection::LeaveOut);
        selector.set_wanted(up_to(0, 2));
        assert_eq!(selector.select(0, live, &delta(1)), Selection::LeaveOut);
        let switching = Frame {
            switching_point: true,
            ..delta(1)
        };
        assert_eq!(selector.select(0, live, &switching), FORWARD);
        assert_eq!(selector.select(0, live, &delta(2)), Selection::LeaveOut);
    }
}
