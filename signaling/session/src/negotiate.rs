//! Offers and answers between a room and its participants.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_model::{
    Command, DtlsRole, Fingerprint, IceCredentials, Mid, Now, PeerId, SendMedia, SubscriptionId,
};
use tracing::debug;

use crate::negotiation::PublishDecision;
use crate::outputs::Outputs;
use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::transports::{PathState, Transports};
use crate::{Room, TimerReason, proto};

/// How long a client may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the answer to an offer that rode in a join is held back for clients that are not ready for it. They take a
/// millisecond or two.
const JOIN_ANSWER_DELAY: Duration = Duration::from_millis(50);

impl Room {
    /// Takes the offer that rode in a join.
    pub(crate) fn handle_join_offer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        offer: proto::SessionDescription,
    ) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        if participant.client.takes_answer_at_once() {
            self.handle_offer(now, key, &offer);
            return;
        }
        participant.transports.up().join_offer = Some(offer);
        let at = now.mono + JOIN_ANSWER_DELAY;
        self.timers.set(TimerReason::JoinOffer(key), at);
    }

    /// Answers the offer that rode in a join and was held back, unless another came since.
    pub(crate) fn answer_join_offer(&mut self, now: Now, key: ParticipantKey) {
        let participant = self.roster.get_mut(key);
        if let Some(offer) = participant.and_then(|it| it.transports.up().join_offer.take()) {
            self.handle_offer(now, key, &offer);
        }
    }

    /// Takes a client's offer: of its publisher transport, or of its only one.
    pub(crate) fn handle_offer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        offer: &proto::SessionDescription,
    ) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let local = self.ids.ice(participant.transports.shard());
        let up = participant.transports.up();
        let offered = match up.answerer.handle_offer(&offer.sdp) {
            Ok(offered) => offered,
            Err(error) => {
                debug!(participant = %participant.sid, %error, "an offer cannot be answered");
                self.full_reconnect(now, key);
                return;
            }
        };
        up.join_offer = None;
        up.offer_requested = false;
        up.open(&mut self.outputs);
        if offered.ice_restarted {
            up.answerer.restart_ice(local.clone());
            let peer = up.peer;
            self.outputs.media(Command::RestartIce { peer, local });
        }
        let remote = (offered.ice.clone(), offered.fingerprint, DtlsRole::Server);
        up.path.follow(up.peer, remote, &mut self.outputs);
        let decisions = self.publications().match_sections(now, key, &offered);
        self.answer(now, key, offer.id, &decisions);
    }

    fn answer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        id: u32,
        decisions: &BTreeMap<Mid, PublishDecision>,
    ) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let up = participant.transports.up();
        let answer = up.answerer.answer(decisions);
        up.answered = true;
        let connection = participant.connection;
        for (mid, media) in &answer.receives {
            if !decisions.contains_key(mid) {
                self.publications().receive_section(now, key, *mid, media);
            }
        }
        self.start_subscriptions(key, answer.sends);
        let description = proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp: answer.sdp,
            id,
            mid_to_track_id: answer.mid_to_track_id.into_iter().collect(),
        };
        self.outputs
            .signal(connection, Message::Answer(description));
        self.subscriptions().repeat_demand_soon(now, key);
        for mid in decisions.keys() {
            self.publications().publish_section(now, key, *mid);
        }
        self.subscriptions()
            .drop_unsupported(now, key, &answer.unsupported);
        self.subscriptions().schedule_negotiation(now, key);
    }

    /// Takes a client's answer to our offer on its subscriber transport.
    pub(crate) fn handle_answer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        answer: &proto::SessionDescription,
    ) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let Some(down) = participant.transports.down() else {
            return;
        };
        let answered = match down.offerer.handle_answer(answer.id, &answer.sdp) {
            Ok(Some(answered)) => answered,
            Ok(None) => return,
            Err(error) => {
                debug!(participant = %participant.sid, %error, "an answer does not fit its offer");
                self.full_reconnect(now, key);
                return;
            }
        };
        self.timers.cancel(&TimerReason::Answer(key));
        let remote = (answered.ice, answered.fingerprint, answered.role);
        down.path.follow(down.peer, remote, &mut self.outputs);
        self.start_subscriptions(key, answered.sends);
        self.subscriptions()
            .drop_unsupported(now, key, &answered.unsupported);
        self.subscriptions().schedule_negotiation(now, key);
    }

    /// Has the subscriptions that were negotiated sent.
    fn start_subscriptions(
        &mut self,
        key: ParticipantKey,
        sends: Vec<(SubscriptionId, SendMedia)>,
    ) {
        for (subscription, media) in sends {
            self.subscriptions()
                .start_subscription(key, subscription, media);
        }
    }

    /// Offers, or asks the client to offer, what is to be negotiated.
    pub(crate) fn offer_now(&mut self, now: Now, key: ParticipantKey) {
        self.timers.cancel(&TimerReason::Offer(key));
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let connection = participant.connection;
        match &mut participant.transports {
            Transports::One(up) => {
                if connection.is_none() || !up.answered || !up.answerer.needs_offer() {
                    return;
                }
                up.offer_requested = true;
                let (num_audios, num_videos) = up.answerer.missing_sections();
                let requirement = proto::MediaSectionsRequirement {
                    num_audios,
                    num_videos,
                };
                self.outputs
                    .signal(connection, Message::MediaSectionsRequirement(requirement));
            }
            Transports::Two { down, .. } => {
                let Some(offer) = down.offerer.create_offer() else {
                    return;
                };
                down.open(&mut self.outputs);
                down.offered_at = Some(now.mono);
                let description = proto::SessionDescription {
                    r#type: "offer".to_owned(),
                    sdp: offer.sdp,
                    id: offer.id,
                    mid_to_track_id: offer.mid_to_track_id.into_iter().collect(),
                };
                self.outputs.signal(connection, Message::Offer(description));
                let at = now.mono + ANSWER_TIMEOUT;
                self.timers.set(TimerReason::Answer(key), at);
            }
        }
    }

    /// The client has not answered. If it is connected, it never will; else the offer did not reach
    /// it, and a resume brings another.
    pub(crate) fn handle_missing_answer(&mut self, now: Now, key: ParticipantKey) {
        let participant = self.roster.get(key);
        if let Some(participant) = participant.filter(|p| p.connection.is_some()) {
            debug!(participant = %participant.sid, "an offer is not answered");
            self.full_reconnect(now, key);
        }
    }
}

impl PathState {
    /// Tells the shard of the client's side of a transport, if it is other than it was.
    fn follow(
        &mut self,
        peer: PeerId,
        remote: (IceCredentials, Fingerprint, DtlsRole),
        outputs: &mut Outputs,
    ) {
        if self.remote.as_ref() == Some(&remote) {
            return;
        }
        self.remote = Some(remote.clone());
        outputs.media(Command::SetRemote {
            peer,
            remote: remote.0,
            fingerprint: remote.1,
            role: remote.2,
        });
    }
}
