//! Loudness: from the packets of audio publications to a report for each room.

use std::time::Duration;

use sfu_model::{AudioLevel, Codec, Event, Now, RoomIndex};
use sfu_rtp::AudioLevelWindow;
use sfu_rtp::payload::{opus, red};

use crate::Shard;
use crate::arrival::Arrival;
use crate::keys::PublicationKey;
use crate::onward::Onward;
use crate::publication::Publication;
use crate::timers::{Deadline, Sleeper, TimerReason};

impl Onward<'_> {
    /// How long a packet plays that does not say it.
    const USUAL_DURATION: Duration = Duration::from_millis(20);

    /// Takes the audio level of a packet.
    pub(crate) fn hear(
        &mut self,
        now: Now,
        key: PublicationKey,
        publication: &mut Publication,
        arrival: &Arrival<'_>,
    ) {
        let Some(level) = arrival.extensions.audio_level(arrival.packet) else {
            return;
        };
        let loudness = &mut publication.loudness;
        let window = loudness
            .window
            .get_or_insert_with(|| Box::new(AudioLevelWindow::new(self.levels)));
        window.on_packet(now.mono, level, Self::duration(arrival));
        if loudness.listed || window.level(now.mono).is_none() {
            return;
        }
        loudness.listed = true;
        let room = publication.id.room;
        let levels = self.rooms.entry(room).or_default();
        levels.heard.push(key);
        let next = Deadline {
            at: now.mono + self.levels.window,
            reason: TimerReason::AudioLevels,
        };
        if levels.armed.is_none() {
            let sleeper = Sleeper::Room(room);
            self.schedule.arm(sleeper, &mut levels.armed, Some(next));
        }
    }

    fn duration(arrival: &Arrival<'_>) -> Duration {
        let payload = match arrival.codec {
            Codec::Red => red::primary(arrival.payload()).unwrap_or_default(),
            Codec::Opus => arrival.payload(),
            Codec::Pcmu
            | Codec::Pcma
            | Codec::Vp8
            | Codec::Vp9
            | Codec::H264
            | Codec::H265
            | Codec::Av1 => return Self::USUAL_DURATION,
        };
        opus::duration(payload).unwrap_or(Self::USUAL_DURATION)
    }
}

impl Shard {
    /// Reports who is audible in a room, and goes on while anybody is.
    pub(crate) fn report_levels(&mut self, now: Now, room: RoomIndex) {
        let Some(levels) = self.rooms.get_mut(&room) else {
            return;
        };
        levels.armed = None;
        let mut report = Vec::with_capacity(levels.heard.len());
        levels.heard.retain(|key| {
            let Some(publication) = self.publications.get_mut(*key) else {
                return false;
            };
            let loudness = &mut publication.loudness;
            let window = loudness.window.as_ref();
            let level = window.and_then(|window| window.level(now.mono));
            loudness.listed = level.is_some();
            report.extend(level.map(|level| (publication.id, level)));
            level.is_some()
        });
        report.sort_by(|(_, a): &(_, AudioLevel), (_, b)| b.0.total_cmp(&a.0));
        let was_audible = std::mem::replace(&mut levels.audible, !report.is_empty());
        if report.is_empty() {
            self.rooms.remove(&room);
        } else {
            let next = Deadline {
                at: now.mono + self.config.audio_levels.window,
                reason: TimerReason::AudioLevels,
            };
            let sleeper = Sleeper::Room(room);
            self.schedule.arm(sleeper, &mut levels.armed, Some(next));
        }
        if was_audible || !report.is_empty() {
            self.output.event(Event::AudioLevels {
                room,
                shard: self.index,
                levels: report,
            });
        }
    }
}
