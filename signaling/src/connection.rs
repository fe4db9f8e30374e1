//! The task of one WebSocket: frames to letters, responses to frames.
//!
//! Reading and writing go on beside each other, so that a client that is told much is still heard.
//! What it asks for is bounded three times before the room sees it: by its [`SharedAllowance`], by the
//! answers that it has not read, and by the requests of it that wait in the room's mailbox. Over any
//! of these it is not read.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use sfu_model::Now;
use signaling_protocol::proto::{self, signal_request, signal_response};
use signaling_protocol::{DisconnectCause, Encoding, FrameError, decode_request};
use signaling_session::ConnectionId;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};

use crate::allowance::{Verdict, cost};
use crate::allowances::SharedAllowance;
use crate::clock;
use crate::desk::Desk;
use crate::hits::{Limit, LimitHits};
use crate::letter::{Letter, RoomMailbox};
use crate::limits::{EXPULSION, REQUEST_BYTES, REQUESTS_IN_FLIGHT, SHORTEST_CONNECTION};
use crate::responses::{Responses, SharedResponse};

/// How often the server pings by WebSocket means.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Silence, pongs included, after which a connection is closed.
const SILENCE: Duration = Duration::from_secs(45);

/// Frames that are written at once: one packet for what a client hears together, such as its join.
const BURST: usize = 16;

/// Time in which a client must take what is written at once, however little it is.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that a client must take in each further second.
const SLOWEST: usize = 8 << 10;

/// Tells the room that a connection is gone, whichever way its task ends.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(crate) connection: ConnectionId,
    pub(crate) desk: Desk<Letter>,
    /// Is held while the connection lives.
    pub(crate) open: watch::Receiver<()>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let connection = self.connection;
        self.desk.send_soon(Letter::SignalClosed { connection });
    }
}

/// One client's signalling, without its socket.
pub(crate) struct Connection {
    presence: Presence,
    responses: Responses,
    allowance: SharedAllowance,
    /// Whether the client's last frame was text: it is answered in the same form.
    text: AtomicBool,
    /// Longest message in bytes.
    max_message: usize,
    /// Requests that may yet be put into the room's mailbox.
    requests: Arc<Semaphore>,
    /// How often it had been moved when it last sent one.
    moves: AtomicU64,
    hits: Arc<LimitHits>,
    /// What the room disconnects the client for.
    offence: OnceLock<Offence>,
}

/// What a client is disconnected for.
#[derive(Clone, Copy, Debug)]
enum Offence {
    /// It went on asking for more than it may.
    TooMuch,
    /// It sent what is no request.
    Unreadable,
    /// It sent more than a message may have.
    TooLarge,
}

/// Why a connection ends.
enum End {
    /// The client closed it, or its network did.
    Client,
    /// The room closed it.
    Room,
    /// The client is disconnected for what it sent, and the room has not said so in time.
    Offence(Offence),
    /// Nothing came for [`SILENCE`].
    Silent,
    /// The client did not take a frame in time.
    Stuck,
}

/// Why a frame did not get to the room.
enum Untaken {
    RoomIsOver,
    Unreadable(FrameError),
}

impl From<FrameError> for Untaken {
    fn from(error: FrameError) -> Self {
        Self::Unreadable(error)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("the client is gone"),
            Self::Room => f.write_str("the room closed it"),
            Self::Offence(offence) => offence.fmt(f),
            Self::Silent => f.write_str("the client was silent"),
            Self::Stuck => f.write_str("the client did not read"),
        }
    }
}

impl Offence {
    fn cause(self) -> DisconnectCause {
        match self {
            Self::TooMuch => DisconnectCause::SentTooMuch,
            Self::Unreadable | Self::TooLarge => DisconnectCause::SentUnreadable,
        }
    }

    fn limit(self) -> Limit {
        match self {
            Self::TooMuch => Limit::SignalPatience,
            Self::Unreadable | Self::TooLarge => Limit::UnreadableMessages,
        }
    }
}

impl fmt::Display for Offence {
    /// Says it in so few words that a close frame holds them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMuch => "too much was asked for, for too long",
            Self::Unreadable => "a message was unreadable",
            Self::TooLarge => "a message was too large",
        })
    }
}

type Writer = SplitSink<WebSocket, Message>;
type Reader = SplitStream<WebSocket>;

impl Connection {
    pub(crate) fn new(
        presence: Presence,
        responses: Responses,
        allowance: SharedAllowance,
        max_message: usize,
        hits: Arc<LimitHits>,
    ) -> Self {
        Self {
            presence,
            responses,
            allowance,
            text: AtomicBool::new(false),
            max_message,
            requests: Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT as usize)),
            moves: AtomicU64::new(0),
            hits,
            offence: OnceLock::new(),
        }
    }

    /// Runs on a WebSocket until either side closes.
    pub(crate) async fn run(self, socket: WebSocket) {
        let opened = Instant::now();
        let (mut writer, mut reader) = socket.split();
        let end = tokio::select! {
            end = self.write_all(&mut writer) => end,
            end = self.read_all(&mut reader) => end,
        };
        tracing::debug!(
            connection = self.presence.connection.0,
            %end,
            "Signalling closed"
        );
        if matches!(end, End::Client) {
            return;
        }
        let frame = close_frame(self.offence.get().copied());
        // The room hears of the end at once, and the node when the client has been told of it.
        let open = self.presence.open.clone();
        drop(self);
        let gone = async { while let Some(Ok(_)) = reader.next().await {} };
        timeout_at(opened + SHORTEST_CONNECTION, gone).await.ok();
        // The client may be gone; there is nobody else to tell.
        let close = writer.send(Message::Close(Some(frame)));
        in_time(0, close).await.ok();
        drop(open);
    }

    /// Writes what the client is told, and pings, until the room closes the connection.
    async fn write_all(&self, writer: &mut Writer) -> End {
        let mut ping = interval(PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let mut burst = Vec::with_capacity(BURST);
        loop {
            let written = tokio::select! {
                open = self.responses.take(&mut burst, BURST) => match open {
                    true => self.write_burst(writer, &mut burst).await,
                    false => Err(End::Room),
                },
                _ = ping.tick() => in_time(0, writer.send(Message::Ping(Bytes::new()))).await,
            };
            if let Err(end) = written {
                return end;
            }
        }
    }

    /// Writes frames and flushes once.
    async fn write_burst(
        &self,
        writer: &mut Writer,
        burst: &mut Vec<Arc<SharedResponse>>,
    ) -> Result<(), End> {
        let encoding = self.encoding();
        let bytes = burst.iter().map(|response| response.bytes()).sum();
        let write = async {
            for response in burst.drain(..) {
                writer.feed(response.frame(encoding)).await?;
            }
            writer.flush().await
        };
        in_time(bytes, write).await
    }

    /// Reads what the client asks for.
    async fn read_all(&self, reader: &mut Reader) -> End {
        loop {
            if let Err(offence) = self.wait_for_allowance().await {
                return self.expel(offence).await;
            }
            if self.responses.is_full_of_answers() {
                self.hits.hit(Limit::UnreadAnswers);
                self.responses.room_for_answers().await;
            }
            let frame = match timeout(SILENCE, reader.next()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) if is_too_large(&error) => {
                    return self.expel(Offence::TooLarge).await;
                }
                Ok(Some(Err(_))) => return End::Client,
                Ok(None) => return End::Client,
                Err(_) => return End::Silent,
            };
            match self.take(frame).await {
                Ok(units) => self.allowance.spend(Instant::now().into_std(), units),
                Err(Untaken::RoomIsOver) => return self.room_is_over().await,
                Err(Untaken::Unreadable(error)) => {
                    tracing::debug!(connection = self.presence.connection.0, %error, "A message is unreadable");
                    return self.expel(Offence::Unreadable).await;
                }
            }
        }
    }

    /// Waits while the client has asked for more than it may, unless it goes on like that.
    async fn wait_for_allowance(&self) -> Result<(), Offence> {
        let mut held = false;
        loop {
            match self.allowance.verdict(Instant::now().into_std()) {
                Verdict::Read => return Ok(()),
                Verdict::Wait(time) => {
                    if !std::mem::replace(&mut held, true) {
                        self.hits.hit(Limit::SignalRate);
                    }
                    sleep(time).await;
                }
                Verdict::Expel => return Err(Offence::TooMuch),
            }
        }
    }

    /// Has the room disconnect the client, which is told so before the writing side ends. Nothing more of it is read.
    async fn expel(&self, offence: Offence) -> End {
        self.hits.hit(offence.limit());
        let connection = self.presence.connection;
        tracing::info!(connection = connection.0, %offence, "A client is disconnected for what it sent");
        self.offence.get_or_init(|| offence);
        let letter = Letter::Offence {
            connection,
            cause: offence.cause(),
        };
        if self.room().await.send(letter).await.is_err() {
            return self.room_is_over().await;
        }
        sleep(EXPULSION).await;
        End::Offence(offence)
    }

    /// Returns the room that requests go to. After a move the first waits until those before it were handled: they may
    /// take the way by the room that the client was in.
    async fn room(&self) -> RoomMailbox {
        let (room, moves) = self.presence.desk.room();
        if self.moves.swap(moves, Ordering::Relaxed) != moves {
            let all = self.requests.acquire_many(REQUESTS_IN_FLIGHT).await;
            drop(all);
        }
        room
    }

    /// Lets the client be told what the room said last, upon which the writing side ends.
    async fn room_is_over(&self) -> End {
        self.responses.close();
        std::future::pending().await
    }

    /// Takes a frame to the room, and returns what it costs.
    async fn take(&self, frame: Message) -> Result<u32, Untaken> {
        let (encoding, bytes) = match frame {
            Message::Binary(bytes) => (Encoding::Binary, bytes),
            Message::Text(text) => (Encoding::Text, text.into()),
            // A close is replied to by reading on, and followed by the end.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(1),
        };
        self.text
            .store(encoding == Encoding::Text, Ordering::Relaxed);
        let request = decode_request(encoding, &bytes, self.max_message)?;
        let units = cost(&request, bytes.len());
        if let Some(pong) = pong(&request, clock::now()) {
            self.responses.answer(pong);
            return Ok(units);
        }
        let room = self.room().await;
        let requests = Arc::clone(&self.requests);
        let permit = requests.acquire_many_owned(places(bytes.len())).await;
        let letter = Letter::Signal {
            connection: self.presence.connection,
            request: Box::new(request),
            permit: permit.map_err(|_| Untaken::RoomIsOver)?,
        };
        let sent = room.send(letter).await;
        sent.map(|()| units).map_err(|_| Untaken::RoomIsOver)
    }

    /// Returns the form of the client's last frame, which is answered in.
    fn encoding(&self) -> Encoding {
        match self.text.load(Ordering::Relaxed) {
            true => Encoding::Text,
            false => Encoding::Binary,
        }
    }
}

/// Returns how many of a connection's places in the mailbox a request of this length takes.
fn places(bytes: usize) -> u32 {
    let further = u32::try_from(bytes / REQUEST_BYTES).unwrap_or(u32::MAX);
    further.saturating_add(1).min(REQUESTS_IN_FLIGHT)
}

async fn in_time(
    bytes: usize,
    write: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), End> {
    let further = Duration::from_secs((bytes / SLOWEST) as u64);
    match timeout(WRITE_TIMEOUT + further, write).await {
        Ok(written) => written.map_err(|_| End::Client),
        Err(_) => Err(End::Stuck),
    }
}

/// Answers both kinds of ping; they are about this connection, not about the room.
fn pong(request: &proto::SignalRequest, now: Now) -> Option<Arc<SharedResponse>> {
    let received = request.message.as_ref()?;
    let message = if let signal_request::Message::Ping(_) = received {
        signal_response::Message::Pong(now.unix.millis())
    } else if let signal_request::Message::PingReq(ping) = received {
        signal_response::Message::PongResp(proto::Pong {
            last_ping_timestamp: ping.timestamp,
            timestamp: now.unix.millis(),
        })
    } else {
        return None;
    };
    Some(SharedResponse::of(message))
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<tungstenite::Error>())
        .is_some_and(|error| matches!(error, tungstenite::Error::Capacity(_)))
}

/// Says again in the end why a client was disconnected: its developer sees this, too.
fn close_frame(offence: Option<Offence>) -> CloseFrame {
    CloseFrame {
        code: match offence {
            Some(Offence::TooLarge) => close_code::SIZE,
            Some(Offence::TooMuch | Offence::Unreadable) | None => close_code::NORMAL,
        },
        reason: offence.map_or_else(String::new, |it| it.to_string()).into(),
    }
}

#[cfg(test)]
mod tests;
