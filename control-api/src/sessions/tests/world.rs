use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use databases::Database;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sfu_model::UnixTime;
use signaling_protocol::{DisconnectCause, proto};
use signaling_session::{RoomNotice, SessionAccount, SessionOrigin};
use store::{Journal, Record, Running, Store, Writes, WrittenEvent};

use crate::events::{RoomDetail, RoomEvents, end_all, progress};
use crate::webhooks::Targets;

/// A node without media: rooms, who is there, a journal, and what takes it into the store. Each of them may end at any time.
pub(super) struct World {
    _files: Database,
    journal: Journal,
    store: Store,
    events: RoomEvents,
    random: ChaCha8Rng,
    /// The clock on the wall, which steps.
    clock: UnixTime,
    rooms: BTreeMap<u64, Room>,
    next: u64,
    /// Up to which event sessions are made, as this process knows.
    taken: i64,
    /// Events that are written together, and what sessions have come to.
    waiting: Writes,
}

struct Room {
    info: Box<proto::Room>,
    age: Duration,
    members: BTreeMap<u64, Member>,
}

struct Member {
    info: Box<proto::ParticipantInfo>,
    account: SessionAccount,
    tracks: Vec<proto::TrackInfo>,
}

impl World {
    pub(super) async fn new(store: Store, seed: u64) -> Self {
        let files = databases::sqlite();
        let journal = Journal::open(Path::new(&files.url.replace("sqlite://", "")));
        journal.prepare().await.expect("the file is new");
        Self {
            _files: files,
            journal,
            store,
            events: RoomEvents::new(RoomDetail::Short, Targets::default()),
            random: ChaCha8Rng::seed_from_u64(seed),
            clock: UnixTime(Duration::from_secs(1_764_000_000)),
            rooms: BTreeMap::new(),
            next: 0,
            taken: 0,
            waiting: Writes::default(),
        }
    }

    /// Has something happen.
    pub(super) async fn step(&mut self) {
        let time = u64::from(self.random.next_u32() % 20_000);
        self.pass(Duration::from_millis(time));
        let (room, member) = (self.pick_room(), self.pick_member());
        match (self.random.next_u32() % 20, room, member) {
            (0, ..) => drop(self.open("lobby")),
            (1..=6, Some(room), _) => drop(self.join(room, "alice")),
            (7..=9, _, Some((room, member))) => self.leave(room, member),
            (10..=11, _, Some((room, member))) => self.publish(room, member),
            (12, _, Some((room, member))) => self.unpublish(room, member),
            (13, Some(room), _) => self.close(room),
            (14, ..) => self.tell_progress(),
            (15, ..) => self.write().await,
            (16, ..) => self.project().await,
            (17, ..) => self.note_running().await,
            (18, ..) => self.crash().await,
            (19, ..) => self.step_clock(),
            _ => drop(self.open("studio")),
        }
    }

    /// Lets time pass, with what it brings.
    pub(super) fn pass(&mut self, time: Duration) {
        self.clock.0 += time;
        for room in self.rooms.values_mut() {
            room.age += time;
            for member in room.members.values_mut() {
                member.account.lasted += time;
                member.account.traffic.received += u64::from(self.random.next_u32() % 1_000);
                member.account.traffic.sent += u64::from(self.random.next_u32() % 9_000);
                member.account.quality.good += 1;
            }
        }
    }

    pub(super) fn set_clock(&mut self, clock: UnixTime) {
        self.clock = clock;
    }

    /// The clock on the wall is put back or forth by a day at most.
    fn step_clock(&mut self) {
        let by = Duration::from_secs(u64::from(self.random.next_u32() % 86_400));
        self.clock.0 = match self.random.next_u32() % 2 {
            0 => self.clock.0 + by,
            _ => self.clock.0 - by,
        };
    }

    pub(super) fn open(&mut self, name: &str) -> u64 {
        let number = self.number();
        let info = Box::new(proto::Room {
            sid: format!("RM_{number}"),
            name: name.to_owned(),
            ..proto::Room::default()
        });
        let room = info.clone();
        self.happen(&RoomNotice::RoomStarted { room });
        let room = Room {
            info,
            age: Duration::ZERO,
            members: BTreeMap::new(),
        };
        self.rooms.insert(number, room);
        number
    }

    pub(super) fn join(&mut self, room: u64, identity: &str) -> u64 {
        let number = self.number();
        let participant = Box::new(proto::ParticipantInfo {
            sid: format!("PA_{number}"),
            identity: identity.to_owned(),
            ..proto::ParticipantInfo::default()
        });
        let origin = Box::new(SessionOrigin {
            key: if number.is_multiple_of(3) {
                "one"
            } else {
                "other"
            }
            .into(),
            client: proto::ClientInfo::default(),
            address: None,
            is_dependent: number.is_multiple_of(7),
        });
        let joined = RoomNotice::ParticipantJoined {
            room: self.rooms[&room].info.clone(),
            participant: participant.clone(),
            origin,
        };
        self.happen(&joined);
        let member = Member {
            info: participant,
            account: SessionAccount::default(),
            tracks: Vec::new(),
        };
        let room = self.rooms.get_mut(&room).expect("it is open");
        room.members.insert(number, member);
        number
    }

    pub(super) fn leave(&mut self, room: u64, member: u64) {
        let room = self.rooms.get_mut(&room).expect("it is open");
        let member = room.members.remove(&member).expect("it is there");
        let info = room.info.clone();
        for track in member.tracks {
            self.happen(&RoomNotice::TrackUnpublished {
                room: info.clone(),
                participant: member.info.clone(),
                track: Box::new(track),
            });
        }
        self.happen(&RoomNotice::ParticipantLeft {
            room: info,
            participant: member.info,
            account: member.account,
        });
    }

    fn publish(&mut self, room: u64, member: u64) {
        let number = self.number();
        let track = proto::TrackInfo {
            sid: format!("TR_{number}"),
            ..proto::TrackInfo::default()
        };
        let room = self.rooms.get_mut(&room).expect("it is open");
        let member = room.members.get_mut(&member).expect("it is there");
        member.tracks.push(track.clone());
        let published = RoomNotice::TrackPublished {
            room: room.info.clone(),
            participant: member.info.clone(),
            track: Box::new(track),
        };
        self.happen(&published);
    }

    fn unpublish(&mut self, room: u64, member: u64) {
        let room = self.rooms.get_mut(&room).expect("it is open");
        let member = room.members.get_mut(&member).expect("it is there");
        let Some(track) = member.tracks.pop() else {
            return;
        };
        let unpublished = RoomNotice::TrackUnpublished {
            room: room.info.clone(),
            participant: member.info.clone(),
            track: Box::new(track),
        };
        self.happen(&unpublished);
    }

    /// Ends a room, and with it whoever is there.
    fn close(&mut self, number: u64) {
        let room = self.rooms.remove(&number).expect("it is open");
        for member in room.members.into_values() {
            self.happen(&RoomNotice::ParticipantLeft {
                room: room.info.clone(),
                participant: member.info,
                account: member.account,
            });
        }
        self.happen(&RoomNotice::RoomFinished {
            room: room.info,
            cause: DisconnectCause::RoomDeleted,
            lasted: room.age,
        });
    }

    pub(super) fn tell_progress(&mut self) {
        for room in self.rooms.values() {
            let accounts = room.members.values();
            let accounts: Vec<_> = accounts
                .map(|member| (member.info.sid.as_str().into(), member.account))
                .collect();
            let sid = room.info.sid.as_str().into();
            let progress = progress(self.clock, &sid, room.age, &accounts);
            self.waiting.progress.extend(progress);
        }
    }

    fn happen(&mut self, notice: &RoomNotice) {
        let event = self.events.write(self.clock, notice);
        self.waiting.events.extend(event);
    }

    async fn write(&mut self) {
        self.waiting.alive_at = Some(self.clock);
        let written = self.journal.write(&self.waiting).await;
        written.expect("there is room");
        self.waiting = Writes::default();
    }

    /// Makes sessions of some events, now and then of some that were taken before.
    async fn project(&mut self) {
        let again = i64::from(self.random.next_u32() % 4);
        let from = (self.taken - again).max(0);
        let events = self
            .journal
            .read_after(from, 1 + self.random.next_u32() % 40)
            .await;
        let events = events.expect("the file can be read");
        if let Some(last) = events.last() {
            self.taken = self.taken.max(last.sequence);
        }
        let taken = self.store.project("journal", &events).await;
        taken.expect("the database answers");
    }

    async fn note_running(&self) {
        let open = self.journal.participants().await;
        let open = open.expect("the file can be read").into_iter();
        let running = open.filter_map(|beginning| match beginning.record {
            Some(Record::Left(left)) => Some(Running {
                sid: left.sid,
                at: beginning.at,
                account: left.account,
            }),
            _ => None,
        });
        let running: Vec<_> = running.collect();
        let noted = self.store.note_running(&running).await;
        noted.expect("the database answers");
    }

    /// The process ends as by `kill -9`, and starts again: what was not written did not happen.
    async fn crash(&mut self) {
        self.waiting = Writes::default();
        self.rooms.clear();
        self.events = RoomEvents::new(RoomDetail::Short, Targets::default());
        let alive_at = self.journal.alive_at().await.expect("the file can be read");
        let alive_at = alive_at.unwrap_or(self.clock).min(self.clock);
        let ended = end_all(&self.journal, &self.events, alive_at, None).await;
        ended.expect("there is room");
        let taken = self.store.projected("journal").await;
        self.taken = taken.expect("the database answers");
    }

    pub(super) fn clock(&self) -> UnixTime {
        self.clock
    }

    /// Ends all rooms and makes sessions of all that happened.
    pub(super) async fn end(&mut self) {
        self.write().await;
        self.crash().await;
        self.take().await;
    }

    /// Makes sessions of all that has happened.
    pub(super) async fn take(&mut self) {
        self.write().await;
        let events = self.events().await;
        for some in events.chunks(100) {
            let taken = self.store.project("journal", some).await;
            taken.expect("the database answers");
        }
    }

    /// Returns all that happened.
    pub(super) async fn events(&self) -> Vec<WrittenEvent> {
        let mut events = Vec::new();
        loop {
            let after = events
                .last()
                .map_or(0, |event: &WrittenEvent| event.sequence);
            let more = self.journal.read_after(after, 1000).await;
            let more = more.expect("the file can be read");
            if more.is_empty() {
                return events;
            }
            events.extend(more);
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn pick_room(&mut self) -> Option<u64> {
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        self.pick(&rooms)
    }

    fn pick_member(&mut self) -> Option<(u64, u64)> {
        let rooms = self.rooms.iter();
        let members = rooms.flat_map(|(number, room)| {
            let members = room.members.keys();
            members.map(|member| (*number, *member))
        });
        let members: Vec<_> = members.collect();
        self.pick(&members)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let place = self.random.next_u32() as usize;
        from.get(place.checked_rem(from.len())?).copied()
    }
}
