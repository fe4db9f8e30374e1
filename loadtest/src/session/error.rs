//! Why a session ends before it is told to.

use std::time::Duration;

use sfu_model::LinkProtocol;

use crate::signal::SignalError;

/// Why a session ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error("the server's description: {0}")]
    Description(#[from] loadtest_peer::sdp::SdpError),
    #[error("no socket: {0}")]
    Socket(#[from] std::io::Error),
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error("the server sent {0} where it should have sent {1}")]
    Unexpected(&'static str, &'static str),
    #[error("the DTLS handshake failed")]
    Handshake,
    #[error("the server closed a transport")]
    TransportClosed,
    #[error("the server told us to leave: {0}")]
    ToldToLeave(String),
    #[error("no transport by any address of the server's within {} s", .0.as_secs())]
    NoTransport(Duration),
    #[error("the server named no address for {0:?} (--transport)")]
    NoCandidate(LinkProtocol),
    #[error("no media thread")]
    NoThread,
}
