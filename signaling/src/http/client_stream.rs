//! A client's connection below HTTP: request heads that are slow or long are bounded, and it ends so
//! that the client can read what it was told last.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::limits::{LINGER, LINGER_BYTES, Limits, PLAIN_HEAD_BYTES};

/// What carries a connection's bytes.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for S {}

/// Whose turn a connection is: the client's, to send a request, or the server's, to answer it.
///
/// It counts both kinds of change, so that the stream also notices a turn that was over at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<AtomicU32>);

impl Turn {
    /// Notes that the head of a request has come.
    pub(super) fn begin_answer(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request is answered, and that another may follow.
    pub(super) fn end_answer(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

type WaitingForSlot =
    Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A connection's right to send a long head.
enum LongHead {
    NotNeeded,
    Waiting(WaitingForSlot),
    Granted { _slot: OwnedSemaphorePermit },
}

/// What of a request's head has come.
struct Head {
    bytes: usize,
    /// When the first byte, or the last one, must have come.
    deadline: Pin<Box<Sleep>>,
    long: LongHead,
}

/// A client's connection over `S`.
pub(super) struct ClientStream<S: Transport> {
    /// Taken when this is dropped.
    stream: Option<S>,
    turn: Turn,
    /// The turn in which `head` is.
    seen: u32,
    /// `None` while a request is answered, and after an upgrade.
    head: Option<Head>,
    limits: Limits,
    long_heads: Arc<Semaphore>,
    slot: Arc<OwnedSemaphorePermit>,
    /// Whether the client has closed, or is gone.
    ended: bool,
}

impl<S: Transport> ClientStream<S> {
    /// Wraps a connection that holds `slot` to its very end.
    pub(super) fn new(
        stream: S,
        turn: Turn,
        limits: Limits,
        long_heads: Arc<Semaphore>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let seen = turn.count();
        let mut this = Self {
            stream: Some(stream),
            turn,
            seen,
            head: None,
            limits,
            long_heads,
            slot: Arc::new(slot),
            ended: false,
        };
        this.head = Some(this.no_head());
        this
    }

    fn no_head(&self) -> Head {
        Head {
            bytes: 0,
            deadline: Box::pin(sleep(self.limits.idle_time(self.slot.semaphore()))),
            long: LongHead::NotNeeded,
        }
    }

    /// Waits until more of the head may be read: what is too late is an error, and the end of the
    /// stream where nothing has come.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Reading>> {
        let count = self.turn.count();
        if self.seen != count {
            self.seen = count;
            let clients_turn = count.is_multiple_of(2);
            self.head = clients_turn.then(|| self.no_head());
        }
        let Some(head) = &mut self.head else {
            return Poll::Ready(Ok(Reading::GoesOn));
        };
        if head.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(match head.bytes {
                0 => Ok(Reading::Over),
                _ => Err(io::ErrorKind::TimedOut.into()),
            });
        }
        if head.bytes > PLAIN_HEAD_BYTES {
            ready!(head.long.poll_granted(&self.long_heads, cx));
        }
        Poll::Ready(Ok(Reading::GoesOn))
    }

    fn note_arrival(&mut self, bytes: usize) {
        self.ended |= bytes == 0;
        let Some(head) = &mut self.head else { return };
        if head.bytes == 0 && bytes > 0 {
            let deadline = Instant::now() + self.limits.head_timeout;
            head.deadline.as_mut().reset(deadline);
        }
        head.bytes += bytes;
    }

    fn stream(&mut self) -> Pin<&mut S> {
        let stream = self.stream.as_mut();
        Pin::new(stream.expect("only dropping takes the stream"))
    }

    fn note_failure<T>(&mut self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.ended |= matches!(polled, Poll::Ready(Err(_)));
        polled
    }
}

/// Whether more is to be read.
enum Reading {
    GoesOn,
    Over,
}

impl LongHead {
    fn poll_granted(&mut self, slots: &Arc<Semaphore>, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::NotNeeded = self {
            *self = Self::Waiting(Box::pin(Arc::clone(slots).acquire_owned()));
        }
        if let Self::Waiting(waiting) = self {
            let granted = ready!(waiting.as_mut().poll(cx));
            let slot = granted.expect("the slots are never closed");
            *self = Self::Granted { _slot: slot };
        }
        Poll::Ready(())
    }
}

impl<S: Transport> Drop for ClientStream<S> {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| !self.ended) else {
            return;
        };
        // Without a runtime the process ends, and nobody could read on.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(linger(stream, Arc::clone(&self.slot)));
        }
    }
}

/// Ends a connection in one direction, then reads and forgets what still comes. It holds its slot,
/// so that who stops the server waits for it.
async fn linger(mut stream: impl Transport, slot: Arc<OwnedSemaphorePermit>) {
    let rest = async {
        // A client that is gone needs no end.
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut sink = tokio::io::sink();
        let mut rest = (&mut stream).take(LINGER_BYTES);
        if matches!(
            tokio::io::copy(&mut rest, &mut sink).await,
            Ok(LINGER_BYTES)
        ) {
            std::future::pending::<()>().await;
        }
    };
    timeout(LINGER, rest).await.ok();
    drop(slot);
}

impl<S: Transport> AsyncRead for ClientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Reading::Over = ready!(this.poll_head(cx))? {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = this.stream().poll_read(cx, buffer);
        ready!(this.note_failure(read))?;
        this.note_arrival(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: Transport> AsyncWrite for ClientStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream().poll_write(cx, bytes);
        this.note_failure(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream().poll_write_vectored(cx, parts);
        this.note_failure(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(S::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream().poll_shutdown(cx)
    }
}
