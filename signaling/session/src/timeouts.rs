//! What a room does when a deadline passes.

use sfu_model::Now;
use signaling_protocol::{DisconnectCause, LeaveAction};

use crate::speakers::Speakers;
use crate::{Room, TimerReason};

impl Room {
    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(reason) = self.timers.pop_due(now.mono) {
            self.handle_due(now, reason);
        }
    }

    fn handle_due(&mut self, now: Now, reason: TimerReason) {
        match reason {
            TimerReason::ParticipantUpdates => self.telling().schedule_updates(now),
            TimerReason::RoomUpdate => self.tell_room(),
            TimerReason::JoinOffer(key) => self.answer_join_offer(now, key),
            TimerReason::Offer(key) => self.negotiation().offer_now(now, key),
            TimerReason::Answer(key) => self.handle_missing_answer(now, key),
            TimerReason::JoinTimeout(key) => {
                let action = Some(LeaveAction::Disconnect);
                self.disconnect(now, key, DisconnectCause::JoinFailed, action);
            }
            TimerReason::Departure(key) => self.handle_departure(now, key),
            TimerReason::Farewell(key) => self.handle_lost_transport(now, key),
            TimerReason::SessionIsUp(key) => self.end_session_in_time(now, key),
            TimerReason::RefreshToken(key) => self.refresh_token(now, key),
            TimerReason::PendingTracks(key) => self.publications().expire_pending(now, key),
            TimerReason::TrackNotFound(key, sid) => {
                self.subscriptions().handle_track_not_found(key, &sid);
            }
            TimerReason::Demand(sid) => self.subscriptions().tell_demand(&sid),
            TimerReason::RepeatDemand(key) => self.subscriptions().repeat_demand(key),
            TimerReason::Resize(sid) => self.publications().handle_resize(now, &sid),
            TimerReason::TrackPermissions(key) => self.apply_track_permissions(now, key),
            TimerReason::SimulatedSpeaker(key) => {
                Speakers::simulate(key, false, &self.roster, &mut self.outputs);
            }
            TimerReason::Floor => self.settle_floor(now),
            TimerReason::Qualities => self.judge_qualities(now),
            TimerReason::Rpc(rpc) => {
                self.rpcs
                    .handle_timeout(rpc, &mut self.timers, &mut self.outputs);
            }
            TimerReason::RoomIsUp => self.end_in_time(now),
            TimerReason::Idle => self.close(now, DisconnectCause::RoomClosed),
        }
    }
}
