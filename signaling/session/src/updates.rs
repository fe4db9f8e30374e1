use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use prost::Message as _;
use sfu_model::Now;

use crate::participant::{Participant, ParticipantKey};
use crate::proto::signal_response::Message;
use crate::{ConnectionId, Room, TimerReason, proto};

/// What the others are still to hear of participants.
///
/// Goal: everybody hears of a change at once, but a burst of changes (a thousand joins) is told in
/// few messages. The first change is told immediately; those within [`Updates::spacing`] after it
/// are told together at its end. What comes before media (a track, and who publishes it) is never
/// held back.
///
/// Departure: LiveKit collects changes of participants who publish nothing for three seconds.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    changed: BTreeSet<ParticipantKey>,
    gone: Vec<Gone>,
    sent_at: Option<Instant>,
    /// The last to leave, for those who missed it.
    departures: VecDeque<(Instant, proto::ParticipantInfo)>,
}

/// A participant that has left.
#[derive(Debug)]
struct Gone {
    info: proto::ParticipantInfo,
    /// Whether its identity has joined again.
    replaced: bool,
}

impl Updates {
    /// Least time between two messages that tell of ordinary changes, in a room of few.
    const SPACING: Duration = Duration::from_millis(50);
    /// What each participant adds to it: everybody is told of everybody, so that without this a room
    /// costs the square of its size while people come and go. A room of a thousand is told every 0.55 s.
    const SPACING_EACH: Duration = Duration::from_micros(500);
    /// Least time between two messages that tell of participant counts.
    const COUNT_SPACING: Duration = Duration::from_secs(5);
    /// Most departures that are kept for those who resume.
    const MAX_DEPARTURES: usize = 128;
    /// Most bytes of participants in one message.
    const BATCH_BYTES: usize = 128 * 1024;

    /// Returns the least time between two messages in a room of `participants`.
    fn spacing(participants: usize) -> Duration {
        let participants = u32::try_from(participants).unwrap_or(u32::MAX);
        let each = Self::SPACING_EACH.saturating_mul(participants);
        Self::SPACING.saturating_add(each)
    }
}

impl Room {
    /// Returns what others are told of a participant.
    pub(crate) fn participant_info(&self, participant: &Participant) -> proto::ParticipantInfo {
        let tracks = participant.publishing.tracks.iter();
        let tracks = tracks
            .filter_map(|sid| self.tracks.get(sid))
            .filter(|track| track.announced)
            .map(|track| track.info.clone());
        let data_tracks = participant.data_interest.published.iter();
        let data_tracks = data_tracks
            .filter_map(|sid| self.data_tracks.get(sid))
            .map(|track| track.info.clone());
        participant.info(tracks.collect(), data_tracks.collect())
    }

    /// Returns what everybody but `except` is told of: nobody hidden.
    pub(crate) fn visible_participants(
        &self,
        except: Option<ParticipantKey>,
    ) -> Vec<proto::ParticipantInfo> {
        self.roster
            .iter()
            .filter(|participant| !participant.is_hidden() && Some(participant.key) != except)
            .map(|participant| self.participant_info(participant))
            .collect()
    }

    /// Tells of a change soon.
    pub(crate) fn tell_soon(&mut self, now: Now, key: ParticipantKey) {
        self.updates.changed.insert(key);
        self.schedule_updates(now);
    }

    /// Tells of a change immediately.
    pub(crate) fn tell_now(&mut self, key: ParticipantKey) {
        self.updates.changed.remove(&key);
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let info = self.participant_info(participant);
        let to = match participant.is_hidden() {
            true => participant.connection.into_iter().collect(),
            false => self.connections(|_| true),
        };
        self.send_update(to, vec![info]);
    }

    /// Tells that a participant has left. `replaced`: its identity has come back as another session.
    pub(crate) fn tell_gone(&mut self, now: Now, info: proto::ParticipantInfo, replaced: bool) {
        if !replaced {
            let departures = &mut self.updates.departures;
            departures.push_back((now.mono, info.clone()));
            if departures.len() > Updates::MAX_DEPARTURES {
                departures.pop_front();
            }
        }
        let at_once = info.is_publisher || replaced;
        self.updates.gone.push(Gone { info, replaced });
        match at_once {
            true => self.flush_updates(now),
            false => self.schedule_updates(now),
        }
    }

    /// Returns who has left since `since` and is not back.
    pub(crate) fn departures_since(&self, since: Instant) -> Vec<proto::ParticipantInfo> {
        let departures = self.updates.departures.iter();
        departures
            .filter(|(at, info)| *at >= since && self.roster.by_identity(&info.identity).is_none())
            .map(|(_, info)| info.clone())
            .collect()
    }

    fn schedule_updates(&mut self, now: Now) {
        let spacing = Updates::spacing(self.roster.len());
        match self.updates.sent_at.map(|at| at + spacing) {
            Some(at) if at > now.mono => {
                self.timers.set_once(TimerReason::ParticipantUpdates, at);
            }
            _ => self.flush_updates(now),
        }
    }

    /// Tells everything that was held back.
    pub(crate) fn flush_updates(&mut self, now: Now) {
        self.timers.cancel(&TimerReason::ParticipantUpdates);
        if self.life.closed {
            return;
        }
        self.updates.sent_at = Some(now.mono);
        let gone = std::mem::take(&mut self.updates.gone);
        let changed = std::mem::take(&mut self.updates.changed);
        let (mut public, mut replaced) = (Vec::new(), Vec::new());
        for gone in gone {
            match gone.replaced {
                true => replaced.push(gone.info),
                false => public.push(gone.info),
            }
        }
        for key in changed {
            let Some(participant) = self.roster.get(key) else {
                continue;
            };
            match participant.is_hidden() {
                true => self.tell_now(key),
                false => public.push(self.participant_info(participant)),
            }
        }
        if !replaced.is_empty() {
            let to = self.connections(|p| !p.client.protocol().reconnects_by_identity());
            self.send_update(to, replaced);
        }
        let to = self.connections(|_| true);
        self.send_update(to, public);
    }

    /// Sends participants in messages of a bounded size.
    pub(crate) fn send_update(
        &mut self,
        to: Vec<ConnectionId>,
        participants: Vec<proto::ParticipantInfo>,
    ) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for info in participants {
            let size = info.encoded_len();
            if bytes + size > Updates::BATCH_BYTES && !batch.is_empty() {
                let participants = std::mem::take(&mut batch);
                let update = proto::ParticipantUpdate { participants };
                self.outbox.signal_all(to.clone(), Message::Update(update));
                bytes = 0;
            }
            bytes += size;
            batch.push(info);
        }
        if !batch.is_empty() {
            let update = proto::ParticipantUpdate {
                participants: batch,
            };
            self.outbox.signal_all(to, Message::Update(update));
        }
    }

    /// Returns the connections of those participants who satisfy `which`.
    pub(crate) fn connections(&self, which: impl Fn(&Participant) -> bool) -> Vec<ConnectionId> {
        let participants = self.roster.iter().filter(|participant| which(participant));
        participants.filter_map(|p| p.connection).collect()
    }

    /// Tells the participant counts within five seconds.
    pub(crate) fn counts_changed(&mut self, now: Now) {
        let at = now.mono + Updates::COUNT_SPACING;
        self.timers.set_once(TimerReason::RoomUpdate, at);
    }

    /// Tells of the room as it is.
    pub(crate) fn tell_room(&mut self) {
        if self.life.closed {
            return;
        }
        self.timers.cancel(&TimerReason::RoomUpdate);
        let room = Some(self.info());
        let to = self.connections(|_| true);
        self.outbox
            .signal_all(to, Message::RoomUpdate(proto::RoomUpdate { room }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_room_grow_with_its_size_and_not_with_the_square() {
        let per_second = |participants: u32| {
            let messages = f64::from(participants);
            messages / Updates::spacing(participants as usize).as_secs_f64()
        };
        assert!(per_second(10) < 200.0);
        assert!(per_second(1_000) < 2_000.0);
        assert!(per_second(100_000) < 2_000.0);
        assert!(Updates::spacing(10) < Duration::from_millis(60));
    }
}
