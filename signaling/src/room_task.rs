//! The task of one room: it feeds the state machine and carries out what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use auth::Claims;
use sfu_model::{Command, Event, UnixTime};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_response::Message;
use signaling_session::{ConnectionId, Output, Room, RoomReply, RoomRequest, RpcId, RpcOutcome};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::clock;
use crate::hits::Limit;
use crate::letter::{Letter, RequestFailed};
use crate::media_events::RoomEvents;
use crate::outbox::{Added, Outbox, SharedResponse};
use crate::rooms::Rooms;

/// Letters, or events of the media plane, that are handled before what they caused is carried out.
const TURN: usize = 64;

/// The shortest life of a refreshed token (LiveKit's).
const REFRESHED_TOKEN_LIFE: Duration = Duration::from_secs(600);

type RpcReply = oneshot::Sender<Result<String, RequestFailed>>;

/// One room with the connections of its participants.
pub(crate) struct RoomTask {
    room: Room,
    rooms: Rooms,
    letters: mpsc::Receiver<Letter>,
    events: Arc<RoomEvents>,
    connections: BTreeMap<ConnectionId, Outbox>,
    rpcs: BTreeMap<RpcId, RpcReply>,
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
        rooms: Rooms,
        letters: mpsc::Receiver<Letter>,
        events: Arc<RoomEvents>,
    ) -> Self {
        Self {
            room,
            rooms,
            letters,
            events,
            connections: BTreeMap::new(),
            rpcs: BTreeMap::new(),
        }
    }

    /// Runs until the room is over.
    pub(crate) async fn run(mut self) {
        let mut turn = Vec::with_capacity(TURN);
        let mut events: Vec<Event> = Vec::with_capacity(TURN);
        while self.carry_out() == Life::Open {
            let deadline = self.room.poll_timeout().map(|deadline| deadline.at);
            let sleep = sleep_until(deadline.map(Instant::from_std));
            tokio::select! {
                count = self.letters.recv_many(&mut turn, TURN) => {
                    if count == 0 {
                        break;
                    }
                    turn.drain(..).for_each(|letter| self.handle(letter));
                }
                () = self.events.arrival() => {
                    self.events.take(&mut events, TURN);
                    let now = clock::now();
                    events.drain(..).for_each(|event| self.room.handle_media(now, event));
                }
                () = sleep => self.room.handle_timeout(clock::now()),
            }
        }
        self.close();
    }

    /// Answers what still waits in the mailbox: those letters were sent to a room that is over.
    fn close(mut self) {
        let name = self.room.name().clone();
        self.rooms.forget(&name, self.room.index());
        self.letters.close();
        // A dropped letter drops its reply, which tells the sender to look for the room again.
        while self.letters.try_recv().is_ok() {}
        tracing::info!(room = %name, sid = %self.room.sid(), "Room closed");
    }

    fn handle(&mut self, letter: Letter) {
        let now = clock::now();
        match letter {
            Letter::Join {
                join,
                outbox,
                reply,
            } => {
                let connection = join.connection;
                self.connections.insert(connection, outbox);
                let joined = self.room.handle_join(now, *join);
                if joined.is_err() {
                    self.connections.remove(&connection);
                }
                // A client that has gone meanwhile is noticed by its connection's end.
                reply.send(joined).ok();
            }
            Letter::Signal {
                connection,
                request,
                permit,
            } => {
                self.room.handle_signal(now, connection, *request);
                drop(permit);
            }
            Letter::SentTooMuch { connection } => self.room.handle_flood(now, connection),
            Letter::SignalClosed { connection } => {
                self.connections.remove(&connection);
                self.room.handle_signal_closed(now, connection);
            }
            Letter::Request { request, reply } => {
                let done = self.room.handle_request(now, request);
                // Whoever asked may have gone: then nobody misses the reply.
                reply.send(done.map_err(RequestFailed::from)).ok();
            }
            Letter::Rpc { request, reply } => self.start_rpc(request, reply),
            Letter::Describe { reply } => {
                reply.send(self.room.info()).ok();
            }
            Letter::Shutdown => self.room.shutdown(now),
        }
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

    fn carry_out(&mut self) -> Life {
        let mut commands = Vec::new();
        let life = self.carry_out_signals(&mut commands);
        if !commands.is_empty() {
            self.rooms.media().send(commands);
        }
        life
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
                    replaced_ends_at,
                } => self.refresh(connection, &claims, replaced_ends_at),
                Output::CloseSignal { connection } => {
                    if let Some(outbox) = self.connections.remove(&connection) {
                        outbox.close();
                    }
                }
                Output::Media(command) => commands.push(command),
                Output::Notice(notice) => self.rooms.notice(self.room.name(), notice),
                Output::RpcDone { rpc, outcome } => self.finish_rpc(rpc, outcome),
                Output::Closed => return Life::Over,
            }
        }
        Life::Open
    }

    fn send(&mut self, connection: ConnectionId, response: &Arc<SharedResponse>) {
        let Some(outbox) = self.connections.get(&connection) else {
            return;
        };
        match outbox.send(Arc::clone(response)) {
            Added::Queued => {}
            Added::Gathered => self.rooms.hits().hit(Limit::Backlog),
            Added::Overflow => {
                self.rooms.hits().hit(Limit::BacklogBytes);
                tracing::warn!(room = %self.room.name(), connection = connection.0, "Client reads too slowly, its signalling is closed");
                self.connections.remove(&connection);
            }
        }
    }

    /// Sends a token that ends no sooner than the one that it replaces.
    fn refresh(&mut self, connection: ConnectionId, claims: &Claims, replaced: UnixTime) {
        let left = replaced.0.saturating_sub(clock::now().unix.0);
        let token = self.rooms.sign(claims, left.max(REFRESHED_TOKEN_LIFE));
        let response = SharedResponse::of(Message::RefreshToken(token));
        self.send(connection, &response);
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
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
