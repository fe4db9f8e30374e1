//! Tells publishers which layers are wanted (LiveKit's dynacast).

use std::time::Duration;

use sfu_model::{MediaKind, Now, TrackSid};

use super::Subscriptions;
use crate::limits::{MAX_REPEAT_DEMAND_DELAY, REPEAT_DEMAND_DELAY};
use crate::participant_key::ParticipantKey;
use crate::proto::VideoQuality;
use crate::proto::signal_response::Message;
use crate::track::Track;
use crate::{TimerReason, proto};

/// How long a publisher is left alone after it has begun: subscribers still say what they need.
const FIRST_DELAY: Duration = Duration::from_secs(10);

/// How long a layer must be wanted by nobody before its publisher may stop sending it.
const PAUSE_DELAY: Duration = Duration::from_secs(5);

impl Subscriptions<'_> {
    /// Begins to watch the demand for a track that was just published.
    ///
    /// Goal: a publisher sends no layer that nobody receives, and never lacks one that somebody
    /// wants. Input: what each subscription forwards. More demand is told at once; less, when it has
    /// lasted for five seconds; nothing, while the publisher's first ten seconds last or the track is
    /// muted.
    pub(crate) fn watch_demand(&mut self, now: Now, sid: &TrackSid) {
        let video = self.tracks.get(sid).map(Track::kind) == Some(MediaKind::Video);
        if video {
            let at = now.mono + FIRST_DELAY;
            self.timers.set(TimerReason::Demand(sid.clone()), at);
        }
    }

    /// Weighs whether the publisher must hear that subscriptions changed.
    pub(crate) fn demand_changed(&mut self, now: Now, sid: &TrackSid) {
        let Some(track) = self.tracks.get(sid) else {
            return;
        };
        if track.kind() == MediaKind::Audio || !track.told_demand.settled || track.info.muted {
            return;
        }
        let timer = TimerReason::Demand(sid.clone());
        let wanted = self.wanted(track);
        let told = &track.told_demand.qualities;
        if wanted == *told {
            self.timers.cancel(&timer);
        } else if is_less(&wanted, told) {
            self.timers.set_once(timer, now.mono + PAUSE_DELAY);
        } else {
            self.tell_demand(sid);
        }
    }

    /// Tells what is wanted by now.
    pub(crate) fn tell_demand(&mut self, sid: &TrackSid) {
        self.timers.cancel(&TimerReason::Demand(sid.clone()));
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        track.told_demand.settled = true;
        let Some(track) = self.tracks.get(sid) else {
            return;
        };
        let wanted = self.wanted(track);
        let Some(track) = self.tracks.get_mut(sid) else {
            return;
        };
        if track.info.muted || track.told_demand.qualities == wanted {
            return;
        }
        track.told_demand.qualities.clone_from(&wanted);
        let streams = track.streams.iter().zip(wanted);
        let streams: Vec<_> = streams.map(|(s, quality)| (s.codec, quality)).collect();
        self.send_demand(sid, &streams);
    }

    /// Asks a publisher to send a codec that it announced, beside those that it sends.
    pub(super) fn request_codec(&mut self, sid: &TrackSid, codec: usize) {
        let Some(track) = self.tracks.get(sid) else {
            return;
        };
        let sent = track.streams.iter().map(|stream| stream.codec);
        let codecs = sent.chain([codec]).map(|codec| (codec, VideoQuality::High));
        let codecs: Vec<_> = codecs.collect();
        self.send_demand(sid, &codecs);
    }

    /// Has a publisher whose offer was answered told again what is wanted, once its answers have come to rest.
    pub(crate) fn repeat_demand_soon(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let since = participant
            .publishing
            .answered_since
            .get_or_insert(now.mono);
        let latest = *since + MAX_REPEAT_DEMAND_DELAY;
        let at = latest.min(now.mono + REPEAT_DEMAND_DELAY);
        self.timers.set(TimerReason::RepeatDemand(key), at);
    }

    /// Tells a publisher again which layers of its tracks are not wanted.
    pub(crate) fn repeat_demand(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        participant.publishing.answered_since = None;
        for sid in participant.publishing.tracks.clone() {
            let Some(track) = self.tracks.get(&sid).filter(|track| !track.info.muted) else {
                continue;
            };
            let told = &track.told_demand.qualities;
            if told.iter().all(|quality| *quality == VideoQuality::High) {
                continue;
            }
            let streams = track.streams.iter().zip(told);
            let streams: Vec<_> = streams.map(|(s, quality)| (s.codec, *quality)).collect();
            self.send_demand(&sid, &streams);
        }
    }

    /// Returns what is wanted of each stream: everything, while it is shown in another room.
    fn wanted(&self, track: &Track) -> Vec<VideoQuality> {
        let publisher = self.roster.get(track.publisher);
        match publisher.is_some_and(|publisher| publisher.projections > 0) {
            true => vec![VideoQuality::High; track.streams.len()],
            false => wanted_qualities(track),
        }
    }

    fn send_demand(&mut self, sid: &TrackSid, codecs: &[(usize, VideoQuality)]) {
        let Some(track) = self.tracks.get(sid) else {
            return;
        };
        let named = |(codec, quality): &(usize, VideoQuality)| {
            let mime_type = track.info.codecs.get(*codec)?.mime_type.as_str();
            let (_, name) = mime_type.split_once('/')?;
            Some(proto::SubscribedCodec {
                // Clients compare it with the names that they publish by.
                codec: name.to_ascii_lowercase(),
                qualities: up_to(*quality),
            })
        };
        let subscribed_codecs: Vec<_> = codecs.iter().filter_map(named).collect();
        let main = subscribed_codecs
            .first()
            .map(|codec| codec.qualities.clone());
        let update = proto::SubscribedQualityUpdate {
            track_sid: sid.as_str().to_owned(),
            subscribed_qualities: main.unwrap_or_default(),
            subscribed_codecs,
        };
        let publisher = self.roster.get(track.publisher).and_then(|p| p.connection);
        self.outputs
            .signal(publisher, Message::SubscribedQualityUpdate(update));
    }
}

/// Returns the highest quality that is wanted of each stream.
fn wanted_qualities(track: &Track) -> Vec<VideoQuality> {
    let quality = |highest: Option<usize>| match highest {
        None => VideoQuality::Off,
        // The top layer is whatever the publisher has.
        Some(layer) if layer + 1 >= track.info.layers.len() => VideoQuality::High,
        Some(layer) => track
            .info
            .layers
            .get(layer)
            .map_or(VideoQuality::High, proto::VideoLayer::quality),
    };
    let streams = track.streams.iter();
    streams
        .map(|stream| quality(stream.demand.highest()))
        .collect()
}

/// Reports whether `wanted` asks for nothing beyond `told`. Nothing told means everything is sent.
fn is_less(wanted: &[VideoQuality], told: &[VideoQuality]) -> bool {
    let rank = |quality: &VideoQuality| match quality {
        VideoQuality::Off => 0,
        VideoQuality::Low => 1,
        VideoQuality::Medium => 2,
        VideoQuality::High => 3,
    };
    let all = VideoQuality::High;
    wanted
        .iter()
        .enumerate()
        .all(|(index, wanted)| rank(wanted) <= rank(told.get(index).unwrap_or(&all)))
}

fn up_to(highest: VideoQuality) -> Vec<proto::SubscribedQuality> {
    let qualities = [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High];
    let enabled = |quality: VideoQuality| proto::SubscribedQuality {
        quality: quality.into(),
        enabled: highest != VideoQuality::Off && i32::from(quality) <= i32::from(highest),
    };
    qualities.map(enabled).into()
}
