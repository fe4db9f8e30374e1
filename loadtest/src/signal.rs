//! Signalling: LiveKit's messages over a WebSocket, with or without TLS.

mod error;
mod server;
mod tls;

use std::net::{IpAddr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use signaling_protocol::proto::{SignalRequest, SignalResponse, signal_request, signal_response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

pub(crate) use error::SignalError;
pub(crate) use server::Server;

/// TCP, or TLS over it.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Wire for S {}

/// A signalling connection.
#[derive(Debug)]
pub(crate) struct Signal {
    socket: WebSocketStream<Box<dyn Wire>>,
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
        let tcp = open_tcp(server).await?;
        let broken = |error| SignalError::Connect {
            at: server.authority().to_owned(),
            error,
        };
        tcp.set_nodelay(true).map_err(broken)?;
        let local = tcp.local_addr().map_err(broken)?.ip().to_canonical();
        let remote = tcp.peer_addr().map_err(broken)?.ip().to_canonical();
        let mut request = server.url(endpoint).into_client_request()?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|error| SignalError::Refused(error.to_string()))?;
        request.headers_mut().insert("Authorization", bearer);
        let config = WebSocketConfig::default()
            .read_buffer_size(Self::READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(16 << 20));
        let wire = secure(server, tcp).await?;
        let connected = client_async_with_config(request, wire, Some(config)).await;
        let (socket, _) =
            connected.map_err(|error| SignalError::of_upgrade(&server.url(""), error))?;
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

/// Opens a connection to the first of the server's addresses that takes one.
async fn open_tcp(server: &Server) -> Result<TcpStream, SignalError> {
    let addresses = lookup_host((server.host.as_str(), server.port)).await;
    let addresses = addresses.map_err(|error| SignalError::UnknownHost {
        host: server.host.clone(),
        error,
    })?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    let opened = TcpStream::connect(addresses.as_slice()).await;
    opened.map_err(|error| SignalError::Connect {
        at: server.authority().to_owned(),
        error,
    })
}

/// Speaks TLS on a connection, if the server does.
async fn secure(server: &Server, tcp: TcpStream) -> Result<Box<dyn Wire>, SignalError> {
    let Some(connector) = &server.tls else {
        return Ok(Box::new(tcp));
    };
    let failed = |error| SignalError::Tls {
        at: server.authority().to_owned(),
        error,
    };
    let name = ServerName::try_from(server.host.clone())
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let stream = connector.connect(name, tcp).await.map_err(failed)?;
    Ok(Box::new(stream))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Says why there is no connection to `url`.
    async fn failure(url: &str) -> String {
        let server = Server::parse(url, None).unwrap();
        let signal = Signal::connect(&server, "/rtc", "token").await;
        signal.unwrap_err().to_string()
    }

    /// Says why there is no connection by `scheme` to a server that answers everything with `answer`.
    async fn failure_at(scheme: &str, answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answering = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let asked = client.read(&mut [0; 4_096]).unwrap();
            assert!(asked > 0);
            client.write_all(answer.as_bytes()).unwrap();
        });
        let failure = failure(&format!("{scheme}://{address}")).await;
        answering.join().unwrap();
        failure
    }

    #[tokio::test]
    async fn who_is_not_there_is_named() {
        let unused = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = unused.local_addr().unwrap();
        drop(unused);
        let refused = failure(&format!("ws://{address}")).await;
        assert!(refused.starts_with(&format!("cannot connect to {address}")));
        let unknown = failure("ws://nobody.invalid:7880").await;
        assert!(unknown.starts_with("nobody.invalid has no address"));
    }

    #[tokio::test]
    async fn tls_to_a_server_without_it_is_refused_with_the_scheme_to_use() {
        let failure = failure_at("wss", "HTTP/1.1 400 Bad Request\r\n\r\n").await;
        assert!(failure.contains("begins with ws://"), "{failure}");
    }

    #[tokio::test]
    async fn no_tls_to_a_server_with_it_is_refused_with_the_scheme_to_use() {
        let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 41\r\n\r\nPlain HTTP was sent to an HTTPS port here";
        let failure = failure_at("ws", answer).await;
        assert!(failure.contains("begins with wss://"), "{failure}");
    }

    #[tokio::test]
    async fn what_is_no_livekit_server_is_told_from_one_that_refuses() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 301 Moved\r\nLocation: https://example.org\r\nContent-Length: 0\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "",
        ] {
            let failure = failure_at("ws", answer).await;
            assert!(
                failure.contains("is no LiveKit server"),
                "{answer}: {failure}"
            );
        }
        let answer = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\nexpired";
        let failure = failure_at("ws", answer).await;
        assert_eq!(failure, "the server refused: 401 Unauthorized: expired");
    }
}
