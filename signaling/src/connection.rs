//! The task of one WebSocket: frames to letters, responses to frames.

use std::fmt;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{SinkExt, StreamExt, TryFutureExt};
use sfu_model::Now;
use signaling_protocol::proto::{self, signal_request, signal_response};
use signaling_protocol::{Encoding, FrameError, decode_request};
use signaling_session::ConnectionId;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::clock;
use crate::letter::{Letter, Mailbox};
use crate::outbox::{Outgoing, SharedResponse};

/// How often the server pings by WebSocket means.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Silence, pongs included, after which a connection is closed.
const SILENCE: Duration = Duration::from_secs(45);

/// Frames that are written at once: one packet for what a client hears together, such as its join.
const BURST: usize = 16;

/// Time in which a client must take what is written at once.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells the room that a connection is gone, whichever way its task ends.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(crate) connection: ConnectionId,
    pub(crate) room: Mailbox,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let connection = self.connection;
        let letter = Letter::SignalClosed { connection };
        if let Err(mpsc::error::TrySendError::Full(letter)) = self.room.try_send(letter) {
            let room = self.room.clone();
            tokio::spawn(async move { room.send(letter).await.ok() });
        }
    }
}

/// One client's WebSocket.
pub(crate) struct Connection {
    socket: WebSocket,
    presence: Presence,
    responses: mpsc::Receiver<Outgoing>,
    /// The form of the client's last frame, which is answered in.
    encoding: Encoding,
    /// Longest message in bytes.
    max_message: usize,
}

/// Why a connection ends.
enum End {
    /// The client closed it, or its network did.
    Client,
    /// The room closed it.
    Room,
    /// The client sent what is no request.
    Malformed(FrameError),
    /// The client sent more than a message may have.
    TooLarge,
    /// Nothing came for [`SILENCE`].
    Silent,
    /// The client did not take a frame in time.
    Stuck,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("the client is gone"),
            Self::Room => f.write_str("the room closed it"),
            Self::Malformed(error) => error.fmt(f),
            Self::TooLarge => f.write_str("a message was too large"),
            Self::Silent => f.write_str("the client was silent"),
            Self::Stuck => f.write_str("the client did not read"),
        }
    }
}

impl Connection {
    pub(crate) fn new(
        socket: WebSocket,
        presence: Presence,
        responses: mpsc::Receiver<Outgoing>,
        max_message: usize,
    ) -> Self {
        Self {
            socket,
            presence,
            responses,
            encoding: Encoding::Binary,
            max_message,
        }
    }

    /// Runs until either side closes.
    pub(crate) async fn run(mut self) {
        let end = self.exchange().await;
        tracing::debug!(
            connection = self.presence.connection.0,
            %end,
            "Signalling closed"
        );
        let code = match end {
            End::Client => return,
            End::TooLarge => close_code::SIZE,
            End::Room | End::Malformed(_) | End::Silent | End::Stuck => close_code::NORMAL,
        };
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        // The client may be gone; there is nobody else to tell.
        let close = self.socket.send(Message::Close(Some(frame)));
        timeout(WRITE_TIMEOUT, close).await.ok();
    }

    async fn exchange(&mut self) -> End {
        let mut ping = interval(PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let mut heard = Instant::now();
        let mut burst = Vec::with_capacity(BURST);
        loop {
            let done = tokio::select! {
                biased;
                count = self.responses.recv_many(&mut burst, BURST) => match count {
                    0 => Err(End::Room),
                    _ => self.write_burst(burst.drain(..)).await,
                },
                frame = self.socket.next() => {
                    heard = Instant::now();
                    match frame {
                        Some(Ok(frame)) => self.read(frame).await,
                        Some(Err(error)) => Err(read_failure(&error)),
                        None => Err(End::Client),
                    }
                }
                _ = ping.tick() => match heard.elapsed() > SILENCE {
                    true => Err(End::Silent),
                    false => self.write(Message::Ping(Bytes::new())).await,
                },
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn read(&mut self, frame: Message) -> Result<(), End> {
        let (encoding, bytes) = match frame {
            Message::Binary(bytes) => (Encoding::Binary, bytes),
            Message::Text(text) => (Encoding::Text, text.into()),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Client),
        };
        self.encoding = encoding;
        let request = decode_request(encoding, &bytes, self.max_message).map_err(End::Malformed)?;
        if let Some(pong) = pong(&request, clock::now()) {
            return self.write(pong.frame(encoding)).await;
        }
        let letter = Letter::Signal {
            connection: self.presence.connection,
            request: Box::new(request),
        };
        self.presence.room.send(letter).await.map_err(|_| End::Room)
    }

    /// Writes frames and flushes once.
    async fn write_burst(&mut self, burst: impl Iterator<Item = Outgoing>) -> Result<(), End> {
        let encoding = self.encoding;
        let socket = &mut self.socket;
        let write = async {
            let mut flow = Ok(());
            for outgoing in burst {
                let Outgoing::Response(response) = outgoing else {
                    flow = Err(End::Room);
                    break;
                };
                let fed = socket.feed(response.frame(encoding)).await;
                fed.map_err(|_| End::Client)?;
            }
            socket.flush().await.map_err(|_| End::Client)?;
            flow
        };
        in_time(write).await
    }

    async fn write(&mut self, frame: Message) -> Result<(), End> {
        let sent = SinkExt::send(&mut self.socket, frame);
        in_time(sent.map_err(|_| End::Client)).await
    }
}

async fn in_time(write: impl Future<Output = Result<(), End>>) -> Result<(), End> {
    timeout(WRITE_TIMEOUT, write)
        .await
        .unwrap_or(Err(End::Stuck))
}

/// Answers both kinds of ping; they are about this connection, not about the room.
fn pong(request: &proto::SignalRequest, now: Now) -> Option<std::sync::Arc<SharedResponse>> {
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
    Some(SharedResponse::new(proto::SignalResponse {
        message: Some(message),
    }))
}

fn read_failure(error: &axum::Error) -> End {
    let too_large = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<tungstenite::Error>())
        .is_some_and(|error| matches!(error, tungstenite::Error::Capacity(_)));
    match too_large {
        true => End::TooLarge,
        false => End::Client,
    }
}

#[cfg(test)]
mod tests;
