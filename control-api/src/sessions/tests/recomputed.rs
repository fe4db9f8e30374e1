use std::collections::BTreeMap;

use store::{Account, Joined, Record, Share, WrittenEvent};

/// What events come to, by reading them all from the first to the last.
#[derive(Debug, Default)]
pub(super) struct Recomputed {
    pub(super) rooms: BTreeMap<String, Room>,
    pub(super) participants: BTreeMap<String, Participant>,
    /// By key and room.
    pub(super) usage: BTreeMap<(String, String), Share>,
    joined: BTreeMap<String, (String, Joined)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) started_at: i64,
    pub(super) ended_at: Option<i64>,
    pub(super) lasted_ms: i64,
    pub(super) recovered: bool,
    pub(super) participants: i64,
    pub(super) peak_participants: i64,
    pub(super) peak_viewers: i64,
    pub(super) participant_ms: i64,
    pub(super) received: i64,
    pub(super) sent: i64,
    pub(super) tracks: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Participant {
    pub(super) joined_at: i64,
    pub(super) left_at: Option<i64>,
    pub(super) recovered: bool,
    pub(super) tracks: i64,
    pub(super) account: Account,
}

impl Recomputed {
    pub(super) fn of(events: &[WrittenEvent]) -> Self {
        let mut recomputed = Self::default();
        for event in events {
            if let Some(record) = &event.record {
                recomputed.take(&event.room_sid, event.at.millis(), record);
            }
        }
        let sids: Vec<_> = recomputed.rooms.keys().cloned().collect();
        for sid in sids {
            let peak = recomputed.peak_viewers(&sid);
            if let Some(room) = recomputed.rooms.get_mut(&sid) {
                room.peak_viewers = peak;
            }
        }
        recomputed
    }

    fn take(&mut self, room_sid: &str, at: i64, record: &Record) {
        match record {
            Record::RoomStarted { .. } => {
                self.rooms
                    .entry(room_sid.to_owned())
                    .or_default()
                    .started_at = at;
            }
            Record::RoomEnded {
                lasted_ms,
                recovered,
                ..
            } => {
                let room = self.rooms.entry(room_sid.to_owned()).or_default();
                room.ended_at = Some(at);
                room.lasted_ms = *lasted_ms;
                room.recovered = *recovered;
            }
            Record::Joined(joined) => self.join(room_sid, at, joined),
            Record::Left(left) => {
                if let Some(participant) = self.participants.get_mut(&left.sid) {
                    participant.left_at = Some(at);
                    participant.recovered = left.recovered;
                    participant.account = left.account;
                }
                self.add(room_sid, &left.sid, &left.account);
            }
            Record::Published(published) => {
                if let Some(participant) = self.participants.get_mut(&published.participant) {
                    participant.tracks += 1;
                }
                self.rooms.entry(room_sid.to_owned()).or_default().tracks += 1;
            }
            Record::Unpublished { .. } => {}
        }
    }

    fn join(&mut self, room_sid: &str, at: i64, joined: &Joined) {
        let participant = Participant {
            joined_at: at,
            ..Participant::default()
        };
        self.participants.insert(joined.sid.clone(), participant);
        let whose = (room_sid.to_owned(), joined.clone());
        self.joined.insert(joined.sid.clone(), whose);
        let key = (joined.api_key.clone(), joined.room.clone());
        self.usage.entry(key).or_default().sessions += 1;
        if joined.is_dependent {
            return;
        }
        let present = self.joined.iter().filter(|(sid, (room, joined))| {
            let is_there = self
                .participants
                .get(*sid)
                .is_some_and(|it| it.left_at.is_none());
            room == room_sid && !joined.is_dependent && is_there
        });
        let present = i64::try_from(present.count()).expect("few are there");
        let room = self.rooms.entry(room_sid.to_owned()).or_default();
        room.participants += 1;
        room.peak_participants = room.peak_participants.max(present);
    }

    fn add(&mut self, room_sid: &str, sid: &str, account: &Account) {
        let Some((_, joined)) = self.joined.get(sid) else {
            return;
        };
        let key = (joined.api_key.clone(), joined.room.clone());
        let share = self.usage.entry(key).or_default();
        let room = self.rooms.entry(room_sid.to_owned()).or_default();
        match joined.is_dependent {
            true => share.dependent_ms += account.lasted_ms,
            false => {
                share.participant_ms += account.lasted_ms;
                room.participant_ms += account.lasted_ms;
            }
        }
        share.received += account.received;
        share.sent += account.sent;
        room.received += account.received;
        room.sent += account.sent;
    }

    /// Asks at each joining how many of those were there who published nothing.
    fn peak_viewers(&self, room_sid: &str) -> i64 {
        let viewers = self.joined.iter().filter_map(|(sid, (room, joined))| {
            let it = self.participants.get(sid)?;
            let counts = room == room_sid && !joined.is_dependent && it.tracks == 0;
            let left_at = it.left_at.unwrap_or(i64::MAX).max(it.joined_at + 1);
            counts.then_some((it.joined_at, left_at))
        });
        let viewers: Vec<_> = viewers.collect();
        let there = |at: &i64| {
            let there = viewers.iter().filter(|(from, to)| (from..to).contains(&at));
            there.count()
        };
        let most = viewers.iter().map(|(at, _)| there(at)).max();
        i64::try_from(most.unwrap_or_default()).expect("few are there")
    }
}
