//! The frames of the signalling WebSocket.

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::lists::{ListTooLong, Lists};
use crate::proto::{SignalRequest, SignalResponse};
use crate::{InvalidJson, InvalidProtobuf, decode_json, decode_protobuf};

/// How a WebSocket frame carries its message. The server answers as the client last wrote, and
/// begins with binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf, in binary frames.
    #[default]
    Binary,
    /// Protobuf's JSON form, in text frames.
    Text,
}

/// Says why a frame is no message. The connection that sent it is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame is longer than the limit.
    #[error("signal message exceeds size limit of {max} bytes")]
    TooLarge {
        /// How long it is, in bytes.
        length: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The bytes are no protobuf message of this kind.
    #[error("signal message cannot be decoded: {0}")]
    Binary(#[from] InvalidProtobuf),
    /// The text is no JSON message of this kind.
    #[error("signal message cannot be decoded: {0}")]
    Text(#[from] InvalidJson),
    /// A list in the message is too long.
    #[error("signal message has {0}")]
    List(#[from] ListTooLong),
}

/// Decodes what a client sent. A message of a kind that is not known here comes out empty.
///
/// # Errors
///
/// See [`FrameError`].
pub fn decode_request(
    encoding: Encoding,
    frame: &[u8],
    max: usize,
) -> Result<SignalRequest, FrameError> {
    decode(encoding, frame, max)
}

/// Decodes what a server sent, for clients in tests and tools.
///
/// # Errors
///
/// See [`FrameError`].
pub fn decode_response(
    encoding: Encoding,
    frame: &[u8],
    max: usize,
) -> Result<SignalResponse, FrameError> {
    decode(encoding, frame, max)
}

/// Encodes an answer for a client.
pub fn encode_response(encoding: Encoding, response: &SignalResponse) -> Vec<u8> {
    encode(encoding, response)
}

/// Encodes a request, for clients in tests and tools.
pub fn encode_request(encoding: Encoding, request: &SignalRequest) -> Vec<u8> {
    encode(encoding, request)
}

fn decode<M>(encoding: Encoding, frame: &[u8], max: usize) -> Result<M, FrameError>
where
    M: Message + Default + DeserializeOwned + Lists,
{
    if frame.len() > max {
        return Err(FrameError::TooLarge {
            length: frame.len(),
            max,
        });
    }
    let message: M = match encoding {
        Encoding::Binary => decode_protobuf(frame)?,
        Encoding::Text => decode_json(frame)?,
    };
    message.check_lists()?;
    Ok(message)
}

fn encode<M: Message + Serialize>(encoding: Encoding, message: &M) -> Vec<u8> {
    match encoding {
        Encoding::Binary => message.encode_to_vec(),
        // An enumeration that holds a number without a name has no JSON form. What this server
        // relays may hold one that a newer client sent, so the message is left out, not the
        // connection.
        Encoding::Text => serde_json::to_vec(message).unwrap_or_else(|_| b"{}".to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_FRAME_BYTES;
    use crate::proto::{JoinResponse, Pong, signal_request, signal_response};

    const BOTH: [Encoding; 2] = [Encoding::Binary, Encoding::Text];

    #[test]
    fn a_request_comes_out_as_it_went_in() {
        let request = SignalRequest {
            message: Some(signal_request::Message::Ping(1_700_000_000_000)),
        };
        for encoding in BOTH {
            let frame = encode_request(encoding, &request);
            assert_eq!(
                decode_request(encoding, &frame, MAX_FRAME_BYTES),
                Ok(request.clone())
            );
        }
    }

    #[test]
    fn a_response_comes_out_as_it_went_in() {
        let response = SignalResponse {
            message: Some(signal_response::Message::Join(JoinResponse {
                subscriber_primary: true,
                ping_interval: 5,
                sif_trailer: vec![0, 255, 7],
                ..JoinResponse::default()
            })),
        };
        for encoding in BOTH {
            let frame = encode_response(encoding, &response);
            assert_eq!(
                decode_response(encoding, &frame, MAX_FRAME_BYTES),
                Ok(response.clone())
            );
        }
    }

    #[test]
    fn text_has_the_names_that_browsers_expect() {
        let response = SignalResponse {
            message: Some(signal_response::Message::PongResp(Pong {
                last_ping_timestamp: 5,
                timestamp: 6,
            })),
        };
        assert_eq!(
            encode_response(Encoding::Text, &response),
            br#"{"pongResp":{"lastPingTimestamp":"5","timestamp":"6"}}"#
        );
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_unread() {
        let frame = [0xff; 11];
        let refused = decode_request(Encoding::Binary, &frame, 10);
        assert_eq!(
            refused,
            Err(FrameError::TooLarge {
                length: 11,
                max: 10
            })
        );
    }

    #[test]
    fn an_enumeration_without_a_name_does_not_break_the_text_form() {
        let leave = crate::proto::LeaveRequest {
            reason: 99,
            ..crate::proto::LeaveRequest::default()
        };
        let response = SignalResponse {
            message: Some(signal_response::Message::Leave(leave)),
        };
        assert_eq!(encode_response(Encoding::Text, &response), b"{}");
    }
}
