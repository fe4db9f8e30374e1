//! Offers and answers: the part of a room that exchanges them with its participants.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_model::{Command, DtlsRole, Mid, Now};
use tracing::debug;

use crate::ids::Ids;
use crate::negotiation::{Answer, Answered, Offered, PublishDecision};
use crate::outputs::Outputs;
use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::roster::Roster;
use crate::timers::Timers;
use crate::transports::Transports;
use crate::{Room, TimerReason, proto};

/// How long a client may take to answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the answer to an offer that rode in a join is held back at most for clients that are not ready for it. They are once
/// they tell of candidates, which takes a millisecond or two, and much longer where many join from one machine.
const JOIN_ANSWER_DELAY: Duration = Duration::from_secs(1);

/// Takes offers and answers, makes ours, and has shards follow them. What they mean for tracks is for others.
///
/// It is all of a room that this may touch.
#[derive(Debug)]
pub(crate) struct Negotiation<'a> {
    pub(crate) ids: &'a mut Ids,
    pub(crate) roster: &'a mut Roster,
    pub(crate) timers: &'a mut Timers,
    pub(crate) outputs: &'a mut Outputs,
}

/// A session whose negotiation has failed: only a fresh one can follow.
#[derive(Debug)]
pub(crate) struct CannotGoOn;

impl Room {
    /// Returns the part that exchanges offers and answers.
    pub(crate) fn negotiation(&mut self) -> Negotiation<'_> {
        Negotiation {
            ids: &mut self.ids,
            roster: &mut self.roster,
            timers: &mut self.timers,
            outputs: &mut self.outputs,
        }
    }
}

impl Negotiation<'_> {
    /// Takes the offer that rode in a join; returns it if it is to be answered at once.
    pub(crate) fn take_join_offer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        offer: proto::SessionDescription,
    ) -> Option<proto::SessionDescription> {
        let participant = self.roster.get_mut(key)?;
        if participant.client.takes_answer_at_once() {
            return Some(offer);
        }
        participant.transports.up().join_offer = Some(offer);
        let at = now.mono + JOIN_ANSWER_DELAY;
        self.timers.set(TimerReason::JoinOffer(key), at);
        None
    }

    /// Returns the offer that rode in a join and was held back, unless another came since.
    pub(crate) fn held_offer(&mut self, key: ParticipantKey) -> Option<proto::SessionDescription> {
        let participant = self.roster.get_mut(key)?;
        participant.transports.up().join_offer.take()
    }

    /// Takes a client's offer: of its publisher transport, or of its only one.
    pub(crate) fn take_offer(
        &mut self,
        key: ParticipantKey,
        sdp: &str,
    ) -> Result<Offered, CannotGoOn> {
        let participant = self.roster.get_mut(key).ok_or(CannotGoOn)?;
        let local = self.ids.ice(participant.transports.shard());
        let up = participant.transports.up();
        let offered = up.answerer.handle_offer(sdp).map_err(|error| {
            debug!(participant = %participant.sid, %error, "an offer cannot be answered");
            CannotGoOn
        })?;
        up.join_offer = None;
        up.offer_requested = false;
        up.open(self.outputs);
        if offered.ice_restarted {
            up.answerer.restart_ice(local.clone());
            let peer = up.peer;
            self.outputs.media(Command::RestartIce { peer, local });
        }
        let remote = (offered.ice.clone(), offered.fingerprint, DtlsRole::Server);
        up.path.follow(up.peer, remote, self.outputs);
        Ok(offered)
    }

    /// Answers the last offer. [`Negotiation::send_answer`] tells the client.
    pub(crate) fn answer(
        &mut self,
        key: ParticipantKey,
        decisions: &BTreeMap<Mid, PublishDecision>,
    ) -> Option<Answer> {
        let up = self.roster.get_mut(key)?.transports.up();
        up.answered = true;
        Some(up.answerer.answer(decisions))
    }

    /// Sends the answer to an offer that the client numbered `id`.
    pub(crate) fn send_answer(
        &mut self,
        key: ParticipantKey,
        id: u32,
        sdp: String,
        mid_to_track_id: BTreeMap<String, String>,
    ) {
        let connection = self.roster.get(key).and_then(|p| p.connection);
        let description = proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp,
            id,
            mid_to_track_id: mid_to_track_id.into_iter().collect(),
        };
        self.outputs
            .signal(connection, Message::Answer(description));
    }

    /// Takes a client's answer to our offer on its subscriber transport. One to another offer than the last says
    /// nothing.
    pub(crate) fn take_answer(
        &mut self,
        key: ParticipantKey,
        answer: &proto::SessionDescription,
    ) -> Result<Option<Answered>, CannotGoOn> {
        let Some(participant) = self.roster.get_mut(key) else {
            return Ok(None);
        };
        let Some(down) = participant.transports.down() else {
            return Ok(None);
        };
        let answered = down.offerer.handle_answer(answer.id, &answer.sdp);
        let answered = answered.map_err(|error| {
            debug!(participant = %participant.sid, %error, "an answer does not fit its offer");
            CannotGoOn
        })?;
        if let Some(answered) = &answered {
            self.timers.cancel(&TimerReason::Answer(key));
            let remote = (answered.ice.clone(), answered.fingerprint, answered.role);
            down.path.follow(down.peer, remote, self.outputs);
        }
        Ok(answered)
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
                down.open(self.outputs);
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

    /// Offers with other credentials on the subscriber transport. The only transport of a client is
    /// restarted by the client's own offer.
    pub(crate) fn restart_subscriber_ice(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let local = self.ids.ice(participant.transports.shard());
        let up = participant.transports.up();
        up.offer_requested = false;
        let Some(down) = participant.transports.down() else {
            self.schedule(now, key);
            return;
        };
        if down.offered_at.is_none() {
            return;
        }
        down.offerer.restart_ice(local.clone());
        let peer = down.peer;
        self.outputs.media(Command::RestartIce { peer, local });
        self.offer_now(now, key);
    }

    /// The client has not answered. If it is connected, it never will; else the offer did not reach
    /// it, and a resume brings another.
    pub(crate) fn handle_missing_answer(&self, key: ParticipantKey) -> Result<(), CannotGoOn> {
        let participant = self.roster.get(key).filter(|p| p.connection.is_some());
        let Some(participant) = participant else {
            return Ok(());
        };
        debug!(participant = %participant.sid, "an offer is not answered");
        Err(CannotGoOn)
    }

    /// Sees to it that what changed is negotiated, together with what changes within a moment.
    pub(crate) fn schedule(&mut self, now: Now, key: ParticipantKey) {
        let participant = self.roster.get(key);
        let delay = participant.and_then(|it| it.transports.negotiation_delay(now.mono));
        if let Some(delay) = delay {
            self.timers
                .set_once(TimerReason::Offer(key), now.mono + delay);
        }
    }
}
