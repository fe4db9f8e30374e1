//! What waits to be written to one signalling connection.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use signaling_protocol::{Encoding, encode_response, proto};
use tokio::sync::mpsc;

/// Messages that may wait for a slow client; one that is further behind is disconnected and can
/// resume.
const CAPACITY: usize = 2048;

/// A response that several connections may share: each form is encoded at most once.
#[derive(Debug)]
pub(crate) struct SharedResponse {
    response: proto::SignalResponse,
    binary: OnceLock<Bytes>,
    text: OnceLock<Utf8Bytes>,
}

impl SharedResponse {
    pub(crate) fn new(response: proto::SignalResponse) -> Arc<Self> {
        Arc::new(Self {
            response,
            binary: OnceLock::new(),
            text: OnceLock::new(),
        })
    }

    /// Returns the frame in the form that a client understands.
    pub(crate) fn frame(&self, encoding: Encoding) -> Message {
        let encode = || encode_response(encoding, &self.response);
        match encoding {
            Encoding::Binary => {
                let bytes = self.binary.get_or_init(|| encode().into());
                Message::Binary(bytes.clone())
            }
            Encoding::Text => {
                let text = self.text.get_or_init(|| as_text(encode()));
                Message::Text(text.clone())
            }
        }
    }
}

fn as_text(json: Vec<u8>) -> Utf8Bytes {
    String::from_utf8(json).expect("JSON is UTF-8").into()
}

/// What a connection is told to do.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Response(Arc<SharedResponse>),
    Close,
}

/// The writing end of a connection's queue.
#[derive(Clone, Debug)]
pub(crate) struct Outbox(mpsc::Sender<Outgoing>);

/// The client reads slower than messages come.
#[derive(Debug)]
pub(crate) struct OutboxFull;

/// Creates the queue of one connection.
pub(crate) fn outbox() -> (Outbox, mpsc::Receiver<Outgoing>) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (Outbox(sender), receiver)
}

impl Outbox {
    /// Queues a response. A connection that is gone loses it.
    pub(crate) fn send(&self, response: Arc<SharedResponse>) -> Result<(), OutboxFull> {
        match self.0.try_send(Outgoing::Response(response)) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(OutboxFull),
        }
    }

    /// Closes the connection once everything before has been written. Dropping the outbox does the
    /// same, so a full queue loses nothing by refusing this.
    pub(crate) fn close(self) {
        self.0.try_send(Outgoing::Close).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_node::{TestNode, message};

    fn pong(number: i64) -> Arc<SharedResponse> {
        SharedResponse::new(proto::SignalResponse {
            message: Some(proto::signal_response::Message::Pong(number)),
        })
    }

    #[tokio::test]
    async fn what_was_queued_comes_before_the_end() {
        let (outbox, mut responses) = outbox();
        outbox.send(pong(1)).unwrap();
        outbox.close();
        let first = responses.recv().await.and_then(message);
        assert_eq!(first, Some(proto::signal_response::Message::Pong(1)));
        assert!(matches!(responses.recv().await, Some(Outgoing::Close)));
        assert!(responses.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_full_outbox_says_so_and_one_that_nobody_reads_does_not() {
        let (outbox, responses) = outbox();
        for number in 0..CAPACITY {
            outbox.send(pong(number as i64)).unwrap();
        }
        assert!(outbox.send(pong(0)).is_err());
        drop(responses);
        assert!(outbox.send(pong(0)).is_ok());
    }

    #[tokio::test]
    async fn a_client_that_reads_too_slowly_is_told_what_was_queued_and_then_let_go() {
        let node = TestNode::start();
        let (presence, mut responses) = node.join("lobby", "alice").await.unwrap();
        for request_id in 0..u32::try_from(CAPACITY).unwrap() + 10 {
            let update = proto::UpdateParticipantMetadata {
                request_id,
                ..proto::UpdateParticipantMetadata::default()
            };
            let message = proto::signal_request::Message::UpdateMetadata(update);
            let letter = crate::letter::Letter::Signal {
                connection: presence.connection,
                request: Box::new(proto::SignalRequest {
                    message: Some(message),
                }),
            };
            presence.room.send(letter).await.unwrap();
        }
        let mut queued = 0;
        // The queue ends without a word: nobody holds its other end any more.
        while let Some(outgoing) = responses.recv().await {
            assert!(matches!(outgoing, Outgoing::Response(_)), "{outgoing:?}");
            queued += 1;
        }
        assert!(queued >= CAPACITY, "{queued}");
    }

    #[test]
    fn a_response_is_encoded_once_in_each_form() {
        let shared = pong(1);
        let pointer = |message: Message| message.into_data().as_ptr();
        for encoding in [Encoding::Binary, Encoding::Text] {
            let first = pointer(shared.frame(encoding));
            assert_eq!(pointer(shared.frame(encoding)), first);
        }
    }
}
