use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::{Service, ServiceExt};

use super::watched_stream::{LongQueries, WatchedStream, long_head_slots};

/// Bounds of what a stranger may hold open.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time, WebSockets included; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Time in which the head of a request must have come.
    pub head_timeout: Duration,
    /// Bytes of a request's head, apart from a query that is longer than a URL may be.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            head_timeout: Duration::from_secs(10),
            head_bytes: 1 << 20,
        }
    }
}

/// Serves HTTP/1.1 on `listener` until `stopped` turns true. Connections that live then, WebSockets
/// among them, are left to end by themselves.
pub async fn serve<S, F>(
    listener: TcpListener,
    service: S,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request, Response = Response, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let long_heads = long_head_slots();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // Gone while it waited in the backlog.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                // Out of file handles, mostly: wait for some connection to end.
                tracing::warn!(%error, "An HTTP connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let service = service.clone();
        let queries = LongQueries::default();
        let stream = WatchedStream::new(stream, Arc::clone(&long_heads), queries.clone());
        tokio::spawn(async move {
            serve_connection(stream, peer, queries, service, limits).await;
            drop(slot);
        });
    }
}

async fn serve_connection<S, F>(
    stream: WatchedStream,
    peer: SocketAddr,
    queries: LongQueries,
    service: S,
    limits: Limits,
) where
    S: Service<Request, Response = Response, Error = Infallible, Future = F>
        + Clone
        + Send
        + 'static,
    F: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    let service = service.map_request(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        queries.attach(&mut request);
        request
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "An HTTP connection ended badly");
    }
}

#[cfg(test)]
mod tests;
