//! All rooms of a node: found by name, opened where they are wanted, looked after while they live.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use auth::{ApiKey, Claims};
use futures_util::FutureExt;
use futures_util::future::join_all;
use sfu_driver::{MediaPlane, ShardReport};
use sfu_model::{NodeId, NodeIndex, RoomIndex, RoomName, ShardIndex};
use signaling_protocol::proto;
use signaling_session::{
    ConnectionId, Join, JoinRefused, Room, RoomNotice, RoomOptions, RoomPlace, RoomReply,
    RoomRequest, ShardLife,
};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::admission::Admission;
use crate::allowances::{Allowances, Holder, SharedAllowance};
use crate::clock;
use crate::connection::Presence;
use crate::desk::Desk;
use crate::health::{NotReady, RoomsReport, ready, shards};
use crate::hits::LimitHits;
use crate::letter::{Concerned, Letter, RoomMailbox};
use crate::limits::{FAREWELL, ROOM_STUCK};
use crate::mailbox::mailbox;
use crate::notices::{Notices, notices};
use crate::parts::{RoomsParts, Shared};
use crate::passage::Seat;
use crate::quotas::{Quotas, TooOften};
use crate::random::random;
use crate::refusal::Refusal;
use crate::registry::{OpenRoom, OpenRooms, Registry};
use crate::request_failed::RequestFailed;
use crate::responses::ResponseSender;
use crate::room_options::room_options;
use crate::room_task::RoomTask;
use crate::seats::Seats;
use crate::settings::Settings;

/// Times that a join or a request to create looks for its room again, when it ends just then.
pub(crate) const ATTEMPTS: usize = 3;

/// How often media threads are looked at.
const WATCH: Duration = Duration::from_secs(1);

/// All rooms of the node. Clones are handles to the same rooms.
#[derive(Clone)]
pub struct Rooms(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    open: Registry,
    next_connection: AtomicU64,
    quotas: Quotas,
    allowances: Allowances,
    /// Each connection has a receiver for as long as it lives.
    connections: watch::Sender<()>,
    /// Until somebody takes it.
    notices: Mutex<Option<Notices>>,
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rooms").finish_non_exhaustive()
    }
}

impl Rooms {
    /// Creates a node without rooms.
    pub fn new(parts: RoomsParts) -> Self {
        let (sink, notices) = notices();
        let shared = Arc::new(Shared::new(parts, sink));
        Self(Arc::new(Inner {
            quotas: Quotas::new(Arc::clone(&shared.hits)),
            shared,
            open: Registry::default(),
            allowances: Allowances::default(),
            next_connection: AtomicU64::new(1),
            connections: watch::Sender::new(()),
            notices: Mutex::new(Some(notices)),
        }))
    }

    /// Returns what the operator set.
    pub fn settings(&self) -> &Settings {
        &self.0.shared.parts.settings
    }

    /// Waits until the holder of an API key may call the API once more.
    ///
    /// # Errors
    ///
    /// The key calls so often that the wait would be long.
    pub async fn await_call(&self, key: &ApiKey) -> Result<(), TooOften> {
        self.0.quotas.call(key).await
    }

    /// Waits until the holder of an API key may have another token made.
    ///
    /// # Errors
    ///
    /// The key asks for so many that the wait would be long.
    pub async fn await_token(&self, key: &ApiKey) -> Result<(), TooOften> {
        self.0.quotas.token(key).await
    }

    /// Waits until the holder of an API key may let one more join from an address.
    pub(crate) async fn await_join(
        &self,
        key: &ApiKey,
        from: Option<IpAddr>,
    ) -> Result<(), TooOften> {
        self.0.quotas.join(key, from).await
    }

    /// Returns who decides about those whose token is valid.
    pub(crate) fn admission(&self) -> &dyn Admission {
        self.0.shared.parts.admission.as_ref()
    }

    /// Returns what happens in all rooms, to the first who asks: notices have one reader.
    pub fn notices(&self) -> Option<Notices> {
        let mut notices = self
            .0
            .notices
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        notices.take()
    }

    /// Returns what each shard has counted, at most a second ago.
    pub fn media_reports(&self) -> Vec<ShardReport> {
        self.media().reports()
    }

    /// Returns what there is to say of all rooms.
    pub fn report(&self) -> RoomsReport {
        let shared = &self.0.shared;
        let lags = self.0.open.lags(Instant::now());
        RoomsReport {
            failed: shared.failed(),
            limit_hits: shared.limit_hits(),
            quality: shared.qualities.report(),
            ..RoomsReport::of(&lags, &self.media().health())
        }
    }

    /// Reports whether the node can take clients.
    ///
    /// # Errors
    ///
    /// Something that many need does not work.
    pub fn ready(&self) -> Result<(), NotReady> {
        if self.is_draining() {
            return Err(NotReady::Draining);
        }
        if !self.admission().is_ready() {
            return Err(NotReady::Admission);
        }
        let lags = self.0.open.lags(Instant::now());
        ready(&lags, &self.media().health())
    }

    /// Opens no rooms from now on. Those that are open go on, and take further participants: others would have to be in another
    /// room of that name.
    pub fn drain(&self) {
        self.0.shared.is_draining.store(true, Ordering::Relaxed);
    }

    /// Opens rooms again.
    pub fn undo_drain(&self) {
        self.0.shared.is_draining.store(false, Ordering::Relaxed);
    }

    /// Reports whether no rooms are opened.
    pub(crate) fn is_draining(&self) -> bool {
        self.0.shared.is_draining.load(Ordering::Relaxed)
    }

    /// Returns the id of the node, by which clients and whoever keeps records know it.
    pub fn node(&self) -> &NodeId {
        &self.0.shared.parts.facts.node
    }

    /// Looks after media threads and rooms for as long as the node lives. Rooms hear of a thread that
    /// stands still, so that nobody is placed there, and of one that ended, whose participants come
    /// back elsewhere. The log names rooms that stand still.
    pub async fn watch(self) {
        let mut known: Vec<_> = shards(&self.media().health()).collect();
        let mut stuck = BTreeSet::new();
        let mut tick = interval(WATCH);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let latest: Vec<_> = shards(&self.media().health()).collect();
            for (shard, life) in latest.iter().filter(|it| !known.contains(it)) {
                self.tell_of_shard(*shard, *life);
            }
            known = latest;
            let now_stuck = self.0.open.behind(Instant::now(), ROOM_STUCK);
            for room in now_stuck.difference(&stuck) {
                tracing::error!(%room, "A room stands still");
            }
            stuck = now_stuck;
        }
    }

    fn tell_of_shard(&self, shard: ShardIndex, life: ShardLife) {
        tracing::error!(shard = shard.0, ?life, "A media thread fares differently");
        for room in self.0.open.rooms(|_| true) {
            room.mailbox.send_soon(Letter::Shard { shard, life });
        }
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
            if let Some(room) = self.open_new(&name, &request) {
                return Ok(room);
            }
            let update = RoomRequest::UpdateRoom(Box::new(request.clone()));
            match self.request(&name, update).await {
                Ok(RoomReply::Room(room)) => return Ok(*room),
                Ok(_) | Err(RequestFailed::NoRoom) if self.is_draining() => {
                    return Err(RequestFailed::Draining);
                }
                Ok(_) | Err(RequestFailed::NoRoom) => {}
                Err(failed) => return Err(failed),
            }
        }
        Err(RequestFailed::NoRoom)
    }

    /// Opens a room unless there is one.
    fn open_new(&self, name: &RoomName, request: &proto::CreateRoomRequest) -> Option<proto::Room> {
        let mut open = self.0.open.lock();
        match open.find(name) {
            None if !self.is_draining() => {
                let opened = self.open_room(&mut open, self.options_of(request));
                Some(opened.snapshot.borrow().clone())
            }
            Some(_) | None => None,
        }
    }

    /// Describes the rooms with these names, or all, ordered by name, as they were at most a second
    /// ago.
    pub fn list(&self, names: &[String]) -> Vec<proto::Room> {
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let wanted = |name: &RoomName| names.is_empty() || names.contains(name.as_str());
        let rooms = self.0.open.rooms(wanted).into_iter();
        let open = rooms.filter(|room| !room.mailbox.is_closed());
        open.map(|room| room.snapshot.borrow().clone()).collect()
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
        let asked = self.ask(name, Letter::Request { request, reply }, answer);
        asked.await?
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
        // Whom it calls has more time than a room, and the room sees to that.
        let room = self.find(name)?;
        in_time(room.send(Letter::Rpc { request, reply })).await?;
        answer.await.map_err(|_| RequestFailed::NoRoom)?
    }

    /// Has those who are concerned asked again whether they may be where they are, in one room or in all, because others
    /// decide now. Returns how many have left for it; a room that does not answer in time counts for nobody.
    pub async fn readmit(&self, room: Option<&RoomName>, concerned: &Concerned) -> usize {
        let rooms = self.0.open.rooms(|name| room.is_none_or(|it| it == name));
        let asked = rooms.into_iter().map(|room| async move {
            let (reply, answer) = oneshot::channel();
            let concerned = concerned.clone();
            let letter = Letter::Readmit { concerned, reply };
            in_time(room.mailbox.send(letter)).await.ok()?;
            in_time(answer).await.ok()
        });
        join_all(asked).await.into_iter().flatten().sum()
    }

    /// Ends all rooms at once because the node stops: participants are told, and what they are told
    /// is written. Waits for rooms for as long as they take.
    pub async fn shut_down(&self) {
        let rooms = self.0.open.rooms(|_| true).into_iter();
        let ends = rooms.map(|room| async move {
            // An error says that the room is over.
            room.mailbox.send(Letter::Shutdown).await.ok();
            room.mailbox.closed().await;
        });
        join_all(ends).await;
        timeout(FAREWELL, self.0.connections.closed()).await.ok();
    }

    /// Signs a token with the first key.
    pub(crate) fn sign(&self, claims: &Claims, life: Duration) -> String {
        self.0.shared.sign(claims, life)
    }

    pub(crate) fn media(&self) -> &MediaPlane {
        &self.0.shared.parts.media
    }

    /// Returns how many participants each API key has.
    pub fn seats(&self) -> &Seats {
        &self.0.shared.parts.seats
    }

    pub(crate) fn hits(&self) -> &Arc<LimitHits> {
        &self.0.shared.hits
    }

    /// Returns what one that has joined or resumed may ask for.
    pub(crate) fn allowance(&self, holder: Holder) -> SharedAllowance {
        self.0.allowances.of(holder, Instant::now())
    }

    /// Numbers a connection.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// Lets a client into a room, which is created with `options` where it does not exist and
    /// options are given.
    pub(crate) async fn join(
        &self,
        options: Option<&RoomOptions>,
        name: &RoomName,
        join: &Join,
        sender: &ResponseSender,
    ) -> Result<Presence, Refusal> {
        for _ in 0..ATTEMPTS {
            let room = self.find_or_open(name, options)?;
            let (reply, joined) = oneshot::channel();
            let desk = Desk::new(room.clone());
            let letter = Letter::Join {
                join: Box::new(join.clone()),
                seat: Seat {
                    responses: sender.clone(),
                    desk: desk.clone(),
                },
                reply,
            };
            match in_time(room.send(letter)).await {
                Ok(()) => {}
                Err(RequestFailed::NoRoom) => continue,
                Err(_) => return Err(Refusal::Busy),
            }
            // From here on the room may know the client, which may go before the room replies.
            let presence = Presence {
                connection: join.connection,
                desk,
                open: self.0.connections.subscribe(),
            };
            match in_time(joined).await {
                Ok(Ok(())) => return Ok(presence),
                Ok(Err(Refusal::Join(JoinRefused::RoomClosed))) | Err(RequestFailed::NoRoom) => {}
                Ok(Err(refused)) => return Err(refused),
                Err(_) => return Err(Refusal::Busy),
            }
        }
        Err(Refusal::Busy)
    }

    /// Reports whether a room is open.
    pub(crate) fn contains(&self, name: &RoomName) -> bool {
        self.0.open.lock().find(name).is_some()
    }

    /// Returns what a room that a request describes is created with.
    pub(crate) fn options_of(&self, request: &proto::CreateRoomRequest) -> RoomOptions {
        room_options(self.settings(), request)
    }

    /// Forgets a room that is over, unless another of its name was opened.
    fn forget(&self, name: &RoomName, index: RoomIndex) {
        self.0.shared.parts.events.close(index);
        self.0.open.lock().remove(name, index);
    }

    pub(crate) fn find_or_open(
        &self,
        name: &RoomName,
        options: Option<&RoomOptions>,
    ) -> Result<RoomMailbox, Refusal> {
        let mut open = self.0.open.lock();
        if let Some(room) = open.find(name) {
            return Ok(room.mailbox.clone());
        }
        let options = options.ok_or(Refusal::NoRoom)?;
        if self.is_draining() {
            return Err(Refusal::Draining);
        }
        Ok(self.open_room(&mut open, options.clone()).mailbox)
    }

    fn open_room(&self, open: &mut OpenRooms, options: RoomOptions) -> OpenRoom {
        let index = open.next_index();
        let name = options.name.clone();
        let room = self.make_room(index, options);
        tracing::info!(room = %name, sid = %room.sid(), "Room opened");
        let (mailbox, letters) = mailbox();
        let task = RoomTask::new(room, Arc::clone(&self.0.shared), (mailbox.clone(), letters));
        let opened = OpenRoom {
            index,
            mailbox,
            snapshot: task.snapshot(),
            pulse: task.pulse(),
        };
        open.insert(name.clone(), opened.clone());
        tokio::spawn(self.clone().look_after(task, name, index));
        opened
    }

    fn make_room(&self, index: RoomIndex, options: RoomOptions) -> Room {
        let parts = &self.0.shared.parts;
        let place = RoomPlace {
            // No room spans nodes.
            node: NodeIndex(0),
            index,
            home: home(index, parts.transports.len()),
            home_participants: self.settings().home_participants,
            shards: Arc::clone(&parts.transports),
        };
        let facts = Arc::clone(&parts.facts);
        let mut room = Room::new(clock::now(), facts, &place, options, random());
        for (shard, life) in shards(&parts.media.health()) {
            room.handle_shard(clock::now(), shard, life);
        }
        room
    }

    /// Runs a room to its end. One that fails takes nobody along: its participants are told to come
    /// back, and its name is free.
    async fn look_after(self, mut task: RoomTask, name: RoomName, index: RoomIndex) {
        let ran = AssertUnwindSafe(task.run()).catch_unwind().await;
        if ran.is_err() {
            tracing::error!(room = %name, "A room failed, and its participants are told to come back");
            self.0.shared.note_failure();
            let sid = task.sid().clone();
            self.0.shared.notice(&name, RoomNotice::RoomLost { sid });
            task.abandon().await;
        }
        self.forget(&name, index);
        task.close();
        tracing::info!(room = %name, "Room closed");
    }

    pub(crate) async fn ask<T>(
        &self,
        name: &RoomName,
        letter: Letter,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, RequestFailed> {
        let room = self.find(name)?;
        in_time(room.send(letter)).await?;
        in_time(answer).await
    }

    fn find(&self, name: &RoomName) -> Result<RoomMailbox, RequestFailed> {
        let open = self.0.open.lock();
        let room = open.find(name).ok_or(RequestFailed::NoRoom)?;
        Ok(room.mailbox.clone())
    }
}

/// Waits for a room, which is over when it fails to answer, for as long as a room may take.
pub(crate) async fn in_time<T, E>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, RequestFailed> {
    match timeout(ROOM_STUCK, answer).await {
        Ok(answer) => answer.map_err(|_| RequestFailed::NoRoom),
        Err(_) => Err(RequestFailed::RoomBusy),
    }
}

/// Gives each room in turn the next shard as its home.
fn home(room: RoomIndex, shards: usize) -> ShardIndex {
    let shard = room.0 as usize % shards.max(1);
    ShardIndex(u16::try_from(shard).expect("shards are numbered in 16 bits"))
}

#[cfg(test)]
mod tests;
