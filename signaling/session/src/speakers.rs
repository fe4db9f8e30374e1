//! Who speaks, and who is told.

use std::collections::BTreeMap;

use sfu_model::{AudioLevel, PublicationId, ShardIndex};

use crate::outputs::Outputs;
use crate::participant_key::ParticipantKey;
use crate::proto::signal_response::Message;
use crate::roster::Roster;
use crate::tracks::Tracks;
use crate::{ConnectionId, proto};

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
    /// The loudness of a speaker that a client asked for, in eighths: 0.9.
    const SIMULATED: u8 = 8;

    pub(crate) fn forget(&mut self, key: ParticipantKey) {
        self.loudness.remove(&key);
    }

    /// Returns who speaks.
    pub(crate) fn speaking(&self) -> impl Iterator<Item = ParticipantKey> {
        self.loudness.keys().copied()
    }

    /// Takes how loud the publications of a shard are, and tells who of those that hear them.
    pub(crate) fn handle_levels(
        &mut self,
        shard: ShardIndex,
        levels: Vec<(PublicationId, AudioLevel)>,
        (roster, tracks): (&Roster, &Tracks),
        outputs: &mut Outputs,
    ) {
        match levels.is_empty() {
            true => self.reports.remove(&shard),
            false => self.reports.insert(shard, levels),
        };
        let loudness = self.measure(tracks);
        let before = std::mem::replace(&mut self.loudness, loudness);
        let changes = changes(&before, &self.loudness);
        tell_all(&changes, roster, outputs);
    }

    /// Returns how loud each participant is by the last reports.
    fn measure(&self, tracks: &Tracks) -> BTreeMap<ParticipantKey, u8> {
        let mut loudness: BTreeMap<ParticipantKey, u8> = BTreeMap::new();
        for (publication, level) in self.reports.values().flatten() {
            let track = tracks.of_publication(*publication);
            let microphone = track.filter(|t| t.info.source() == proto::TrackSource::Microphone);
            if let Some(track) = microphone {
                let step = loudness.entry(track.publisher).or_default();
                *step = quantise(*level).max(*step);
            }
        }
        loudness
    }

    /// Tells a new subscriber that a publisher is speaking, if it is.
    pub(crate) fn tell(
        &self,
        listener: ParticipantKey,
        speaker: ParticipantKey,
        roster: &Roster,
        outputs: &mut Outputs,
    ) {
        if let Some(step) = self.loudness.get(&speaker) {
            tell_one(listener, (speaker, *step), roster, outputs);
        }
    }

    /// Tells one who no longer receives a publisher that it is silent.
    pub(crate) fn silence(
        &self,
        listener: ParticipantKey,
        speaker: ParticipantKey,
        roster: &Roster,
        outputs: &mut Outputs,
    ) {
        if self.loudness.contains_key(&speaker) {
            tell_one(listener, (speaker, 0), roster, outputs);
        }
    }

    /// Tells that a participant speaks, or no longer does, because its client asked for it.
    pub(crate) fn simulate(
        key: ParticipantKey,
        speaks: bool,
        roster: &Roster,
        outputs: &mut Outputs,
    ) {
        let step = if speaks { Self::SIMULATED } else { 0 };
        tell_all(&[(key, step)], roster, outputs);
    }
}

/// Returns who is louder or less loud than before, the loudest first.
fn changes(
    before: &BTreeMap<ParticipantKey, u8>,
    now: &BTreeMap<ParticipantKey, u8>,
) -> Vec<(ParticipantKey, u8)> {
    let other = now
        .iter()
        .filter(|(key, step)| before.get(*key) != Some(*step));
    let silent = before.keys().filter(|key| !now.contains_key(*key));
    let mut changes: Vec<_> = other
        .map(|(key, step)| (*key, *step))
        .chain(silent.map(|key| (*key, 0)))
        .collect();
    changes.sort_by_key(|(key, step)| (std::cmp::Reverse(*step), *key));
    changes
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

/// Tells changes to those who receive from these speakers, and to the speakers themselves. Those
/// who are told the same share a message.
fn tell_all(changes: &[(ParticipantKey, u8)], roster: &Roster, outputs: &mut Outputs) {
    let mut groups: BTreeMap<Vec<usize>, Vec<ConnectionId>> = BTreeMap::new();
    for listener in roster.iter() {
        let Some(connection) = listener.connection else {
            continue;
        };
        if !listener.client.protocol().takes_speakers_changed() {
            continue;
        }
        let hears =
            |key: ParticipantKey| key == listener.key || listener.subscribing.receives_from(key);
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
        let speakers = speakers.filter_map(|change| describe(*change, roster));
        let changed = proto::SpeakersChanged {
            speakers: speakers.collect(),
        };
        outputs.signal_all(connections, Message::SpeakersChanged(changed));
    }
}

fn tell_one(
    listener: ParticipantKey,
    change: (ParticipantKey, u8),
    roster: &Roster,
    outputs: &mut Outputs,
) {
    let connection = roster.get(listener).and_then(|p| p.connection);
    if let Some(speaker) = describe(change, roster) {
        let speakers = vec![speaker];
        let changed = proto::SpeakersChanged { speakers };
        outputs.signal(connection, Message::SpeakersChanged(changed));
    }
}

fn describe((key, step): (ParticipantKey, u8), roster: &Roster) -> Option<proto::SpeakerInfo> {
    let participant = roster.get(key)?;
    Some(proto::SpeakerInfo {
        sid: participant.sid.as_str().to_owned(),
        level: f32::from(step) / Speakers::STEPS,
        active: step > 0,
    })
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
