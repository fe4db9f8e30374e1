//! Takes connections and gives their requests to a service, until the server stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tower::{Service, ServiceExt};

use super::client_stream::{ClientStream, Transport, Turn};
use super::limits::{LONG_HEADS, Limits, STOP_TIMEOUT};
use super::proxies::Proxies;

/// Serves HTTP/1.1 on `listener` until `stopped` turns true: then no connection is taken any more,
/// those without a request end, and the others have a few seconds to end by themselves.
pub async fn serve<S, F>(
    listener: TcpListener,
    service: S,
    limits: Limits,
    proxies: Proxies,
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let accepting = accept_all(
        listener,
        Arc::clone(&slots),
        service,
        limits,
        proxies,
        stopped.clone(),
    );
    tokio::select! {
        () = accepting => {}
        // An error says that whoever could stop the server is gone.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if timeout(STOP_TIMEOUT, slots.acquire_many(all))
        .await
        .is_err()
    {
        tracing::info!("Connections were left open");
    }
}

/// Takes connections as long as there are slots, and serves each in a task of its own.
async fn accept_all<S, F>(
    listener: TcpListener,
    slots: Arc<Semaphore>,
    service: S,
    limits: Limits,
    proxies: Proxies,
    stopped: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let long_heads = Arc::new(Semaphore::new(LONG_HEADS));
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let (mut stream, peer) = accept(&listener).await;
        let turn = Turn::default();
        let long_heads = Arc::clone(&long_heads);
        let (service, proxies, mut stopped) = (service.clone(), proxies.clone(), stopped.clone());
        tokio::spawn(async move {
            let found = tokio::select! {
                found = proxies.source(&mut stream, peer, limits) => found,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            let peer = match found {
                Ok(source) => source,
                Err(error) => {
                    tracing::debug!(%peer, %error, "A proxy does not say where a connection comes from");
                    return;
                }
            };
            let stream = ClientStream::new(stream, turn.clone(), limits, long_heads, slot);
            let connection = Connection { stream, peer, turn };
            connection.serve(service, limits, stopped).await;
        });
    }
}

/// Waits for the next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if stream.set_nodelay(true).is_ok() => return (stream, peer),
            // Gone while it waited in the backlog.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of file handles, mostly: wait for some connection to end.
                tracing::warn!(%error, "An HTTP connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A connection that was accepted.
struct Connection<T: Transport> {
    stream: ClientStream<T>,
    peer: SocketAddr,
    turn: Turn,
}

impl<T: Transport> Connection<T> {
    /// Answers requests until the connection ends, is upgraded, or has none when the server stops.
    async fn serve<S, F>(self, service: S, limits: Limits, mut stopped: watch::Receiver<bool>)
    where
        S: Service<Request, Response = Response, Error = Infallible, Future = F>
            + Clone
            + Send
            + 'static,
        F: Future<Output = Result<Response, Infallible>> + Send + 'static,
    {
        let Self { stream, peer, turn } = self;
        let service = tower::service_fn(move |request: hyper::Request<Incoming>| {
            turn.begin_answer();
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = service.clone().oneshot(request);
            let turn = turn.clone();
            async move {
                let response = answer.await?;
                // What follows an upgrade is no request.
                if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    turn.end_answer();
                }
                Ok::<_, Infallible>(response)
            }
        });
        let served = http1::Builder::new()
            // The stream keeps time.
            .header_read_timeout(None)
            .max_buf_size(limits.head_bytes)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades();
        let mut served = pin!(served);
        let ended = tokio::select! {
            ended = &mut served => Some(ended),
            _ = stopped.wait_for(|stopped| *stopped) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "An HTTP connection ended badly");
        }
    }
}

#[cfg(test)]
mod tests;
