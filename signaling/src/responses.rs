//! What waits to be written to one signalling connection.

mod backlog;
mod response;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::limits::UNREAD_ANSWERS;

pub(crate) use backlog::Added;
pub(crate) use response::SharedResponse;

use backlog::Backlog;

/// The writing end of a connection's queue. The connection closes, once everything has been written,
/// when all clones are gone or one of them says so.
#[derive(Clone, Debug)]
pub(crate) struct ResponseSender(Arc<Writer>);

/// The reading end.
#[derive(Debug)]
pub(crate) struct Responses(Arc<Queue>);

/// Closes the queue when it is dropped.
#[derive(Debug)]
struct Writer(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    /// Tells the reading end that something came, or the end.
    came: Notify,
    /// Tells the reading end that something was taken.
    taken: Notify,
}

#[derive(Debug, Default)]
struct State {
    backlog: Backlog,
    /// Nothing follows.
    closed: bool,
}

/// Creates the queue of one connection.
pub(crate) fn responses() -> (ResponseSender, Responses) {
    let queue = Arc::<Queue>::default();
    let writer = Writer(Arc::clone(&queue));
    (ResponseSender(Arc::new(writer)), Responses(queue))
}

impl ResponseSender {
    /// Queues a response. A connection that closes loses it.
    pub(crate) fn send(&self, response: Arc<SharedResponse>) -> Added {
        let queue = &self.0.0;
        let mut state = queue.lock();
        if state.closed {
            return Added::Queued;
        }
        let added = state.backlog.push(response);
        drop(state);
        queue.came.notify_one();
        added
    }

    /// Closes the connection once everything before has been written.
    pub(crate) fn close(&self) {
        self.0.0.close();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Responses {
    /// Moves what waits to `responses`, at most `most`, and waits while there is nothing. Returns
    /// false when nothing follows.
    pub(crate) async fn take(&self, responses: &mut Vec<Arc<SharedResponse>>, most: usize) -> bool {
        loop {
            let closed = {
                let mut state = self.0.lock();
                let waiting = std::iter::from_fn(|| state.backlog.pop());
                responses.extend(waiting.take(most));
                state.closed
            };
            if !responses.is_empty() {
                self.0.taken.notify_one();
                return true;
            }
            if closed {
                return false;
            }
            self.0.came.notified().await;
        }
    }

    /// Queues an answer of the connection itself.
    pub(crate) fn answer(&self, response: Arc<SharedResponse>) {
        self.0.lock().backlog.push(response);
        self.0.came.notify_one();
    }

    /// Takes nothing more from the room; what waits is still to be written.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Reports whether the client has so many answers to read that it may ask for no more.
    pub(crate) fn is_full_of_answers(&self) -> bool {
        self.0.lock().backlog.answers() >= UNREAD_ANSWERS
    }

    /// Waits while the client has too many answers to read.
    pub(crate) async fn room_for_answers(&self) {
        while self.is_full_of_answers() {
            self.0.taken.notified().await;
        }
    }
}

impl Drop for Responses {
    /// Lets go of what nobody will read.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.backlog = Backlog::default();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under this lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.came.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use signaling_protocol::proto;
    use signaling_protocol::proto::signal_response::Message;

    use super::*;

    fn published() -> Arc<SharedResponse> {
        SharedResponse::of(Message::TrackPublished(
            proto::TrackPublishedResponse::default(),
        ))
    }

    async fn next(responses: &Responses) -> Option<Arc<SharedResponse>> {
        let mut taken = Vec::new();
        responses.take(&mut taken, 1).await;
        taken.pop()
    }

    #[tokio::test]
    async fn what_was_queued_comes_before_the_end() {
        let (sender, responses) = responses();
        sender.send(published());
        sender.close();
        sender.send(published());
        assert!(next(&responses).await.is_some());
        assert!(next(&responses).await.is_none());
    }

    #[tokio::test]
    async fn the_end_comes_when_nobody_can_send_any_more() {
        let (sender, responses) = responses();
        let other = sender.clone();
        drop(sender);
        other.send(published());
        drop(other);
        assert!(next(&responses).await.is_some());
        assert!(next(&responses).await.is_none());
    }

    #[tokio::test]
    async fn what_nobody_reads_is_let_go() {
        let (sender, responses) = responses();
        sender.send(published());
        drop(responses);
        let response = published();
        assert_eq!(sender.send(Arc::clone(&response)), Added::Queued);
        assert_eq!(Arc::strong_count(&response), 1);
    }

    #[tokio::test]
    async fn who_leaves_answers_unread_waits_until_some_are_read() {
        let (sender, responses) = responses();
        for _ in 0..UNREAD_ANSWERS {
            responses.room_for_answers().await;
            sender.send(published());
        }
        let responses = Arc::new(responses);
        let room = tokio::spawn({
            let responses = Arc::clone(&responses);
            async move { responses.room_for_answers().await }
        });
        tokio::task::yield_now().await;
        assert!(!room.is_finished());
        assert!(next(&responses).await.is_some());
        room.await.unwrap();
    }
}
