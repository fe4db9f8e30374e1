//! How good everybody's connection is, and who is told.

mod counts;
mod published;
mod received;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sfu_model::{PeerId, PublicationId, Statistics, SubscriptionId};

use crate::outputs::Outputs;
use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::proto::ConnectionQuality;
use crate::proto::signal_response::Message;
use crate::quality::{Score, WINDOW};
use crate::roster::Roster;
use crate::tracks::Tracks;
use crate::{ConnectionId, QualityCounts, QualityReport, TrackFigures, proto};

use published::Published;
use received::Received;

/// How good the connections of a room are.
///
/// Goal: everybody knows how well those that it receives are connected, and itself, with few messages. Every
/// [`WINDOW`] each track is judged in each direction by what shards have counted; a participant is as good as the worst of
/// what it sends and gets, and lost if nothing comes from it. Only what differs from what was told is told.
#[derive(Debug, Default)]
pub(crate) struct Qualities {
    published: BTreeMap<PublicationId, Published>,
    received: BTreeMap<SubscriptionId, Received>,
    /// How long nothing has come from each peer.
    silences: BTreeMap<PeerId, Duration>,
    /// How good each participant was at the end of the last window.
    scores: BTreeMap<ParticipantKey, Score>,
}

/// Who is told the same: whether they know of lost connections, and of whom they are told.
type Audience = (bool, BTreeSet<ParticipantKey>);

impl Qualities {
    /// Nothing from a participant for this long: it is lost. Browsers check their paths each 2.5 to 6 s.
    const UNHEARD: Duration = Duration::from_secs(8);

    /// Takes what a shard has counted. What is over is counted no more.
    pub(crate) fn handle_statistics(
        &mut self,
        streams: &Statistics,
        roster: &Roster,
        tracks: &Tracks,
    ) {
        for peer in &streams.peers {
            if roster.by_peer(peer.peer).is_some() {
                self.silences.insert(peer.peer, peer.silence);
            }
        }
        for encoding in &streams.encodings {
            if tracks.of_publication(encoding.publication).is_some() {
                let published = self.published.entry(encoding.publication);
                published.or_default().count(encoding);
            }
        }
        for subscription in &streams.subscriptions {
            if tracks.has_subscription(subscription.subscription) {
                let received = self.received.entry(subscription.subscription);
                received.or_default().count(subscription);
            }
        }
    }

    /// Ends a window: judges everybody, and tells what is otherwise than was told. Returns what all came to together.
    pub(crate) fn judge(
        &mut self,
        roster: &mut Roster,
        tracks: &Tracks,
        outputs: &mut Outputs,
    ) -> QualityReport {
        self.forget_what_is_over(roster, tracks);
        let mut scores = self.judge_participants(roster);
        let published = self.judge_published(tracks, roster, &mut scores);
        let received = self.judge_received(tracks, roster, &mut scores);
        let before = std::mem::replace(&mut self.scores, scores);
        self.tell(&before, roster, outputs);
        QualityReport {
            participants: QualityCounts::of(self.scores.values()),
            published,
            received,
        }
    }

    /// Walks those who were connected at the end of the last window.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ParticipantKey, ConnectionQuality)> {
        let scores = self.scores.iter();
        scores.map(|(key, score)| (*key, score.quality()))
    }

    fn forget_what_is_over(&mut self, roster: &Roster, tracks: &Tracks) {
        self.published
            .retain(|id, _| tracks.of_publication(*id).is_some());
        self.received.retain(|id, _| tracks.has_subscription(*id));
        self.silences.retain(|id, _| roster.by_peer(*id).is_some());
    }

    /// Returns how good those are who are connected, by whether they are heard.
    fn judge_participants(&self, roster: &Roster) -> BTreeMap<ParticipantKey, Score> {
        let active = roster.iter().filter(|participant| participant.is_active());
        let score = |participant: &Participant| match self.silence(participant) {
            silence if silence >= Self::UNHEARD => Score::LOST,
            _ => Score::BEST,
        };
        active.map(|it| (it.key, score(it))).collect()
    }

    /// Returns how long nothing has come from any of a participant's peers.
    fn silence(&self, participant: &Participant) -> Duration {
        let peers = participant.transports.peers();
        let silences = peers.filter_map(|peer| self.silences.get(&peer));
        silences.min().copied().unwrap_or_default()
    }

    fn judge_published(
        &mut self,
        tracks: &Tracks,
        roster: &Roster,
        scores: &mut BTreeMap<ParticipantKey, Score>,
    ) -> TrackFigures {
        let mut figures = TrackFigures::default();
        for track in tracks.iter().filter(|track| track.announced) {
            let Some(publisher) = roster.get(track.publisher) else {
                continue;
            };
            // What comes of it is counted in the room where it is.
            if publisher.is_projected {
                continue;
            }
            let is_heard = self.silence(publisher) < WINDOW;
            for stream in &track.streams {
                let published = self.published.entry(stream.publication).or_default();
                let score = published.judge(track, stream, is_heard, &mut figures);
                worsen(scores, track.publisher, score);
            }
        }
        figures
    }

    fn judge_received(
        &mut self,
        tracks: &Tracks,
        roster: &Roster,
        scores: &mut BTreeMap<ParticipantKey, Score>,
    ) -> TrackFigures {
        let mut figures = TrackFigures::default();
        for participant in roster.iter() {
            for (sid, active) in participant.subscribing.active() {
                if let Some(received) = self.received.get_mut(&active.id)
                    && let Some(track) = tracks.get(sid)
                {
                    let score = received.judge(track, active, &mut figures);
                    worsen(scores, participant.key, score);
                }
            }
        }
        figures
    }

    /// Tells each of those that it receives, and of itself, what is otherwise than `before`, and how those are from whom it
    /// has only begun to receive. Those who are told the same share a message.
    ///
    /// Departure: LiveKit tells everybody of everybody once anything changes.
    fn tell(
        &self,
        before: &BTreeMap<ParticipantKey, Score>,
        roster: &mut Roster,
        outputs: &mut Outputs,
    ) {
        let quality = |score: &Score| score.quality();
        let is_news = |(key, score): &(&ParticipantKey, &Score)| {
            before.get(key).map(quality) != Some(score.quality())
        };
        let changed = self.scores.iter().filter(is_news);
        let changed: Vec<_> = changed.map(|(key, _)| *key).collect();
        let mut audiences: BTreeMap<Audience, Vec<ConnectionId>> = BTreeMap::new();
        for key in roster.keys() {
            let Some(listener) = roster.get_mut(key) else {
                continue;
            };
            let protocol = listener.client.protocol();
            let (true, Some(connection)) = (listener.is_active(), listener.connection) else {
                continue;
            };
            let mut news = listener.subscribing.take_unaware();
            let receives = &listener.subscribing;
            let sees = |other: &ParticipantKey| *other == key || receives.receives_from(*other);
            news.extend(changed.iter().copied().filter(sees));
            if !news.is_empty() && protocol.takes_connection_quality() {
                let audience = (protocol.takes_quality_lost(), news);
                audiences.entry(audience).or_default().push(connection);
            }
        }
        for (audience, connections) in audiences {
            let update = self.describe(&audience, roster);
            if !update.updates.is_empty() {
                outputs.signal_all(connections, Message::ConnectionQuality(update));
            }
        }
    }

    fn describe(
        &self,
        (takes_lost, news): &Audience,
        roster: &Roster,
    ) -> proto::ConnectionQualityUpdate {
        let updates = news.iter().filter_map(|key| {
            let (participant, score) = (roster.get(*key)?, self.scores.get(key)?);
            let is_unknown = score.quality() == ConnectionQuality::Lost && !takes_lost;
            let quality = match is_unknown {
                true => ConnectionQuality::Poor,
                false => score.quality(),
            };
            Some(proto::ConnectionQualityInfo {
                participant_sid: participant.sid.as_str().to_owned(),
                quality: quality.into(),
                score: score.opinion(),
            })
        });
        proto::ConnectionQualityUpdate {
            updates: updates.collect(),
        }
    }
}

fn worsen(scores: &mut BTreeMap<ParticipantKey, Score>, key: ParticipantKey, score: Score) {
    if let Some(worst) = scores.get_mut(&key) {
        *worst = worst.worse(score);
    }
}

#[cfg(test)]
mod tests;
