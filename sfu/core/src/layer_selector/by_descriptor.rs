//! Layers of a stream whose packets carry a dependency descriptor.

use crate::descriptor_reader::Described;
use crate::frame_history::FrameHistory;
use crate::steps::Steps;
use sfu_model::Step;

/// Chooses frames by what they say of themselves: for whom they are, and what they need.
///
/// Each frame is decided about once; all of its packets follow, also those that come late. Other layers are taken up
/// where a frame says that one can go on from there, if all that it needs was forwarded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByDescriptor {
    history: FrameHistory,
    /// Whether what is wanted needs frames that were left out: only a key frame brings it.
    is_blocked: bool,
}

impl ByDescriptor {
    /// Begins with a key frame.
    pub(super) fn begin(&mut self, frame: &Described) {
        *self = Self::default();
        self.history.note(frame.number, true);
    }

    /// Something else is wanted than before.
    pub(super) fn unblock(&mut self) {
        self.is_blocked = false;
    }

    /// Reports whether only a key frame brings what is wanted.
    #[inline]
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// A frame is left out that would have been chosen, unless it was.
    pub(super) fn note_left_out(&mut self, frame: &Described) {
        if self.history.decision(frame.number).is_none() {
            self.history.note(frame.number, false);
        }
    }

    /// Decides about a packet. `at` are the layers that are forwarded.
    #[inline]
    pub(super) fn select(&mut self, at: &mut Step, wanted: Step, frame: &Described) -> bool {
        if let Some(decision) = self.history.decision(frame.number) {
            return decision;
        }
        if self.history.is_new(frame.number) {
            self.move_on(at, wanted, frame);
        }
        let (number, references) = (frame.number, frame.references);
        let is_forwarded =
            frame.belongs.contains(*at) && !self.history.lacks_any(number, references);
        self.history.note(number, is_forwarded);
        is_forwarded
    }

    /// Moves to the wanted layers as far as a frame allows.
    #[inline]
    fn move_on(&mut self, at: &mut Step, wanted: Step, frame: &Described) {
        if frame.is_key {
            *at = wanted;
            self.is_blocked = false;
            return;
        }
        if frame.begins_picture {
            // Frames of lower temporal layers need none of higher ones.
            at.temporal = at.temporal.min(wanted.temporal);
        }
        let (number, references) = (frame.number, frame.references);
        let begins_wanted = frame.temporal == 0 && frame.switch.contains(wanted);
        if begins_wanted {
            self.is_blocked = self.history.lacks_any(number, references);
        }
        if *at == wanted {
            return;
        }
        if self.history.has_all(number, references)
            && let Some(step) = best_on_the_way(*at, wanted, frame.switch)
        {
            *at = step;
        }
        if self.is_blocked && wanted.spatial < at.spatial {
            // What is sent until the key frame comes should at least cost less.
            at.temporal.0 = 0;
        }
    }
}

/// Returns the one of `steps` that is nearest to `wanted`, and nearer than `at`.
fn best_on_the_way(at: Step, wanted: Step, steps: Steps) -> Option<Step> {
    let distance = |step: &Step| {
        let spatial = step.spatial.0.abs_diff(wanted.spatial.0);
        (spatial, wanted.temporal.0.saturating_sub(step.temporal.0))
    };
    let is_between = |step: &Step| {
        let low = at.spatial.min(wanted.spatial);
        let high = at.spatial.max(wanted.spatial);
        (low..=high).contains(&step.spatial) && step.temporal <= wanted.temporal
    };
    Steps::all()
        .filter(|step| is_between(step) && steps.contains(*step))
        .filter(|step| distance(step) < distance(&at))
        .min_by_key(distance)
}

#[cfg(test)]
mod tests;
