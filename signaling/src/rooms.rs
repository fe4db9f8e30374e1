use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth::{Claims, Keys};
use sfu_driver::{MediaPlane, ShardReport};
use sfu_model::{RoomIndex, RoomName, ShardIndex};
use signaling_protocol::proto;
use signaling_session::negotiation::TransportFacts;
use signaling_session::{
    ConnectionId, Join, JoinRefused, NodeFacts, Room, RoomNotice, RoomOptions, RoomPlace,
    RoomReply, RoomRequest,
};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::connection::Presence;
use crate::hits::{Limit, LimitHits};
use crate::letter::{Letter, MAILBOX, Mailbox, RequestFailed};
use crate::media_events::MediaEvents;
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::room_task::RoomTask;
use crate::settings::Settings;

/// Times that a join or a request to create looks for its room again, when it ends just then.
const ATTEMPTS: usize = 3;

/// What the rooms of a node stand on.
#[derive(Debug)]
pub struct RoomsParts {
    /// The media plane.
    pub media: MediaPlane,
    /// What it tells of each room.
    pub events: MediaEvents,
    /// Certificate and addresses of each shard, by [`ShardIndex`].
    pub transports: Arc<[Arc<TransportFacts>]>,
    /// What is true of the node.
    pub facts: Arc<NodeFacts>,
    /// What the operator set.
    pub settings: Settings,
    /// The keys that tokens are signed with.
    pub keys: Arc<Keys>,
}

/// All rooms of the node. Clones are handles to the same rooms.
#[derive(Clone)]
pub struct Rooms(Arc<Inner>);

struct Inner {
    parts: RoomsParts,
    open: Mutex<OpenRooms>,
    next_connection: AtomicU64,
    hits: Arc<LimitHits>,
}

#[derive(Default)]
struct OpenRooms {
    by_name: BTreeMap<RoomName, Entry>,
    next_index: u32,
}

impl OpenRooms {
    fn find(&self, name: &RoomName) -> Option<&Mailbox> {
        let entry = self.by_name.get(name)?;
        Some(&entry.mailbox).filter(|mailbox| !mailbox.is_closed())
    }
}

struct Entry {
    index: RoomIndex,
    mailbox: Mailbox,
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rooms").finish_non_exhaustive()
    }
}

impl Rooms {
    /// Creates a node without rooms.
    pub fn new(parts: RoomsParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            open: Mutex::default(),
            next_connection: AtomicU64::new(1),
            hits: Arc::default(),
        }))
    }

    /// Returns what the operator set.
    pub fn settings(&self) -> &Settings {
        &self.0.parts.settings
    }

    /// Returns how many rooms are open.
    pub fn count(&self) -> usize {
        self.open().by_name.len()
    }

    /// Returns what each shard has counted, at most a second ago.
    pub fn media_reports(&self) -> Vec<ShardReport> {
        self.media().reports()
    }

    /// Returns how often each limit was met.
    pub fn limit_hits(&self) -> Vec<(Limit, u64)> {
        let dropped = (Limit::LossyMessages, self.0.parts.events.dropped());
        let counts = self.0.hits.counts().into_iter();
        let others = counts.filter(|(limit, _)| *limit != Limit::LossyMessages);
        others.chain([dropped]).collect()
    }

    pub(crate) fn hits(&self) -> &Arc<LimitHits> {
        &self.0.hits
    }

    /// Reports whether the node carries as much as the operator allows.
    pub(crate) fn is_full(&self) -> bool {
        let limits = self.settings().load;
        limits.any() && limits.reached(&self.media_reports())
    }

    /// Creates a room, or updates one that exists.
    ///
    /// # Errors
    ///
    /// The room refuses the update.
    pub async fn create(
        &self,
        request: proto::CreateRoomRequest,
    ) -> Result<proto::Room, RequestFailed> {
        let name = RoomName::from(request.name.as_str());
        for _ in 0..ATTEMPTS {
            let exists = {
                let mut open = self.open();
                let exists = open.find(&name).is_some();
                if !exists {
                    self.open_room(&mut open, self.options_of(&request));
                }
                exists
            };
            if exists {
                let update = RoomRequest::UpdateRoom(Box::new(request.clone()));
                match self.request(&name, update).await {
                    Err(RequestFailed::NoRoom) => continue,
                    updated => updated?,
                };
            }
            if let Some(room) = self.describe(&name).await {
                return Ok(room);
            }
        }
        Err(RequestFailed::NoRoom)
    }

    /// Describes the rooms with these names, or all, ordered by name.
    pub async fn list(&self, names: &[String]) -> Vec<proto::Room> {
        let mailboxes: Vec<Mailbox> = {
            let open = self.open();
            let wanted =
                |name: &RoomName| names.is_empty() || names.iter().any(|n| n == name.as_str());
            let entries = open.by_name.iter().filter(|(name, _)| wanted(name));
            entries.map(|(_, entry)| entry.mailbox.clone()).collect()
        };
        let mut rooms = Vec::with_capacity(mailboxes.len());
        for mailbox in mailboxes {
            rooms.extend(describe(&mailbox).await);
        }
        rooms
    }

    /// Asks a room for something.
    ///
    /// # Errors
    ///
    /// There is no such room, or it refuses.
    pub async fn request(
        &self,
        name: &RoomName,
        request: RoomRequest,
    ) -> Result<RoomReply, RequestFailed> {
        let (reply, answer) = oneshot::channel();
        self.ask(name, Letter::Request { request, reply }, answer)
            .await?
    }

    /// Calls a participant as the server, and returns what it answers.
    ///
    /// # Errors
    ///
    /// There is no such room or participant, or the call fails.
    pub async fn perform_rpc(
        &self,
        name: &RoomName,
        request: proto::PerformRpcRequest,
    ) -> Result<String, RequestFailed> {
        let (reply, answer) = oneshot::channel();
        let request = Box::new(request);
        self.ask(name, Letter::Rpc { request, reply }, answer)
            .await?
    }

    /// Tells every room that the node stops: participants are told, and the rooms end.
    pub async fn shut_down(&self) {
        let mailboxes: Vec<Mailbox> = {
            let open = self.open();
            open.by_name
                .values()
                .map(|entry| entry.mailbox.clone())
                .collect()
        };
        for mailbox in &mailboxes {
            mailbox.send(Letter::Shutdown).await.ok();
        }
        for mailbox in mailboxes {
            mailbox.closed().await;
        }
    }

    /// Signs a token with the first key.
    pub(crate) fn sign(&self, claims: &Claims, life: Duration) -> String {
        auth::sign(claims, self.0.parts.keys.first(), clock::now().unix, life)
    }

    pub(crate) fn media(&self) -> &MediaPlane {
        &self.0.parts.media
    }

    /// Numbers a connection.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// Notes what happened in a room.
    #[expect(
        clippy::unused_self,
        reason = "notices have one owner, whoever comes to read them"
    )]
    pub(crate) fn notice(&self, room: &RoomName, notice: RoomNotice) {
        tracing::debug!(%room, notice = %NoticeName(&notice), "Room event");
    }

    /// Lets a client into a room, which is created with `options` where it does not exist and
    /// options are given.
    pub(crate) async fn join(
        &self,
        options: Option<&RoomOptions>,
        name: &RoomName,
        join: &Join,
        outbox: &Outbox,
    ) -> Result<Presence, Refusal> {
        for _ in 0..ATTEMPTS {
            let mailbox = self.find_or_open(name, options)?;
            let (reply, joined) = oneshot::channel();
            let letter = Letter::Join {
                join: Box::new(join.clone()),
                outbox: outbox.clone(),
                reply,
            };
            if mailbox.send(letter).await.is_err() {
                continue;
            }
            // From here on the room may know the client, which may go before the room replies.
            let presence = Presence {
                connection: join.connection,
                room: mailbox,
            };
            match joined.await {
                Ok(Ok(())) => return Ok(presence),
                Ok(Err(JoinRefused::RoomClosed)) | Err(_) => {}
                Ok(Err(refused)) => return Err(Refusal::Join(refused)),
            }
        }
        Err(Refusal::Busy)
    }

    /// Reports whether a room is open.
    pub(crate) fn contains(&self, name: &RoomName) -> bool {
        self.open().find(name).is_some()
    }

    /// Returns what a room that a request describes is created with.
    pub(crate) fn options_of(&self, request: &proto::CreateRoomRequest) -> RoomOptions {
        let settings = self.settings();
        let preset = settings.presets.get(&request.room_preset);
        let preset = preset.cloned().unwrap_or_default();
        let seconds = |asked: u32, preset: u32, default: Duration| match (asked, preset) {
            (0, 0) => default,
            (0, preset) => Duration::from_secs(preset.into()),
            (asked, _) => Duration::from_secs(asked.into()),
        };
        let mut options = RoomOptions::new(request.name.as_str().into());
        options.empty_timeout = seconds(
            request.empty_timeout,
            preset.empty_timeout,
            settings.empty_timeout,
        );
        options.departure_timeout = seconds(
            request.departure_timeout,
            preset.departure_timeout,
            settings.departure_timeout,
        );
        let limits = [
            request.max_participants,
            preset.max_participants,
            settings.max_participants,
        ];
        options.max_participants = limits.into_iter().find(|max| *max > 0).unwrap_or(0);
        options.metadata = match request.metadata.is_empty() {
            true => preset.metadata,
            false => request.metadata.clone(),
        };
        options.codecs.clone_from(&settings.codecs);
        options
    }

    /// Forgets a room that is over, unless another of its name was opened.
    pub(crate) fn forget(&self, name: &RoomName, index: RoomIndex) {
        self.0.parts.events.close(index);
        let mut open = self.open();
        if open
            .by_name
            .get(name)
            .is_some_and(|entry| entry.index == index)
        {
            open.by_name.remove(name);
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, OpenRooms> {
        // Nothing that runs under this lock leaves the maps half changed.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find_or_open(
        &self,
        name: &RoomName,
        options: Option<&RoomOptions>,
    ) -> Result<Mailbox, Refusal> {
        let mut open = self.open();
        if let Some(mailbox) = open.find(name) {
            return Ok(mailbox.clone());
        }
        let options = options.ok_or(Refusal::NoRoom)?;
        Ok(self.open_room(&mut open, options.clone()))
    }

    fn open_room(&self, open: &mut OpenRooms, options: RoomOptions) -> Mailbox {
        let index = RoomIndex(open.next_index);
        open.next_index += 1;
        let (mailbox, letters) = mpsc::channel(MAILBOX);
        let name = options.name.clone();
        let shards = &self.0.parts.transports;
        let place = RoomPlace {
            index,
            home: home(index, shards.len()),
            home_participants: self.settings().home_participants,
            shards: Arc::clone(shards),
        };
        let facts = Arc::clone(&self.0.parts.facts);
        let room = Room::new(clock::now(), facts, &place, options, random_seed());
        tracing::info!(room = %name, sid = %room.sid(), "Room opened");
        let events = self.0.parts.events.open(index);
        tokio::spawn(RoomTask::new(room, self.clone(), letters, events).run());
        let entry = Entry {
            index,
            mailbox: mailbox.clone(),
        };
        open.by_name.insert(name, entry);
        mailbox
    }

    async fn describe(&self, name: &RoomName) -> Option<proto::Room> {
        let mailbox = self.mailbox(name)?;
        describe(&mailbox).await
    }

    fn mailbox(&self, name: &RoomName) -> Option<Mailbox> {
        self.open().find(name).cloned()
    }

    async fn ask<T>(
        &self,
        name: &RoomName,
        letter: Letter,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, RequestFailed> {
        let mailbox = self.mailbox(name).ok_or(RequestFailed::NoRoom)?;
        let sent = mailbox.send(letter).await;
        sent.map_err(|_| RequestFailed::NoRoom)?;
        answer.await.map_err(|_| RequestFailed::NoRoom)
    }
}

async fn describe(mailbox: &Mailbox) -> Option<proto::Room> {
    let (reply, answer) = oneshot::channel();
    mailbox.send(Letter::Describe { reply }).await.ok()?;
    answer.await.ok()
}

/// Gives each room in turn the next shard as its home.
fn home(room: RoomIndex, shards: usize) -> ShardIndex {
    let shard = room.0 as usize % shards.max(1);
    ShardIndex(u16::try_from(shard).expect("shards are numbered in 16 bits"))
}

fn random_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the system gives random bytes");
    seed
}

/// Writes the name of LiveKit's webhook event for a notice.
struct NoticeName<'a>(&'a RoomNotice);

impl fmt::Display for NoticeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            RoomNotice::RoomStarted { .. } => "room_started",
            RoomNotice::RoomFinished { .. } => "room_finished",
            RoomNotice::ParticipantJoined { .. } => "participant_joined",
            RoomNotice::ParticipantLeft { .. } => "participant_left",
            RoomNotice::ParticipantAborted { .. } => "participant_connection_aborted",
            RoomNotice::TrackPublished { .. } => "track_published",
            RoomNotice::TrackUnpublished { .. } => "track_unpublished",
        })
    }
}

#[cfg(test)]
mod tests;
