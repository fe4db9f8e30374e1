//! Why something was not sent.

use std::fmt;

/// Why a packet was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// DTLS has not given the keys yet, or the transport is closed.
    NoKeys,
    /// The bytes are no RTP or RTCP packet.
    Malformed,
    /// More streams at once than one peer is sent.
    TooManyStreams,
    /// A number that a stream had before it ended: its keys have sealed another packet under it.
    StreamEnded,
    /// 2^48 packets or 2^31 compounds were sealed by these keys (RFC 3711 section 9.2).
    KeysExhausted,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKeys => "no SRTP keys",
            Self::Malformed => "not an RTP or RTCP packet",
            Self::TooManyStreams => "too many SRTP streams",
            Self::StreamEnded => "the SRTP stream has ended",
            Self::KeysExhausted => "SRTP keys are used up",
        })
    }
}

impl std::error::Error for SealError {}

/// Why a data channel message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendDataError {
    /// A reliable message that nobody's budget pays for, behind 1 MiB of others.
    QueueFull,
    /// A lossy message for a channel that is not open, a reliable one that would have waited behind
    /// 1 MiB or 1,024 others for it, or any for [`DataChannel::Unlabelled`](sfu_model::DataChannel::Unlabelled).
    NotOpen,
    /// Longer than [`MAX_DATA_MESSAGE_OUT_BYTES`](sfu_model::limits::MAX_DATA_MESSAGE_OUT_BYTES).
    TooLarge,
    /// The transport is closed.
    Closed,
}

impl fmt::Display for SendDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "too many reliable messages wait",
            Self::NotOpen => "the data channel is not open",
            Self::TooLarge => "the message is longer than 70,000 bytes and what the server adds",
            Self::Closed => "the transport is closed",
        })
    }
}

impl std::error::Error for SendDataError {}
