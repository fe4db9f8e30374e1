//! When connections are judged.

use sfu_model::Now;

use crate::quality::WINDOW;
use crate::{Output, Room, RoomNotice, TimerReason};

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
        self.accounts.note_qualities(self.qualities.iter());
        self.tell_accounts(now);
        self.watch_qualities(now);
    }

    /// Tells what sessions have come to so far, so that it is known if the node ends with them.
    fn tell_accounts(&mut self, now: Now) {
        let accounts = self.accounts.read(now.mono, &self.roster);
        if !accounts.is_empty() {
            self.outputs.notice(RoomNotice::Accounts {
                sid: self.room.sid().clone(),
                lasted: self.room.age(now),
                accounts,
            });
        }
    }
}
