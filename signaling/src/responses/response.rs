//! A message that several connections may share.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use prost::Message as _;
use signaling_protocol::proto::{self, signal_response};
use signaling_protocol::{Encoding, encode_response};

/// A response that several connections may share: each form is encoded at most once.
#[derive(Debug)]
pub(crate) struct SharedResponse {
    response: proto::SignalResponse,
    /// Its length in the binary form.
    bytes: usize,
    binary: OnceLock<Bytes>,
    text: OnceLock<Utf8Bytes>,
}

impl SharedResponse {
    pub(crate) fn new(response: proto::SignalResponse) -> Arc<Self> {
        Arc::new(Self {
            bytes: response.encoded_len(),
            response,
            binary: OnceLock::new(),
            text: OnceLock::new(),
        })
    }

    /// Shares a message.
    pub(crate) fn of(message: signal_response::Message) -> Arc<Self> {
        Self::new(proto::SignalResponse {
            message: Some(message),
        })
    }

    /// Returns what it says.
    pub(crate) fn message(&self) -> Option<&signal_response::Message> {
        self.response.message.as_ref()
    }

    /// Returns its length in the binary form.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_encoded_once_in_each_form() {
        let shared = SharedResponse::of(signal_response::Message::Pong(1));
        let pointer = |message: Message| message.into_data().as_ptr();
        for encoding in [Encoding::Binary, Encoding::Text] {
            let first = pointer(shared.frame(encoding));
            assert_eq!(pointer(shared.frame(encoding)), first);
        }
        let binary = shared.frame(Encoding::Binary).into_data();
        assert_eq!(shared.bytes(), binary.len());
    }
}
