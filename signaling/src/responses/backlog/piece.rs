//! What a message tells, taken apart: of whom, and whether a later word makes it superfluous.

use std::sync::Arc;

use signaling_protocol::proto::signal_response::Message;
use signaling_protocol::proto::{self, participant_info::State};

use crate::responses::response::SharedResponse;

/// A part of a message that tells of one thing.
#[derive(Debug)]
pub(super) enum Piece {
    Participant(Box<proto::ParticipantInfo>),
    Speaker(proto::SpeakerInfo),
    Quality(proto::ConnectionQualityInfo),
    StreamState(proto::StreamStateInfo),
    /// A message that tells of one thing.
    Whole(Arc<SharedResponse>),
}

/// What a piece tells of. A later piece of the same topic makes an earlier one superfluous.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Topic(pub(super) Aspect, pub(super) String);

/// What of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aspect {
    /// A participant, by identity, that is in the room.
    Present,
    /// A participant, by identity, that has left.
    Gone,
    Speaker,
    ConnectionQuality,
    StreamState,
    SubscribedQuality,
    SubscribedAudioCodecs,
    SubscriptionPermission,
    SubscriptionError,
    TrackSubscribed,
    Mute,
    Room,
    Token,
    Offer,
    DataTrackHandles,
    MediaSections,
    Pong,
    PongResp,
}

/// Takes a message apart.
pub(super) fn pieces(response: &Arc<SharedResponse>) -> Vec<(Option<Topic>, Piece)> {
    let Some(message) = response.message() else {
        return Vec::new();
    };
    if let Message::Update(update) = message {
        let participants = update.participants.iter().cloned();
        return participants
            .map(|info| {
                let aspect = match info.state() == State::Disconnected {
                    true => Aspect::Gone,
                    false => Aspect::Present,
                };
                let topic = Topic(aspect, info.identity.clone());
                (Some(topic), Piece::Participant(Box::new(info)))
            })
            .collect();
    }
    if let Message::SpeakersChanged(changed) = message {
        let speakers = changed.speakers.iter().cloned();
        return speakers
            .map(|speaker| {
                let topic = Topic(Aspect::Speaker, speaker.sid.clone());
                (Some(topic), Piece::Speaker(speaker))
            })
            .collect();
    }
    if let Message::ConnectionQuality(update) = message {
        let updates = update.updates.iter().cloned();
        return updates
            .map(|quality| {
                let sid = quality.participant_sid.clone();
                let topic = Topic(Aspect::ConnectionQuality, sid);
                (Some(topic), Piece::Quality(quality))
            })
            .collect();
    }
    if let Message::StreamStateUpdate(update) = message {
        let states = update.stream_states.iter().cloned();
        return states
            .map(|state| {
                let topic = Topic(Aspect::StreamState, state.track_sid.clone());
                (Some(topic), Piece::StreamState(state))
            })
            .collect();
    }
    vec![(topic(message), Piece::Whole(Arc::clone(response)))]
}

/// Reports whether a message answers a request of the client, or tells it what happens to its own
/// session: one that no later message makes superfluous.
pub(super) fn is_answer(response: &SharedResponse) -> bool {
    response.message().is_some_and(|message| {
        let list = matches!(
            message,
            Message::Update(_)
                | Message::SpeakersChanged(_)
                | Message::ConnectionQuality(_)
                | Message::StreamStateUpdate(_)
        );
        !list && topic(message).is_none()
    })
}

/// Returns what a message tells of that tells of one thing.
fn topic(message: &Message) -> Option<Topic> {
    let of = |aspect, sid: &str| Some(Topic(aspect, sid.to_owned()));
    match message {
        Message::SubscribedQualityUpdate(update) => {
            of(Aspect::SubscribedQuality, &update.track_sid)
        }
        Message::SubscribedAudioCodecUpdate(update) => {
            of(Aspect::SubscribedAudioCodecs, &update.track_sid)
        }
        Message::SubscriptionPermissionUpdate(update) => {
            of(Aspect::SubscriptionPermission, &update.track_sid)
        }
        Message::SubscriptionResponse(failed) => of(Aspect::SubscriptionError, &failed.track_sid),
        Message::TrackSubscribed(subscribed) => of(Aspect::TrackSubscribed, &subscribed.track_sid),
        Message::Mute(mute) => of(Aspect::Mute, &mute.sid),
        Message::RoomUpdate(_) => of(Aspect::Room, ""),
        Message::RefreshToken(_) => of(Aspect::Token, ""),
        Message::Offer(_) => of(Aspect::Offer, ""),
        Message::DataTrackSubscriberHandles(_) => of(Aspect::DataTrackHandles, ""),
        Message::MediaSectionsRequirement(_) => of(Aspect::MediaSections, ""),
        Message::Pong(_) => of(Aspect::Pong, ""),
        Message::PongResp(_) => of(Aspect::PongResp, ""),
        Message::Join(_)
        | Message::Answer(_)
        | Message::Trickle(_)
        | Message::Update(_)
        | Message::TrackPublished(_)
        | Message::Leave(_)
        | Message::SpeakersChanged(_)
        | Message::ConnectionQuality(_)
        | Message::StreamStateUpdate(_)
        | Message::TrackUnpublished(_)
        | Message::Reconnect(_)
        | Message::RequestResponse(_)
        | Message::RoomMoved(_)
        | Message::PublishDataTrackResponse(_)
        | Message::UnpublishDataTrackResponse(_)
        | Message::StoreDataBlobResponse(_)
        | Message::GetDataBlobResponse(_) => None,
    }
}
