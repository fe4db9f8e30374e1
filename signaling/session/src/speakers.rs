use std::collections::BTreeMap;

use sfu_model::{AudioLevel, PublicationId, ShardIndex};

use crate::participant::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::{ConnectionId, Room, proto};

/// Who speaks, as last told.
///
/// Goal: everybody knows who of those that it receives is speaking, and how loud, with few messages.
/// Levels are rounded up to eighths, and only what differs from the last report is told.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    /// What each shard reported last; those that hear nobody are absent.
    reports: BTreeMap<ShardIndex, Vec<(PublicationId, AudioLevel)>>,
    /// Loudness in eighths; who is silent is absent.
    loudness: BTreeMap<ParticipantKey, u8>,
}

impl Speakers {
    /// Steps of loudness that are told apart.
    const STEPS: f32 = 8.0;

    pub(crate) fn forget(&mut self, key: ParticipantKey) {
        self.loudness.remove(&key);
    }
}

/// Rounds up to eighths. What is audible at all is at least one.
fn quantise(level: AudioLevel) -> u8 {
    let steps = (level.0.clamp(0.0, 1.0) * Speakers::STEPS).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 8 by the clamp above"
    )]
    let steps = steps as u8;
    steps.max(1)
}

impl Room {
    /// Takes how loud the publications of a shard are, and tells who of those that hear them.
    pub(crate) fn handle_audio_levels(
        &mut self,
        shard: ShardIndex,
        levels: Vec<(PublicationId, AudioLevel)>,
    ) {
        match levels.is_empty() {
            true => self.speakers.reports.remove(&shard),
            false => self.speakers.reports.insert(shard, levels),
        };
        let mut loudness: BTreeMap<ParticipantKey, u8> = BTreeMap::new();
        for (publication, level) in self.speakers.reports.values().flatten() {
            let track = self.tracks.of_publication(*publication);
            let microphone = track.filter(|t| t.info.source() == proto::TrackSource::Microphone);
            if let Some(track) = microphone {
                let step = loudness.entry(track.publisher).or_default();
                *step = quantise(*level).max(*step);
            }
        }
        let before = std::mem::replace(&mut self.speakers.loudness, loudness);
        let now = &self.speakers.loudness;
        let louder = now
            .iter()
            .filter(|(key, step)| before.get(*key) != Some(*step));
        let silent = before.keys().filter(|key| !now.contains_key(*key));
        let mut changes: Vec<_> = louder
            .map(|(key, step)| (*key, *step))
            .chain(silent.map(|key| (*key, 0)))
            .collect();
        changes.sort_by_key(|(key, step)| (std::cmp::Reverse(*step), *key));
        self.tell_speakers(&changes);
    }

    /// Tells changes to those who receive from these speakers, and to the speakers themselves. Those
    /// who are told the same share a message.
    fn tell_speakers(&mut self, changes: &[(ParticipantKey, u8)]) {
        let mut groups: BTreeMap<Vec<usize>, Vec<ConnectionId>> = BTreeMap::new();
        for listener in self.roster.iter() {
            let Some(connection) = listener.connection else {
                continue;
            };
            if !listener.client.protocol().takes_speakers_changed() {
                continue;
            }
            let hears = |key: ParticipantKey| {
                key == listener.key || listener.subscribing.receives_from(key)
            };
            let heard = changes.iter().enumerate();
            let heard: Vec<_> = heard
                .filter(|(_, (key, _))| hears(*key))
                .map(|(index, _)| index)
                .collect();
            if !heard.is_empty() {
                groups.entry(heard).or_default().push(connection);
            }
        }
        for (heard, connections) in groups {
            let speakers = heard.into_iter().filter_map(|index| changes.get(index));
            let speakers = speakers.filter_map(|(key, step)| self.speaker(*key, *step));
            let changed = proto::SpeakersChanged {
                speakers: speakers.collect(),
            };
            self.outbox
                .signal_all(connections, Message::SpeakersChanged(changed));
        }
    }

    fn speaker(&self, key: ParticipantKey, step: u8) -> Option<proto::SpeakerInfo> {
        let participant = self.roster.get(key)?;
        Some(proto::SpeakerInfo {
            sid: participant.sid.as_str().to_owned(),
            level: f32::from(step) / Speakers::STEPS,
            active: step > 0,
        })
    }

    /// Tells a new subscriber that a publisher is speaking, if it is.
    pub(crate) fn tell_speaker(&mut self, listener: ParticipantKey, speaker: ParticipantKey) {
        if let Some(step) = self.speakers.loudness.get(&speaker).copied() {
            self.tell_one_speaker(listener, speaker, step);
        }
    }

    /// Tells one who no longer receives a publisher that it is silent.
    pub(crate) fn silence_speaker(&mut self, listener: ParticipantKey, speaker: ParticipantKey) {
        if self.speakers.loudness.contains_key(&speaker) {
            self.tell_one_speaker(listener, speaker, 0);
        }
    }

    fn tell_one_speaker(&mut self, listener: ParticipantKey, speaker: ParticipantKey, step: u8) {
        let connection = self.roster.get(listener).and_then(|p| p.connection);
        if let Some(speaker) = self.speaker(speaker, step) {
            let speakers = vec![speaker];
            self.outbox.signal(
                connection,
                Message::SpeakersChanged(proto::SpeakersChanged { speakers }),
            );
        }
    }

    /// Tells that a participant speaks, or no longer does, because its client asked for it.
    pub(crate) fn simulate_speaker(&mut self, key: ParticipantKey, speaks: bool) {
        // 0.9, in eighths.
        let step = if speaks { 8 } else { 0 };
        self.tell_speakers(&[(key, step)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_rounded_up_to_eighths() {
        assert_eq!(quantise(AudioLevel(0.0)), 1);
        assert_eq!(quantise(AudioLevel(0.126)), 2);
        assert_eq!(quantise(AudioLevel(1.0)), 8);
        assert_eq!(quantise(AudioLevel(f32::NAN)), 1);
    }
}
