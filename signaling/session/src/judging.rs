//! When connections are judged.

use sfu_model::Now;

use crate::quality::WINDOW;
use crate::{Output, Room, TimerReason};

impl Room {
    /// Sees to it that connections are judged while anybody is there.
    pub(crate) fn watch_qualities(&mut self, now: Now) {
        if self.roster.len() > 0 {
            let at = now.mono + WINDOW;
            self.timers.set_once(TimerReason::Qualities, at);
        }
    }

    /// A window is over.
    pub(crate) fn judge_qualities(&mut self, now: Now) {
        let report = self
            .qualities
            .judge(&mut self.roster, &self.tracks, &mut self.outputs);
        self.outputs.push(Output::Qualities(Box::new(report)));
        self.watch_qualities(now);
    }
}
