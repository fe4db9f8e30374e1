use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::{Extensions, Uri};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::head_watch::{HeadWatch, TakenQuery};

/// Long heads that come in at a time, in all connections of a listener together; further
/// connections with one are not read until one is done. With the longest heads this is 160 MiB.
const LONG_HEADS: usize = 64;

/// Returns the slots that connections share for long heads.
pub(super) fn long_head_slots() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(LONG_HEADS))
}

/// The query of a request whose target was too long: an extension of the request.
#[derive(Clone, Debug)]
struct LongQuery(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    taken: TakenQuery,
    /// Is given back when nobody needs the query any more.
    _slot: Option<OwnedSemaphorePermit>,
}

/// Returns the query of a request as the client wrote it.
pub(crate) fn query_of<'r>(uri: &'r Uri, extensions: &'r Extensions) -> &'r str {
    match extensions.get::<LongQuery>() {
        Some(long) => &long.0.taken.query,
        None => uri.query().unwrap_or_default(),
    }
}

/// The long query that a connection's stream has met, for its request.
#[derive(Clone, Debug, Default)]
pub(super) struct LongQueries(Arc<Mutex<Option<LongQuery>>>);

impl LongQueries {
    /// Gives a request the query that was taken out of its target.
    pub(super) fn attach(&self, request: &mut Request) {
        let Some(query) = request.uri().query() else {
            return;
        };
        let is_of_request = |long: &mut LongQuery| long.0.taken.is_of(query);
        if let Some(long) = self.slot().take_if(is_of_request) {
            request.extensions_mut().insert(long);
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<LongQuery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Waiting = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A connection's right to send a long head.
enum Slot {
    None,
    Waiting(Waiting),
    Held(OwnedSemaphorePermit),
}

/// A connection whose request heads pass a [`HeadWatch`].
pub(super) struct WatchedStream {
    stream: TcpStream,
    watch: HeadWatch,
    /// What the watch let pass, and how much of it was read.
    passed: Vec<u8>,
    read: usize,
    slots: Arc<Semaphore>,
    slot: Slot,
    queries: LongQueries,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, slots: Arc<Semaphore>, queries: LongQueries) -> Self {
        Self {
            stream,
            watch: HeadWatch::default(),
            passed: Vec::new(),
            read: 0,
            slots,
            slot: Slot::None,
            queries,
        }
    }

    fn poll_slot(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Slot::None = self.slot {
            let slots = Arc::clone(&self.slots);
            self.slot = Slot::Waiting(Box::pin(slots.acquire_owned()));
        }
        if let Slot::Waiting(waiting) = &mut self.slot {
            let slot = ready!(waiting.as_mut().poll(cx));
            self.slot = Slot::Held(slot.expect("the slots are never closed"));
        }
        Poll::Ready(())
    }

    /// Lets the watch see what arrived.
    fn watch(&mut self, arrived: &[u8]) {
        self.watch.push(arrived, &mut self.passed);
        if self.watch.is_in_long_head() {
            return;
        }
        let slot = match std::mem::replace(&mut self.slot, Slot::None) {
            Slot::Held(slot) => Some(slot),
            Slot::None | Slot::Waiting(_) => None,
        };
        if let Some(taken) = self.watch.take_query() {
            let kept = Kept { taken, _slot: slot };
            *self.queries.slot() = Some(LongQuery(Arc::new(kept)));
        }
    }

    /// Writes what has passed into `buffer`, and reports whether there was anything.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = self.passed.get(self.read..).unwrap_or_default();
        let (now, later) = rest.split_at(rest.len().min(buffer.remaining()));
        let any = !now.is_empty();
        buffer.put_slice(now);
        self.read += now.len();
        if later.is_empty() {
            self.passed = Vec::new();
            self.read = 0;
        }
        any
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.give(buffer) {
                return Poll::Ready(Ok(()));
            }
            if this.watch.is_over() {
                return Pin::new(&mut this.stream).poll_read(cx, buffer);
            }
            if this.watch.is_in_long_head() {
                ready!(this.poll_slot(cx));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
            let arrived = buffer.filled().get(before..).unwrap_or_default();
            if arrived.is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.watch(arrived);
            buffer.set_filled(before);
        }
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
