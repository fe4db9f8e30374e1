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
