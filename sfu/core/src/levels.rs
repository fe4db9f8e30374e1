//! Who was heard lately in which room, and the report of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_model::{AudioLevel, Codec, Event, RoomIndex, ShardIndex};
use sfu_rtp::AudioLevelParameters;
use sfu_rtp::payload::{opus, red};

use crate::arrival::Arrival;
use crate::keys::{OfPublication, PublicationKey};
use crate::publication::Publication;
use crate::slot_map::SlotMap;
use crate::timers::{Deadline, Schedule, Sleeper, TimerReason};

/// Rooms in which somebody was heard lately.
#[derive(Debug)]
pub(crate) struct Levels {
    shard: ShardIndex,
    parameters: AudioLevelParameters,
    rooms: BTreeMap<RoomIndex, RoomLevels>,
}

/// Who was heard lately in one room.
#[derive(Debug, Default)]
struct RoomLevels {
    heard: Vec<PublicationKey>,
    /// Whether the last report named anybody.
    audible: bool,
    armed: Option<Deadline>,
}

impl Levels {
    /// How long a packet plays that does not say it.
    const USUAL_DURATION: Duration = Duration::from_millis(20);

    pub(crate) fn new(shard: ShardIndex, parameters: AudioLevelParameters) -> Self {
        Self {
            shard,
            parameters,
            rooms: BTreeMap::new(),
        }
    }

    /// Takes the audio level of a packet.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        key: PublicationKey,
        publication: &mut Publication,
        arrival: &Arrival<'_>,
        schedule: &mut Schedule,
    ) {
        let Some(level) = arrival.extensions.audio_level(arrival.packet) else {
            return;
        };
        let duration = Self::duration(arrival);
        let loudness = &mut publication.loudness;
        if !loudness.hear(now, level, duration, &self.parameters) {
            return;
        }
        let room = publication.id.room;
        let levels = self.rooms.entry(room).or_default();
        levels.heard.push(key);
        if levels.armed.is_none() {
            let next = Self::next(now, &self.parameters);
            schedule.arm(Sleeper::Room(room), &mut levels.armed, Some(next));
        }
    }

    /// Returns who is audible in a room, if that is to be reported, and goes on while anybody is.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        room: RoomIndex,
        publications: &mut SlotMap<OfPublication, Publication>,
        schedule: &mut Schedule,
    ) -> Option<Event> {
        let levels = self.rooms.get_mut(&room)?;
        levels.armed = None;
        let mut report = Vec::with_capacity(levels.heard.len());
        levels.heard.retain(|key| {
            let Some(publication) = publications.get_mut(*key) else {
                return false;
            };
            let level = publication.loudness.level(now);
            report.extend(level.map(|level| (publication.id, level)));
            level.is_some()
        });
        report.sort_by(|(_, a): &(_, AudioLevel), (_, b)| b.0.total_cmp(&a.0));
        let was_audible = std::mem::replace(&mut levels.audible, !report.is_empty());
        if report.is_empty() {
            self.rooms.remove(&room);
        } else {
            let next = Self::next(now, &self.parameters);
            schedule.arm(Sleeper::Room(room), &mut levels.armed, Some(next));
        }
        let is_news = was_audible || !report.is_empty();
        is_news.then_some(Event::AudioLevels {
            room,
            shard: self.shard,
            levels: report,
        })
    }

    /// Reports nothing of a room until somebody is heard again.
    pub(crate) fn forget(&mut self, room: RoomIndex) {
        self.rooms.remove(&room);
    }

    fn next(now: Instant, parameters: &AudioLevelParameters) -> Deadline {
        Deadline {
            at: now + parameters.window,
            reason: TimerReason::AudioLevels,
        }
    }

    fn duration(arrival: &Arrival<'_>) -> Duration {
        let payload = match arrival.codec {
            Codec::Red => red::primary(arrival.payload()).map_or(&[][..], |block| block.bytes),
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
