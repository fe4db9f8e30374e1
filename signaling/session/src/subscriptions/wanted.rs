//! Which tracks a participant receives, and how.

use std::time::Duration;

use sfu_model::{Command, MediaKind, Now, TrackSid};

use super::Subscriptions;
use crate::layers;
use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::track::Track;
use crate::{Limits, TimerReason, proto};

/// How long a track may be wanted that does not exist.
const NOT_FOUND_TIMEOUT: Duration = Duration::from_secs(60);

/// What is to become of one participant's interest in one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Receive,
    Refrain,
}

/// Whether a participant has come to receive fewer tracks, so that others fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Capacity {
    Same,
    Freed,
}

impl Capacity {
    fn or(self, other: Self) -> Self {
        match self {
            Self::Freed => Self::Freed,
            Self::Same => other,
        }
    }
}

impl Subscriptions<'_> {
    /// Takes a client's (or an administrator's) choice of tracks.
    pub(crate) fn handle_subscription(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: &proto::UpdateSubscription,
    ) {
        let of_participants = update.participant_tracks.iter();
        let of_participants = of_participants.flat_map(|tracks| &tracks.track_sids);
        let mut freed = Capacity::Same;
        for sid in update.track_sids.iter().chain(of_participants) {
            let sid = TrackSid::from(sid.as_str());
            freed = freed.or(self.choose(now, key, &sid, update.subscribe));
        }
        self.use_freed_capacity(now, key, freed);
    }

    fn choose(
        &mut self,
        now: Now,
        key: ParticipantKey,
        sid: &TrackSid,
        subscribe: bool,
    ) -> Capacity {
        let exists = self.tracks.get(sid).is_some();
        let Some(participant) = self.roster.get_mut(key) else {
            return Capacity::Same;
        };
        if !exists && !participant.subscribing.has_room_for(sid) {
            return Capacity::Same;
        }
        let interest = participant.subscribing.begin_interest(sid);
        interest.choice = Some(subscribe);
        interest.refused = 0;
        self.judge_again(now, key, sid)
    }

    /// Takes how a client wants tracks that it receives, or will.
    pub(crate) fn handle_track_settings(
        &mut self,
        now: Now,
        key: ParticipantKey,
        mut settings: proto::UpdateTrackSettings,
    ) {
        for sid in std::mem::take(&mut settings.track_sids) {
            let sid = TrackSid::from(sid);
            let exists = self.tracks.get(&sid).is_some();
            let Some(participant) = self.roster.get_mut(key) else {
                return;
            };
            if exists || participant.subscribing.has_room_for(&sid) {
                let interest = participant.subscribing.begin_interest(&sid);
                interest.settings = Some(settings.clone());
                self.apply_settings(now, key, &sid);
            }
        }
    }

    /// Has the shard forward what the settings come to.
    pub(crate) fn apply_settings(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) {
        let track = self.tracks.get_mut(sid);
        let (Some(participant), Some(track)) = (self.roster.get_mut(key), track) else {
            return;
        };
        let adaptive = participant.adaptive_stream;
        let Some(interest) = participant.subscribing.interest_mut(sid) else {
            return;
        };
        let Some(active) = &mut interest.active else {
            return;
        };
        let forwarding = layers::forwarding(&track.info, interest.settings.as_ref(), adaptive);
        if active.forwarding == forwarding {
            return;
        }
        let before = std::mem::replace(&mut active.forwarding, forwarding);
        track.shift_demand(active.publication, Some(before), Some(forwarding));
        if active.started {
            self.outputs.media(Command::SetForwarding {
                subscription: active.id,
                forwarding,
            });
        }
        self.demand_changed(now, sid);
    }

    /// Has everybody who wants a track receive it.
    pub(crate) fn offer_to_everybody(&mut self, now: Now, sid: &TrackSid) {
        for key in self.roster.keys() {
            self.reconcile(now, key, sid);
        }
    }

    /// Has a participant receive everything that it wants, and nothing else.
    pub(crate) fn reconcile_all(&mut self, now: Now, key: ParticipantKey) {
        let mut freed = Capacity::Same;
        for sid in self.tracks.announced() {
            freed = freed.or(self.judge_again(now, key, &sid));
        }
        self.use_freed_capacity(now, key, freed);
    }

    /// Makes a participant's subscription to a track what it should be by now.
    ///
    /// Goal: there is a subscription exactly if the participant wants the track (its own choice, else
    /// whether it subscribes automatically), may subscribe, is allowed it by the publisher, accepts
    /// one of its codecs, and is within its limits. Whatever changes one of these calls this.
    pub(crate) fn reconcile(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) {
        let freed = self.judge_again(now, key, sid);
        self.use_freed_capacity(now, key, freed);
    }

    fn judge_again(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) -> Capacity {
        let not_found = TimerReason::TrackNotFound(key, sid.clone());
        let Some(participant) = self.roster.get(key) else {
            return Capacity::Same;
        };
        let Some(track) = self.tracks.get(sid).filter(|track| track.announced) else {
            let wanted = participant.subscribing.interest(sid);
            match wanted.and_then(|interest| interest.choice) {
                Some(true) => self.timers.set(not_found, now.mono + NOT_FOUND_TIMEOUT),
                Some(false) | None => self.timers.cancel(&not_found),
            }
            return Capacity::Same;
        };
        self.timers.cancel(&not_found);
        if track.publisher == key {
            return Capacity::Same;
        }
        let verdict = self.judge(participant, track);
        let interest = participant.subscribing.interest(sid);
        let active = interest.is_some_and(|interest| interest.active.is_some());
        self.tell_permission(key, sid);
        match (verdict, active) {
            (Verdict::Receive, false) => self.subscribe(now, key, sid),
            (Verdict::Refrain, true) => {
                self.drop_subscription(now, key, sid);
                return Capacity::Freed;
            }
            (Verdict::Receive, true) | (Verdict::Refrain, false) => {}
        }
        Capacity::Same
    }

    fn judge(&self, participant: &Participant, track: &Track) -> Verdict {
        let interest = participant.subscribing.interest(&track.sid);
        let refused = interest.map_or(0, |interest| interest.refused);
        let active = interest.is_some_and(|interest| interest.active.is_some());
        let capacity = active || self.has_capacity(participant, track.kind());
        let receive = wants(participant, track)
            && participant.can_receive()
            && self.is_allowed(participant, track)
            && track.stream(refused).is_some()
            && capacity;
        match receive {
            true => Verdict::Receive,
            false => Verdict::Refrain,
        }
    }

    /// Reports whether the publisher lets a participant have a track. Recorders get everything.
    fn is_allowed(&self, participant: &Participant, track: &Track) -> bool {
        let publisher = self.roster.get(track.publisher);
        let permissions = publisher.map(|publisher| &publisher.publishing.permissions);
        participant.is_recorder()
            || permissions.is_some_and(|granted| granted.allows(&participant.identity, &track.sid))
    }

    fn has_capacity(&self, participant: &Participant, kind: MediaKind) -> bool {
        let limit = self.facts.limits.subscriptions(kind);
        limit == 0 || participant.subscribing.number_of(kind) < limit
    }

    /// Tries again what did not fit before.
    fn use_freed_capacity(&mut self, now: Now, key: ParticipantKey, freed: Capacity) {
        if freed == Capacity::Freed && self.facts.limits.limits_subscriptions() {
            for sid in self.tracks.announced() {
                self.judge_again(now, key, &sid);
            }
        }
    }

    /// Tells a participant when a track that it wants is denied to it, and when no longer.
    fn tell_permission(&mut self, key: ParticipantKey, sid: &TrackSid) {
        let (Some(participant), Some(track)) = (self.roster.get(key), self.tracks.get(sid)) else {
            return;
        };
        let denied = !self.is_allowed(participant, track);
        let wanted = wants(participant, track);
        let publisher = self.roster.get(track.publisher);
        let publisher = publisher.map(|p| p.sid.as_str().to_owned());
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let told = participant.subscribing.interest(sid);
        if !wanted || denied == told.is_some_and(|interest| interest.told_denied) {
            return;
        }
        let interest = participant.subscribing.begin_interest(sid);
        interest.told_denied = denied;
        let update = proto::SubscriptionPermissionUpdate {
            participant_sid: publisher.unwrap_or_default(),
            track_sid: sid.as_str().to_owned(),
            allowed: !denied,
        };
        self.outputs.signal(
            participant.connection,
            Message::SubscriptionPermissionUpdate(update),
        );
    }
}

/// Reports whether a participant wants a track.
fn wants(participant: &Participant, track: &Track) -> bool {
    let interest = participant.subscribing.interest(&track.sid);
    let choice = interest.and_then(|interest| interest.choice);
    choice.unwrap_or(participant.auto_subscribe)
}

impl Limits {
    /// Returns how many subscriptions of a kind a participant may have; zero for any number.
    fn subscriptions(&self, kind: MediaKind) -> usize {
        match kind {
            MediaKind::Audio => self.audio_subscriptions,
            MediaKind::Video => self.video_subscriptions,
        }
    }

    fn limits_subscriptions(&self) -> bool {
        self.audio_subscriptions > 0 || self.video_subscriptions > 0
    }
}
