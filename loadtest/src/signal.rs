use std::net::IpAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use signaling_protocol::proto::{SignalRequest, SignalResponse, signal_request, signal_response};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Where a server is, out of its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Host and port.
    authority: String,
    /// What comes before `/rtc`.
    path: String,
}

/// Why there is no signalling connection, or no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignalError {
    #[error("{0}: expected ws://host:port (TLS is not supported)")]
    Url(String),
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
    #[error("the server refused: {0}")]
    Refused(String),
    #[error("the signalling connection failed: {0}")]
    Broken(#[from] Error),
    #[error("the server closed the signalling connection")]
    Closed,
    #[error("the server took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl Server {
    /// Reads `ws://host:port/path` or the same with `http://`.
    pub(crate) fn parse(url: &str) -> Result<Self, SignalError> {
        let plain = url
            .strip_prefix("ws://")
            .or_else(|| url.strip_prefix("http://"));
        let rest = plain.ok_or_else(|| SignalError::Url(url.to_owned()))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let path = path.trim_end_matches('/');
        Ok(Self {
            authority: match has_port {
                true => authority.to_owned(),
                false => format!("{authority}:80"),
            },
            path: match path {
                "" => String::new(),
                path => format!("/{path}"),
            },
        })
    }
}

/// A signalling connection.
#[derive(Debug)]
pub(crate) struct Signal {
    socket: WebSocketStream<TcpStream>,
    /// Our address on the way to the server.
    pub(crate) local: IpAddr,
    /// The server's.
    pub(crate) remote: IpAddr,
}

impl Signal {
    /// Bytes that a connection reads at once. The library's own 128 KiB would be most of a session's memory.
    const READ_BUFFER: usize = 4_096;

    /// Connects; `endpoint` is the path from `/rtc` on, with its query.
    pub(crate) async fn connect(
        server: &Server,
        endpoint: &str,
        token: &str,
    ) -> Result<Self, SignalError> {
        let tcp = TcpStream::connect(&server.authority).await?;
        tcp.set_nodelay(true)?;
        let (local, remote) = (tcp.local_addr()?.ip(), tcp.peer_addr()?.ip());
        let url = format!("ws://{}{}{endpoint}", server.authority, server.path);
        let mut request = url.into_client_request()?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|error| SignalError::Refused(error.to_string()))?;
        request.headers_mut().insert("Authorization", bearer);
        let config = WebSocketConfig::default()
            .read_buffer_size(Self::READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(16 << 20));
        let connected = client_async_with_config(request, tcp, Some(config)).await;
        let (socket, _) = connected.map_err(|error| {
            let Error::Http(response) = error else {
                return SignalError::Broken(error);
            };
            let body = response.body().clone().unwrap_or_default();
            let body = String::from_utf8_lossy(&body).trim().to_owned();
            SignalError::Refused(format!("{}: {body}", response.status()))
        })?;
        Ok(Self {
            socket,
            local,
            remote,
        })
    }

    /// Sends a message.
    pub(crate) async fn send(
        &mut self,
        message: signal_request::Message,
    ) -> Result<(), SignalError> {
        let request = SignalRequest {
            message: Some(message),
        };
        let frame = Message::Binary(request.encode_to_vec().into());
        Ok(self.socket.send(frame).await?)
    }

    /// Returns the next message; those of unknown kinds are passed over.
    pub(crate) async fn next(&mut self) -> Result<signal_response::Message, SignalError> {
        loop {
            let frame = self.socket.next().await.ok_or(SignalError::Closed)??;
            let bytes = match frame {
                Message::Binary(bytes) => bytes,
                Message::Close(_) => return Err(SignalError::Closed),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                    continue;
                }
            };
            let response = SignalResponse::decode(bytes);
            if let Ok(SignalResponse {
                message: Some(message),
            }) = response
            {
                return Ok(message);
            }
        }
    }

    /// Closes the connection in good order.
    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_and_without_a_path() {
        let server = Server::parse("ws://127.0.0.1:7880").unwrap();
        assert_eq!(
            (server.authority.as_str(), server.path.as_str()),
            ("127.0.0.1:7880", "")
        );
        let server = Server::parse("http://example.org/live/").unwrap();
        assert_eq!(
            (server.authority.as_str(), server.path.as_str()),
            ("example.org:80", "/live")
        );
    }

    #[test]
    fn tls_is_refused_in_words() {
        let error = Server::parse("wss://example.org").unwrap_err().to_string();
        assert!(error.contains("expected ws://"), "{error}");
    }
}
