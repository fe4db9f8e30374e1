//! The signalling connection: LiveKit's messages over a WebSocket.

use std::net::SocketAddr;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use livekit_protocol::{SignalRequest, SignalResponse, signal_request, signal_response};
use prost::Message as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::server::Server;

/// The half that sends.
pub(crate) type Sending = SplitSink<WebSocketStream<TcpStream>, Message>;
/// The half that receives.
pub(crate) type Receiving = SplitStream<WebSocketStream<TcpStream>>;

/// A kernel buffer so small that who does not read is soon noticed, in bytes.
const SMALL_BUFFER: u32 = 4_096;

/// How much the kernel takes for us before we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appetite {
    Usual,
    Small,
}

/// Connects to an endpoint, which is the path from `/rtc` on with its query; tells the address that we have on the way.
pub(crate) async fn connect(
    server: &Server,
    endpoint: &str,
    token: &str,
    appetite: Appetite,
) -> Result<(Sending, Receiving, SocketAddr), String> {
    let socket = match server.address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(|error| format!("no socket: {error}"))?;
    if appetite == Appetite::Small {
        let set = socket.set_recv_buffer_size(SMALL_BUFFER);
        set.map_err(|error| format!("no small buffer: {error}"))?;
    }
    let refused = |error: std::io::Error| format!("cannot connect: {error}");
    let tcp = socket.connect(server.address).await.map_err(refused)?;
    tcp.set_nodelay(true).map_err(refused)?;
    let local = tcp.local_addr().map_err(refused)?;
    let url = format!("ws://{}{endpoint}", server.address);
    let mut request = url
        .into_client_request()
        .map_err(|error| error.to_string())?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
    let bearer = bearer.map_err(|error| error.to_string())?;
    request.headers_mut().insert("Authorization", bearer);
    let config = WebSocketConfig::default()
        .read_buffer_size(SMALL_BUFFER as usize)
        .write_buffer_size(0)
        .max_message_size(None)
        .max_frame_size(None);
    let connected = client_async_with_config(request, tcp, Some(config)).await;
    let (socket, _) = connected.map_err(|error| format!("refused: {error}"))?;
    let (sending, receiving) = socket.split();
    Ok((sending, receiving, local))
}

/// Sends a message.
pub(crate) async fn send(sending: &mut Sending, frame: Message) -> Result<(), String> {
    let sent = sending.send(frame).await;
    sent.map_err(|error| format!("the signalling connection: {error}"))
}

/// Writes a message as a frame.
pub(crate) fn frame(message: signal_request::Message) -> Message {
    let request = SignalRequest {
        message: Some(message),
    };
    Message::Binary(request.encode_to_vec().into())
}

/// What comes next by a signalling connection.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message, with the length of its frame.
    Message(Box<signal_response::Message>, usize),
    /// Something that means nothing here.
    Other,
    /// The end, with what was said of it.
    End(String),
}

/// Returns what comes next.
pub(crate) async fn next(receiving: &mut Receiving) -> Incoming {
    let frame = match receiving.next().await {
        None => return Incoming::End("the signalling connection was closed".to_owned()),
        Some(Err(error)) => return Incoming::End(format!("the signalling connection: {error}")),
        Some(Ok(frame)) => frame,
    };
    match frame {
        Message::Binary(bytes) => {
            let len = bytes.len();
            of_response(SignalResponse::decode(bytes).ok(), len)
        }
        // Who writes JSON is answered in it.
        Message::Text(text) => of_response(serde_json::from_str(&text).ok(), text.len()),
        Message::Close(close) => {
            let why = close.map(|close| format!(" ({}: {})", close.code, close.reason));
            Incoming::End(format!(
                "the signalling connection was closed{}",
                why.unwrap_or_default()
            ))
        }
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Incoming::Other,
    }
}

fn of_response(response: Option<SignalResponse>, len: usize) -> Incoming {
    match response.and_then(|response| response.message) {
        Some(message) => Incoming::Message(Box::new(message), len),
        None => Incoming::Other,
    }
}
