//! Layers of a stream whose payload alone says what packets are.

use sfu_rtp::ExtendedSeqNo;

use crate::frame::Frame;
use sfu_model::Step;

/// Chooses packets by the layers that their payload names.
///
/// Layers change where a frame begins that is newer than all that came: packets that come late go by what was
/// forwarded at their place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByPayload {
    newest: Option<ExtendedSeqNo>,
    /// The latest changes: from which packet on which layers were forwarded, the latest first.
    changes: [Option<(ExtendedSeqNo, Step)>; 4],
}

impl ByPayload {
    /// Begins with a key frame.
    pub(super) fn begin(&mut self, seq: ExtendedSeqNo, at: Step) {
        *self = Self::default();
        self.newest = Some(seq);
        self.note(seq, at);
    }

    /// Decides about a packet. `at` are the layers that are forwarded.
    #[inline]
    pub(super) fn select(
        &mut self,
        at: &mut Step,
        wanted: Step,
        seq: ExtendedSeqNo,
        frame: &Frame,
    ) -> bool {
        if self.newest.is_some_and(|newest| seq <= newest) {
            return is_within(frame, self.at_the_time(seq).unwrap_or(*at));
        }
        self.newest = Some(seq);
        if frame.start && *at != wanted {
            let before = *at;
            move_on(at, wanted, frame);
            if *at != before {
                self.note(seq, *at);
            }
        }
        is_within(frame, *at)
    }

    /// Returns the number of the newest packet.
    #[cfg(test)]
    pub(super) fn newest(&self) -> Option<ExtendedSeqNo> {
        self.newest
    }

    fn note(&mut self, seq: ExtendedSeqNo, at: Step) {
        self.changes.rotate_right(1);
        if let Some(latest) = self.changes.first_mut() {
            *latest = Some((seq, at));
        }
    }

    fn at_the_time(&self, seq: ExtendedSeqNo) -> Option<Step> {
        let mut changes = self.changes.iter().flatten();
        let change = changes.find(|(since, _)| *since <= seq);
        change.map(|(_, at)| *at)
    }
}

#[inline]
fn is_within(frame: &Frame, at: Step) -> bool {
    frame.spatial <= at.spatial.0 && frame.temporal <= at.temporal.0
}

/// Moves to the wanted layers as far as a frame that begins allows.
fn move_on(at: &mut Step, wanted: Step, frame: &Frame) {
    if frame.key {
        *at = wanted;
        return;
    }
    // The lowest spatial layer begins a picture.
    if frame.spatial == 0 {
        at.spatial = at.spatial.min(wanted.spatial);
        at.temporal = at.temporal.min(wanted.temporal);
        // A frame of two layers up may need one of the layer between.
        if frame.switching_point
            && frame.temporal == at.temporal.0 + 1
            && frame.temporal <= wanted.temporal.0
        {
            at.temporal.0 += 1;
        }
    } else if frame.spatial_switching_point
        && frame.spatial == at.spatial.0 + 1
        && frame.spatial <= wanted.spatial.0
    {
        at.spatial.0 += 1;
    }
}

#[cfg(test)]
mod tests;
