//! Leads what clients offer and answer to the parts of a room that it concerns.

use std::collections::BTreeMap;

use sfu_model::{Mid, Now, SendMedia, SubscriptionId};

use crate::negotiation::PublishDecision;
use crate::offer_answer::CannotGoOn;
use crate::participant_key::ParticipantKey;
use crate::{Room, TimerReason, proto};

impl Room {
    /// Takes the offer that rode in a join.
    pub(crate) fn handle_join_offer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        offer: proto::SessionDescription,
    ) {
        if let Some(offer) = self.negotiation().take_join_offer(now, key, offer) {
            self.handle_offer(now, key, &offer);
        }
    }

    /// Answers the offer that rode in a join and was held back, unless another came since.
    pub(crate) fn answer_join_offer(&mut self, now: Now, key: ParticipantKey) {
        if let Some(offer) = self.negotiation().held_offer(key) {
            self.timers.cancel(&TimerReason::JoinOffer(key));
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
        match self.negotiation().take_offer(key, &offer.sdp) {
            Ok(offered) => {
                let decisions = self.publications().match_sections(now, key, &offered);
                self.answer(now, key, offer.id, &decisions);
            }
            Err(CannotGoOn) => self.full_reconnect(now, key),
        }
    }

    fn answer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        id: u32,
        decisions: &BTreeMap<Mid, PublishDecision>,
    ) {
        let Some(answer) = self.negotiation().answer(key, decisions) else {
            return;
        };
        for (mid, media) in &answer.receives {
            if !decisions.contains_key(mid) {
                self.publications().receive_section(now, key, *mid, media);
            }
        }
        self.start_subscriptions(key, answer.sends);
        self.negotiation()
            .send_answer(key, id, answer.sdp, answer.mid_to_track_id);
        self.subscriptions().repeat_demand_soon(now, key);
        for mid in decisions.keys() {
            self.publications().publish_section(now, key, *mid);
        }
        self.settle(now, key, &answer.unsupported);
    }

    /// Takes a client's answer to our offer on its subscriber transport.
    pub(crate) fn handle_answer(
        &mut self,
        now: Now,
        key: ParticipantKey,
        answer: &proto::SessionDescription,
    ) {
        match self.negotiation().take_answer(key, answer) {
            Ok(Some(answered)) => {
                self.start_subscriptions(key, answered.sends);
                self.settle(now, key, &answered.unsupported);
            }
            Ok(None) => {}
            Err(CannotGoOn) => self.full_reconnect(now, key),
        }
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

    /// Gives up what the client takes in no codec, and sees to it that what is left is negotiated.
    fn settle(&mut self, now: Now, key: ParticipantKey, unsupported: &[SubscriptionId]) {
        self.subscriptions().drop_unsupported(now, key, unsupported);
        self.negotiation().schedule(now, key);
    }

    /// An answer of the client has not come in time.
    pub(crate) fn handle_missing_answer(&mut self, now: Now, key: ParticipantKey) {
        if let Err(CannotGoOn) = self.negotiation().handle_missing_answer(key) {
            self.full_reconnect(now, key);
        }
    }
}
