//! How sessions end.

use sfu_model::{Command, Now};
use signaling_protocol::{DisconnectCause, LeaveAction, leave_request};
use tracing::info;

use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::proto::participant_info::State;
use crate::proto::signal_response::Message;
use crate::{ConnectionId, Output, Room, RoomNotice, TimerReason};

/// The attribute by which a participant is told why it is removed.
const REMOVAL_REASON: &str = "sluice.removed_reason";

impl Room {
    /// Ends a participant's session and everything that hangs on it. With an `action` the client is
    /// told; else its connection just closes.
    pub(crate) fn disconnect(
        &mut self,
        now: Now,
        key: ParticipantKey,
        cause: DisconnectCause,
        action: Option<LeaveAction>,
    ) {
        self.say_farewell(key, cause, action);
        self.publications().unpublish_all(now, key);
        self.data_publications().end_data_tracks(key);
        self.subscriptions().forget_subscriptions(now, key);
        let Some(mut participant) = self.take_out(key) else {
            return;
        };
        for peer in participant.transports.peers() {
            if participant
                .transports
                .path(peer)
                .is_some_and(|path| path.open)
            {
                self.outputs.media(Command::RemovePeer { peer });
            }
        }
        self.report_departure(now, &participant, cause);
    }

    /// Takes out a participant that publishes nothing any more and subscribes to nothing. The others are not told.
    pub(crate) fn take_out(&mut self, key: ParticipantKey) -> Option<Participant> {
        self.data_publications().forget_data_subscriptions(key);
        self.cancel_timers(key);
        self.rpcs
            .fail_calls_to(key, &mut self.timers, &mut self.outputs);
        self.speakers.forget(key);
        self.floor.forget(key);
        let participant = self.roster.remove(key)?;
        self.placement.vacate(participant.transports.shard());
        Some(participant)
    }

    /// Ends a session that cannot go on and asks the client to begin another.
    pub(crate) fn full_reconnect(&mut self, now: Now, key: ParticipantKey) {
        let cause = DisconnectCause::StateMismatch;
        self.disconnect(now, key, cause, Some(LeaveAction::Reconnect));
    }

    /// Disconnects a participant whose client sends what it may not; it is told so, and stays away.
    pub fn handle_offence(&mut self, now: Now, connection: ConnectionId, cause: DisconnectCause) {
        if let Some(key) = self.roster.by_connection(connection) {
            self.disconnect(now, key, cause, Some(LeaveAction::Disconnect));
        }
    }

    fn say_farewell(
        &mut self,
        key: ParticipantKey,
        cause: DisconnectCause,
        action: Option<LeaveAction>,
    ) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let protocol = participant.client.protocol();
        let leave = action.and_then(|action| leave_request(action, cause, protocol));
        if let Some(leave) = leave {
            self.outputs
                .signal(participant.connection, Message::Leave(leave));
        }
        if let Some(connection) = self.roster.connect(key, None) {
            self.outputs.push(Output::CloseSignal { connection });
        }
    }

    /// Tells a participant why it is about to be removed: as an attribute of its own, because that is the text which every
    /// client SDK hands to the app, and `leave` has none.
    pub(crate) fn tell_why_removed(&mut self, key: ParticipantKey, reason: String) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.touch();
        let connection = participant.connection;
        let mut info = participant.info(Vec::new(), Vec::new());
        info.attributes.insert(REMOVAL_REASON.to_owned(), reason);
        self.telling()
            .send_update(connection.into_iter().collect(), vec![info]);
    }

    /// Tells of a participant that was taken out, and what follows for the room.
    pub(crate) fn report_departure(
        &mut self,
        now: Now,
        participant: &Participant,
        cause: DisconnectCause,
    ) {
        info!(
            room = %self.room.name(),
            participant = %participant.sid,
            identity = %participant.identity,
            ?cause,
            "a participant has left"
        );
        self.tell_departure(now, participant, cause);
        self.room.note_leave(now.mono);
        if self.roster.len() == 0 {
            self.updates.clear();
        }
        self.watch_idleness();
        if participant.is_recorder() {
            self.tell_room();
        }
        self.telling().counts_changed(now);
    }

    fn tell_departure(&mut self, now: Now, participant: &Participant, cause: DisconnectCause) {
        let mut info = participant.info(Vec::new(), Vec::new());
        info.set_state(State::Disconnected);
        info.version = info.version.saturating_add(1);
        info.set_disconnect_reason(cause.reason());
        if !participant.is_hidden() {
            let replaced = cause == DisconnectCause::Replaced;
            self.telling().tell_gone(now, info.clone(), replaced);
        }
        let room = Box::new(self.info());
        let account = self.accounts.close(now.mono, participant.key);
        let gone = Box::new(info);
        self.outputs.notice(match account {
            Some(account) => RoomNotice::ParticipantLeft {
                room,
                participant: gone,
                account,
            },
            None => RoomNotice::ParticipantAborted {
                room,
                participant: gone,
            },
        });
    }

    fn cancel_timers(&mut self, key: ParticipantKey) {
        for reason in [
            TimerReason::JoinOffer(key),
            TimerReason::Offer(key),
            TimerReason::Answer(key),
            TimerReason::JoinTimeout(key),
            TimerReason::PendingTracks(key),
            TimerReason::Departure(key),
            TimerReason::Farewell(key),
            TimerReason::RefreshToken(key),
            TimerReason::SessionIsUp(key),
            TimerReason::SimulatedSpeaker(key),
            TimerReason::TrackPermissions(key),
            TimerReason::RepeatDemand(key),
        ] {
            self.timers.cancel(&reason);
        }
    }
}
