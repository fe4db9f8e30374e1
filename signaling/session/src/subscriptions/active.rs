//! Subscriptions from their beginning to their end.

use sfu_model::{Command, Importance, Now, Opening, SendMedia, SubscriptionId, TrackSid};

use super::Subscriptions;
use crate::negotiation::SendTrack;
use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::proto::{AudioTrackFeature, TrackSource};
use crate::subscribing::ActiveSubscription;
use crate::{TimerReason, layers, proto};

impl Subscriptions<'_> {
    /// Queues a subscription for negotiation.
    pub(super) fn subscribe(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) {
        let receiver = self.roster.get(key);
        let Some(shard) = receiver.map(|participant| participant.transports.shard()) else {
            return;
        };
        let id = self.ids.subscription(shard);
        let (Some(participant), Some(track)) = (self.roster.get(key), self.tracks.get(sid)) else {
            return;
        };
        let interest = participant.subscribing.interest(sid);
        let stream = interest.map_or(0, |interest| interest.refused);
        let Some(arriving) = track.stream(stream) else {
            return;
        };
        let settings = interest.and_then(|interest| interest.settings.as_ref());
        let forwarding = layers::forwarding(&track.info, settings, participant.adaptive_stream);
        let active = ActiveSubscription {
            id,
            publisher: track.publisher,
            publication: arriving.publication,
            kind: track.kind(),
            stream,
            forwarding,
            started: false,
        };
        self.tracks.bind_subscription(id, key, sid.clone());
        if let Some(track) = self.tracks.get_mut(sid) {
            track.subscribers.insert(key);
            track.shift_demand(active.publication, None, Some(forwarding));
        }
        if let Some(participant) = self.roster.get_mut(key) {
            participant.subscribing.start(sid, active.clone());
        }
        let (roster, outputs) = (&*self.roster, &mut *self.outputs);
        self.speakers.tell(key, active.publisher, roster, outputs);
        self.demand_changed(now, sid);
        self.negotiate_subscription(now, key, sid, &active);
    }

    /// Has a subscription negotiated in the codec in which its publication comes.
    pub(crate) fn negotiate_subscription(
        &mut self,
        now: Now,
        key: ParticipantKey,
        sid: &TrackSid,
        active: &ActiveSubscription,
    ) {
        let Some(track) = self.tracks.get(sid) else {
            return;
        };
        let publisher = self.roster.get(track.publisher);
        let stream = track.stream_of(active.publication);
        let (Some(publisher), Some(stream)) = (publisher, stream) else {
            return;
        };
        let plays_in_step = self.roster.get(key).is_some_and(|participant| {
            self.room.options().sync_streams && participant.client.plays_in_step()
        });
        let stream_name = match plays_in_step && !track.info.stream.is_empty() {
            true => track.info.stream.as_str(),
            false => track.sid.as_str(),
        };
        let send = SendTrack {
            subscription: active.id,
            stream_id: format!("{}|{stream_name}", publisher.sid),
            track_sid: sid.clone(),
            kind: track.kind(),
            codecs: stream.codecs.clone(),
            stereo: track.has_feature(AudioTrackFeature::TfStereo),
            forwarding: active.forwarding,
        };
        if let Some(participant) = self.roster.get_mut(key) {
            participant.transports.add_send(send);
        }
        self.negotiation().schedule(now, key);
    }

    /// Has the shard send a subscription as it was negotiated.
    pub(crate) fn start_subscription(
        &mut self,
        key: ParticipantKey,
        subscription: SubscriptionId,
        mut media: SendMedia,
    ) {
        let Some((_, sid)) = self.tracks.of_subscription(subscription) else {
            return;
        };
        let Some(track) = self.tracks.get(&sid) else {
            return;
        };
        let is_screen = track.info.source() == TrackSource::ScreenShare;
        let redundancy = track.redundancy();
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let peer = participant.transports.send_peer();
        let hidden = participant.is_hidden();
        let pausing = participant.pausing;
        let opening = match participant.client.notices_tracks_by_negotiation() {
            true => Opening::Media,
            false => Opening::Padding,
        };
        let interest = participant.subscribing.interest_mut(&sid);
        let Some(active) = interest.and_then(|interest| interest.active.as_mut()) else {
            return;
        };
        active.started = true;
        media.forwarding = active.forwarding;
        media.opening = opening;
        media.pausing = pausing;
        media.redundancy = redundancy;
        media.importance = match is_screen {
            true => Importance::ScreenShare,
            false => Importance::Ordinary,
        };
        self.outputs.media(Command::Subscribe {
            subscription,
            publication: active.publication,
            peer,
            media,
        });
        if !hidden {
            self.tell_first_subscriber(&sid);
        }
    }

    /// Tells a publisher, once, that somebody receives its track.
    fn tell_first_subscriber(&mut self, sid: &TrackSid) {
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        if std::mem::replace(&mut track.ever_subscribed, true) {
            return;
        }
        let publisher = self.roster.get(track.publisher);
        if let Some(publisher) = publisher.filter(|p| p.client.takes_track_subscribed()) {
            let subscribed = proto::TrackSubscribed {
                track_sid: sid.as_str().to_owned(),
            };
            self.outputs
                .signal(publisher.connection, Message::TrackSubscribed(subscribed));
        }
    }

    /// Ends a subscription, if there is one, and has that negotiated.
    pub(crate) fn drop_subscription(&mut self, now: Now, key: ParticipantKey, sid: &TrackSid) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let Some(active) = participant.subscribing.end(sid) else {
            return;
        };
        participant.transports.remove_send(active.id);
        self.unsubscribe(now, key, sid, &active);
        self.negotiation().schedule(now, key);
        let receives = self.roster.get(key).map(|p| &p.subscribing);
        if receives.is_some_and(|s| !s.receives_from(active.publisher)) {
            let (roster, outputs) = (&*self.roster, &mut *self.outputs);
            self.speakers
                .silence(key, active.publisher, roster, outputs);
        }
    }

    fn unsubscribe(
        &mut self,
        now: Now,
        key: ParticipantKey,
        sid: &TrackSid,
        active: &ActiveSubscription,
    ) {
        self.tracks.unbind_subscription(active.id);
        if let Some(track) = self.tracks.get_mut(sid) {
            track.subscribers.remove(&key);
            track.shift_demand(active.publication, Some(active.forwarding), None);
        }
        self.demand_changed(now, sid);
        if active.started {
            self.outputs.media(Command::Unsubscribe {
                subscription: active.id,
            });
        }
    }

    /// Ends all subscriptions of a participant that goes on in another room, and forgets what it wanted of this one.
    pub(crate) fn leave_all(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let active = participant.subscribing.active();
        let active: Vec<_> = active.map(|(sid, _)| sid.clone()).collect();
        for sid in active {
            self.drop_subscription(now, key, &sid);
        }
        self.forget_subscriptions(now, key);
    }

    /// Ends all subscriptions of a participant who leaves; the shard drops them with the peer.
    pub(crate) fn forget_subscriptions(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        for (sid, interest) in participant.subscribing.drain() {
            if let Some(active) = interest.active {
                self.tracks.unbind_subscription(active.id);
                if let Some(track) = self.tracks.get_mut(&sid) {
                    track.subscribers.remove(&key);
                    track.shift_demand(active.publication, Some(active.forwarding), None);
                }
                self.demand_changed(now, &sid);
            }
            self.timers.cancel(&TimerReason::TrackNotFound(key, sid));
        }
    }

    /// Deals with subscriptions of which the client accepts no codec: tries the track's other
    /// codec, asks the publisher for one that is announced but not sent, or gives up.
    pub(crate) fn drop_unsupported(
        &mut self,
        now: Now,
        key: ParticipantKey,
        unsupported: &[SubscriptionId],
    ) {
        for subscription in unsupported {
            let Some((_, sid)) = self.tracks.of_subscription(*subscription) else {
                continue;
            };
            let participant = self.roster.get_mut(key);
            let Some(active) = participant.and_then(|p| p.subscribing.end(&sid)) else {
                continue;
            };
            self.unsubscribe(now, key, &sid, &active);
            if let Some(participant) = self.roster.get_mut(key) {
                let interest = participant.subscribing.begin_interest(&sid);
                interest.refused = active.stream + 1;
            }
            self.reconcile(now, key, &sid);
            self.resolve_refusal(key, &sid, active.stream + 1);
        }
    }

    /// A client accepts none of the first `refused` streams of a track. If there are no others, the
    /// publisher is asked for a codec that it announced and does not send, else the client is told.
    fn resolve_refusal(&mut self, key: ParticipantKey, sid: &TrackSid, refused: usize) {
        let Some(track) = self.tracks.get(sid) else {
            return;
        };
        if track.stream(refused).is_some() {
            return;
        }
        match track.missing_codec() {
            Some(codec) => self.request_codec(sid, codec),
            None => {
                let error = proto::SubscriptionError::SeCodecUnsupported;
                self.refuse_subscription(key, sid, error);
            }
        }
    }

    fn refuse_subscription(
        &mut self,
        key: ParticipantKey,
        sid: &TrackSid,
        error: proto::SubscriptionError,
    ) {
        let connection = self.roster.get(key).and_then(|p| p.connection);
        let response = proto::SubscriptionResponse {
            track_sid: sid.as_str().to_owned(),
            err: error.into(),
        };
        self.outputs
            .signal(connection, Message::SubscriptionResponse(response));
    }

    /// Gives up a track that was wanted and has not appeared.
    pub(crate) fn handle_track_not_found(&mut self, key: ParticipantKey, sid: &TrackSid) {
        if let Some(participant) = self.roster.get_mut(key) {
            participant.subscribing.forget(sid);
        }
        self.refuse_subscription(key, sid, proto::SubscriptionError::SeTrackNotfound);
    }
}
