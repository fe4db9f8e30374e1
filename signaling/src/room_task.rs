//! The task of one room: it feeds the state machine and carries out what it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::Claims;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use sfu_driver::{RoomLane, ThreadHealth};
use sfu_model::{Command, Event, Now, ParticipantIdentity, PeerId, RoomSid, ShardIndex};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_response::Message;
use signaling_session::{
    ConnectionId, Credential, Join, Output, Room, RoomReply, RoomRequest, RpcId, RpcOutcome,
    Visitor,
};
use tokio::sync::{oneshot, watch};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::admission::{self, Entry, NotAdmitted, Occasion};
use crate::clock;
use crate::hits::Limit;
use crate::letter::{Concerned, Letter, Purpose, RoomMailbox, Travel};
use crate::limits::{TURN, TURN_TIME};
use crate::mailbox::{Letters, Posted};
use crate::media_events::RoomEvents;
use crate::moved::Moved;
use crate::parts::Shared;
use crate::passage::{MoveReply, Passage, Seat};
use crate::projections::Projections;
use crate::pulse::Pulse;
use crate::qualities::RoomQualities;
use crate::refusal::Refusal;
use crate::request_failed::RequestFailed;
use crate::responses::{Added, SharedResponse};
use crate::snapshot::Snapshot;

/// The shortest life of a refreshed token (LiveKit's).
const REFRESHED_TOKEN_LIFE: Duration = Duration::from_secs(600);

/// A token that waits for a word whether it may be replaced.
type Refresh = Pin<Box<dyn Future<Output = (TokenToRefresh, Result<(), NotAdmitted>)> + Send>>;

/// A token that is to be replaced by one that lasts longer.
struct TokenToRefresh {
    connection: ConnectionId,
    claims: Box<Claims>,
    replaced: Box<Credential>,
}

type RequestReply = oneshot::Sender<Result<RoomReply, RequestFailed>>;
type RpcReply = oneshot::Sender<Result<String, RequestFailed>>;

/// One room with the connections of its participants.
pub(crate) struct RoomTask {
    room: Room,
    shared: Arc<Shared>,
    letters: Letters<Letter>,
    events: Arc<RoomEvents>,
    pulse: Arc<Pulse>,
    snapshot: Snapshot,
    connections: BTreeMap<ConnectionId, Seat<Letter>>,
    /// Those who go to another room when the shards have done what went before.
    departing: Vec<(Passage<Letter>, RoomMailbox)>,
    moved: Moved,
    projections: Projections,
    /// Where letters to this task go.
    mailbox: RoomMailbox,
    rpcs: BTreeMap<RpcId, RpcReply>,
    /// What is replied when clients and whoever keeps records have been told of it.
    replies: Vec<(RequestReply, Result<RoomReply, RequestFailed>)>,
    refreshes: FuturesUnordered<Refresh>,
    /// What the shards hold of the room.
    peers: BTreeSet<PeerId>,
    lane: RoomLane,
    qualities: RoomQualities,
}

/// Whether the room goes on.
#[derive(PartialEq, Eq)]
enum Life {
    Open,
    Over,
}

impl RoomTask {
    pub(crate) fn new(
        room: Room,
        shared: Arc<Shared>,
        (mailbox, letters): (RoomMailbox, Letters<Letter>),
    ) -> Self {
        let now = Instant::now();
        Self {
            lane: shared.parts.media.lane(),
            qualities: shared.qualities.of_room(),
            events: shared.parts.events.open(room.index()),
            pulse: Arc::new(Pulse::new(now)),
            snapshot: Snapshot::new(now, &room),
            projections: Projections::new(room.name()),
            room,
            shared,
            letters,
            connections: BTreeMap::new(),
            departing: Vec::new(),
            moved: Moved::default(),
            mailbox,
            rpcs: BTreeMap::new(),
            replies: Vec::new(),
            refreshes: FuturesUnordered::new(),
            peers: BTreeSet::new(),
        }
    }

    /// Returns the room's sid.
    pub(crate) fn sid(&self) -> &RoomSid {
        self.room.sid()
    }

    /// Returns how far behind the task is, for others to see.
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Returns what the room last said of itself.
    pub(crate) fn snapshot(&self) -> watch::Receiver<proto::Room> {
        self.snapshot.reader()
    }

    /// Runs until the room is over.
    pub(crate) async fn run(&mut self) {
        let mut events: Vec<Event> = Vec::with_capacity(TURN);
        while self.carry_out().await == Life::Open {
            self.pulse.rest();
            // Other tasks of this thread come first, however much waits here.
            yield_now().await;
            let due = self.due();
            tokio::select! {
                posted = self.letters.recv() => match posted {
                    Some(posted) => self.take_letters(posted),
                    None => break,
                },
                () = self.events.arrival() => {
                    self.events.take(&mut events, TURN);
                    self.take_events(&mut events);
                }
                Some((token, admitted)) = self.refreshes.next() => self.refresh(&token, admitted),
                () = sleep_until(due) => self.handle_timeout(),
            }
        }
        self.pulse.rest();
    }

    /// Closes the mailbox and answers what still waits there: those letters were sent to a room that
    /// is over.
    pub(crate) fn close(mut self) {
        self.letters.close();
        // A dropped letter drops its reply, which tells the sender to look for the room again.
        while let Ok(posted) = self.letters.try_recv() {
            self.forward(posted.letter);
        }
    }

    /// Ends a room that failed: everybody is told to come back, into another room of this name, and
    /// the shards forget its peers.
    pub(crate) async fn abandon(&mut self) {
        let leave = SharedResponse::of(Message::Leave(proto::LeaveRequest {
            can_reconnect: true,
            reason: proto::DisconnectReason::StateMismatch.into(),
            action: proto::leave_request::Action::Reconnect.into(),
            regions: None,
        }));
        for seat in std::mem::take(&mut self.connections).into_values() {
            seat.responses.send(Arc::clone(&leave));
            seat.responses.close();
        }
        let peers = std::mem::take(&mut self.peers).into_iter();
        let remove = peers.map(|peer| Command::RemovePeer { peer });
        self.send_commands(remove.collect()).await;
    }

    /// Returns when something is to be done without being asked.
    fn due(&self) -> Option<Instant> {
        let room = self.room.poll_timeout().map(|deadline| deadline.at);
        room.into_iter().chain(self.snapshot.due()).min()
    }

    fn handle_timeout(&mut self) {
        let now = clock::now();
        self.pulse.work(now.mono);
        if self.snapshot.due().is_some_and(|due| due <= now.mono) {
            self.snapshot.write(now.mono, &self.room);
        }
        self.room.handle_timeout(now);
    }

    /// Handles a letter and those behind it, for a while.
    fn take_letters(&mut self, first: Posted<Letter>) {
        let begun = Instant::now();
        self.pulse.work(first.at);
        self.handle(first.letter);
        for _ in 1..TURN {
            if begun.elapsed() >= TURN_TIME {
                break;
            }
            let Ok(posted) = self.letters.try_recv() else {
                break;
            };
            self.handle(posted.letter);
        }
    }

    fn take_events(&mut self, events: &mut Vec<Event>) {
        let now = clock::now();
        self.pulse.work(now.mono);
        self.snapshot.touch();
        for event in events.drain(..) {
            if let Event::PeerClosed { peer, .. } = &event {
                self.peers.remove(peer);
            }
            if let Some(event) = self.moved.forward(event) {
                self.room.handle_media(now, event);
            }
        }
    }

    /// Handles a letter, unless it is from one who was moved to another room.
    fn handle(&mut self, letter: Letter) {
        if let Some(letter) = self.forward(letter) {
            self.handle_own(letter);
        }
    }

    /// Sends a letter on to the room that whoever wrote it was moved to; else returns it.
    fn forward(&self, letter: Letter) -> Option<Letter> {
        let (Letter::Signal { connection, .. }
        | Letter::Offence { connection, .. }
        | Letter::SignalClosed { connection }) = &letter
        else {
            return Some(letter);
        };
        match self.moved.room_of(*connection) {
            Some(room) => {
                room.send_soon(letter);
                None
            }
            None => Some(letter),
        }
    }

    fn handle_own(&mut self, letter: Letter) {
        let now = clock::now();
        match letter {
            Letter::Join { join, seat, reply } => {
                let connection = join.connection;
                self.connections.insert(connection, seat);
                let joined = self.join(now, *join);
                if joined.is_err() {
                    self.connections.remove(&connection);
                }
                self.snapshot.write(now.mono, &self.room);
                // A client that has gone meanwhile is noticed by its connection's end.
                reply.send(joined).ok();
            }
            Letter::Signal {
                connection,
                request,
                permit,
            } => {
                self.room.handle_signal(now, connection, *request);
                self.snapshot.touch();
                drop(permit);
            }
            Letter::Offence { connection, cause } => {
                self.room.handle_offence(now, connection, cause);
                self.snapshot.touch();
            }
            Letter::SignalClosed { connection } => {
                self.connections.remove(&connection);
                self.room.handle_signal_closed(now, connection);
                self.snapshot.touch();
            }
            Letter::Request { request, reply } => {
                let done = self.room.handle_request(now, request);
                self.snapshot.write(now.mono, &self.room);
                if self.room.is_closed() {
                    // Whoever deleted it finds it nowhere any more.
                    self.letters.close();
                }
                self.replies
                    .push((reply, done.map_err(RequestFailed::from)));
            }
            Letter::Rpc { request, reply } => self.start_rpc(request, reply),
            Letter::Readmit { concerned, reply } => {
                let removed = self.readmit(&concerned);
                self.snapshot.write(now.mono, &self.room);
                reply.send(removed).ok();
            }
            Letter::Travel(travel) => self.handle_travel(now, travel),
            Letter::LateEvent(event) => self.room.handle_late_media(now, event),
            Letter::Shard { shard, life } => self.room.handle_shard(now, shard, life),
            Letter::Shutdown => self.room.shutdown(now),
            #[cfg(test)]
            Letter::Fault(fault) => (fault.0)(),
        }
    }

    /// Handles what two rooms have to do with each other.
    fn handle_travel(&mut self, now: Now, travel: Travel) {
        match travel {
            Travel::Describe {
                identity,
                purpose,
                reply,
            } => {
                let described = match purpose {
                    Purpose::Move => self.room.visitor(&identity),
                    Purpose::Forward => self.room.identify(&identity),
                };
                reply.send(described).ok();
            }
            Travel::Expect { visitor, reply } => {
                reply.send(self.expect(&visitor)).ok();
            }
            Travel::Release {
                identity,
                to,
                reply,
            } => self.release(now, &identity, to, reply),
            Travel::Arrive(passage) => self.take_in(now, *passage),
            Travel::Forward {
                identity,
                destination,
                to,
                reply,
            } => {
                let what = (identity, destination);
                self.projections
                    .forward(now, &mut self.room, what, to, reply);
            }
            Travel::Project {
                projection,
                from,
                reply,
            } => {
                let (projections, room) = (&mut self.projections, &mut self.room);
                let reply = projections.project(now, room, *projection, from, reply);
                self.replies.extend(reply);
                self.snapshot.write(now.mono, &self.room);
            }
            Travel::EndProjection { identity } => {
                self.projections
                    .end_projection(now, &mut self.room, &identity);
            }
            Travel::ForwardEnded {
                identity,
                destination,
            } => self
                .projections
                .forward_ended(now, &mut self.room, identity, destination),
        }
    }

    /// Says whether somebody of another room may come.
    fn expect(&self, visitor: &Visitor) -> Result<(), Refusal> {
        match self.barred(&visitor.identity, &visitor.credential) {
            Some(reason) => Err(NotAdmitted::Forbidden { reason }.into()),
            None => self.room.check_visitor(visitor).map_err(Refusal::Join),
        }
    }

    /// Has somebody go to another room, as soon as the shards have done what went before.
    fn release(
        &mut self,
        now: Now,
        identity: &ParticipantIdentity,
        to: RoomMailbox,
        reply: MoveReply,
    ) {
        let traveller = match self.room.release(now, identity) {
            Ok(traveller) => traveller,
            Err(error) => {
                reply.send(Err(error.into())).ok();
                return;
            }
        };
        self.snapshot.write(now.mono, &self.room);
        for peer in traveller.peers() {
            self.peers.remove(&peer);
        }
        let connection = traveller.connection();
        let seat = connection.and_then(|connection| self.connections.remove(&connection));
        let Some(seat) = seat else {
            tracing::error!("A participant that is moved has no connection");
            return;
        };
        self.moved.note(now.mono, &traveller, &to);
        seat.desk.move_to(to.clone());
        let passage = Passage::new(traveller, seat, Arc::clone(&self.shared), reply);
        self.departing.push((passage, to));
    }

    /// Takes in somebody of another room, unless it was decided otherwise meanwhile: then it is told to come back where it
    /// may.
    fn take_in(&mut self, now: Now, passage: Passage<Letter>) {
        if self.room.is_closed() {
            return;
        }
        let Some((traveller, seat, reply)) = passage.arrive() else {
            return;
        };
        if let Some(connection) = traveller.connection() {
            self.moved.note_arrival(connection);
            self.connections.insert(connection, seat);
        }
        let concerned = Concerned::Identity(traveller.identity().clone());
        self.room.handle_arrival(now, traveller);
        self.readmit(&concerned);
        self.snapshot.write(now.mono, &self.room);
        self.replies
            .extend(reply.map(|reply| (reply, Ok(RoomReply::Done))));
    }

    fn start_rpc(&mut self, request: Box<proto::PerformRpcRequest>, reply: RpcReply) {
        let request = RoomRequest::PerformRpc(request);
        match self.room.handle_request(clock::now(), request) {
            Ok(RoomReply::RpcStarted { rpc, .. }) => {
                self.rpcs.insert(rpc, reply);
            }
            Ok(_) => {}
            Err(error) => drop(reply.send(Err(error.into()))),
        }
    }

    async fn carry_out(&mut self) -> Life {
        loop {
            let mut commands = Vec::new();
            let life = self.carry_out_signals(&mut commands);
            for (reply, done) in self.replies.drain(..) {
                // Whoever asked may have gone: then nobody misses the reply.
                reply.send(done).ok();
            }
            if commands.is_empty() {
                self.send_off();
                // The shards have what others are told of.
                let own = || self.mailbox.clone();
                let (projections, room) = (&mut self.projections, &mut self.room);
                if life == Life::Over || !projections.reconcile(clock::now(), room, own) {
                    return life;
                }
                continue;
            }
            for shard in self.send_commands(commands).await {
                self.room.handle_lost_shard(clock::now(), shard);
            }
            self.send_off();
            if life == Life::Over {
                return life;
            }
        }
    }

    /// Sends those who go to another room there. Commands of that room follow those of this one then.
    fn send_off(&mut self) {
        for (passage, to) in self.departing.drain(..) {
            to.send_soon(Letter::Travel(Travel::Arrive(Box::new(passage))));
        }
    }

    /// Sends commands to their shards. While too many of this room's wait there, the room waits, and nobody
    /// else. It does not wait for a shard that stands still: what it had for that is lost. Returns those shards.
    async fn send_commands(&mut self, commands: Vec<Command>) -> Vec<ShardIndex> {
        let mut lost = Vec::new();
        self.lane.queue(commands);
        while timeout(ThreadHealth::STANDSTILL, self.lane.flush())
            .await
            .is_err()
        {
            let shard = self.lane.waits_for();
            let health = self.shared.parts.media.health();
            if let Some(shard) = shard.filter(|shard| !health.works(*shard)) {
                tracing::error!(room = %self.room.name(), shard = shard.0, "Commands are lost: a media thread stands still or has ended");
                self.lane.give_up(shard);
                lost.push(shard);
            }
        }
        lost
    }

    /// Carries out everything but what is for shards, which goes to `commands`.
    fn carry_out_signals(&mut self, commands: &mut Vec<Command>) -> Life {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Signal {
                    connection,
                    message,
                } => self.send(connection, &SharedResponse::new(*message)),
                Output::SignalAll {
                    connections,
                    message,
                } => {
                    let response = SharedResponse::new(*message);
                    for connection in connections {
                        self.send(connection, &response);
                    }
                }
                Output::RefreshToken {
                    connection,
                    claims,
                    replaced,
                } => self.ask_to_refresh(TokenToRefresh {
                    connection,
                    claims,
                    replaced,
                }),
                Output::RoomMoved {
                    connection,
                    mut moved,
                    claims,
                    replaced,
                } => {
                    moved.token = self.renewed_token(&claims, &replaced);
                    let response = SharedResponse::of(Message::RoomMoved(*moved));
                    self.send(connection, &response);
                }
                Output::CloseSignal { connection } => {
                    if let Some(seat) = self.connections.remove(&connection) {
                        seat.responses.close();
                    }
                }
                Output::Media(command) => {
                    self.note_peer(&command);
                    commands.push(command);
                }
                Output::Notice(notice) => self.shared.notice(self.room.name(), notice),
                Output::Qualities(report) => self.qualities.note(&report),
                Output::RpcDone { rpc, outcome } => self.finish_rpc(rpc, outcome),
                Output::Closed => return Life::Over,
            }
        }
        Life::Open
    }

    fn note_peer(&mut self, command: &Command) {
        if let Command::AddPeer { peer, .. } | Command::MovePeer { to: peer, .. } = command {
            self.peers.insert(*peer);
        } else if let Command::RemovePeer { peer } = command {
            self.peers.remove(peer);
        }
    }

    fn send(&mut self, connection: ConnectionId, response: &Arc<SharedResponse>) {
        let Some(seat) = self.connections.get(&connection) else {
            return;
        };
        match seat.responses.send(Arc::clone(response)) {
            Added::Queued => {}
            Added::Gathered => self.shared.hits.hit(Limit::Backlog),
            Added::Overflow => {
                self.shared.hits.hit(Limit::BacklogBytes);
                tracing::warn!(room = %self.room.name(), connection = connection.0, "Client reads too slowly, its signalling is closed");
                self.connections.remove(&connection);
            }
        }
    }

    /// Asks whether the holder of a token may stay; the room goes on meanwhile.
    fn ask_to_refresh(&mut self, token: TokenToRefresh) {
        let room = self.room.name().clone();
        let admission = Arc::clone(&self.shared.parts.admission);
        let mut refresh: Refresh = Box::pin(async move {
            let entry = Entry {
                occasion: Occasion::Refresh,
                room: &room,
                identity: &token.claims.identity,
                credential: &token.replaced,
            };
            let admitted = admission::ask(admission.as_ref(), entry).await;
            (token, admitted)
        });
        match (&mut refresh).now_or_never() {
            Some((token, admitted)) => self.refresh(&token, admitted),
            None => self.refreshes.push(refresh),
        }
    }

    /// Sends a token that ends no sooner than the one that it replaces. Who may stay no longer leaves;
    /// without an answer the old token holds, and it is asked again for the next.
    fn refresh(&mut self, token: &TokenToRefresh, admitted: Result<(), NotAdmitted>) {
        match admitted {
            Ok(()) => {
                let token_text = self.renewed_token(&token.claims, &token.replaced);
                let response = SharedResponse::of(Message::RefreshToken(token_text));
                self.send(token.connection, &response);
            }
            Err(NotAdmitted::Forbidden { reason }) => {
                self.remove(token.claims.identity.clone(), reason);
            }
            // Quotas are for those who join.
            Err(NotAdmitted::NoAnswer | NotAdmitted::QuotaExceeded { .. }) => {}
        }
    }

    /// Signs a token that ends no sooner than the one that it replaces.
    fn renewed_token(&self, claims: &Claims, replaced: &Credential) -> String {
        let left = replaced
            .expires_at
            .0
            .saturating_sub(clock::now().unix.0)
            .max(REFRESHED_TOKEN_LIFE);
        self.shared.sign_again(claims, &replaced.token, left)
    }

    /// Lets a client in, unless it was decided otherwise after it was admitted: who is there then has been removed, and this
    /// one was not there.
    fn join(&mut self, now: Now, join: Join) -> Result<(), Refusal> {
        match self.barred(&join.claims.identity, &join.credential) {
            Some(reason) => Err(NotAdmitted::Forbidden { reason }.into()),
            None => self.room.handle_join(now, join).map_err(Refusal::Join),
        }
    }

    /// Returns why somebody may not be there, if that is decided at once.
    fn barred(&self, identity: &ParticipantIdentity, credential: &Credential) -> Option<String> {
        let entry = Entry {
            occasion: Occasion::Stay,
            room: self.room.name(),
            identity,
            credential,
        };
        match self.shared.parts.admission.ask(entry).now_or_never()? {
            Err(NotAdmitted::Forbidden { reason }) => Some(reason),
            Ok(()) | Err(NotAdmitted::NoAnswer | NotAdmitted::QuotaExceeded { .. }) => None,
        }
    }

    /// Removes somebody who may not be there, and reports whether it still was.
    fn remove(&mut self, identity: ParticipantIdentity, reason: String) -> bool {
        let remove = RoomRequest::RemoveParticipant {
            identity,
            reason: Some(reason),
        };
        self.room.handle_request(clock::now(), remove).is_ok()
    }

    /// Asks again whether those who are concerned may be there, removes who may not, and returns how many those were. Who
    /// has no answer at once stays, until its token is to be replaced.
    fn readmit(&mut self, concerned: &Concerned) -> usize {
        let present = self.room.present();
        let concerned = present.filter(|(identity, by)| concerned.includes(identity, by));
        let barred = concerned.filter_map(|(identity, credential)| {
            let reason = self.barred(identity, credential)?;
            Some((identity.clone(), reason))
        });
        let barred: Vec<_> = barred.collect();
        let mut removed = 0;
        for (identity, reason) in barred {
            removed += usize::from(self.remove(identity, reason));
        }
        removed
    }

    fn finish_rpc(&mut self, rpc: RpcId, outcome: RpcOutcome) {
        let Some(reply) = self.rpcs.remove(&rpc) else {
            return;
        };
        let outcome = match outcome {
            RpcOutcome::Payload(payload) => Ok(payload),
            RpcOutcome::Error(error) => Err(RequestFailed::Rpc(Box::new(error))),
        };
        reply.send(outcome).ok();
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
