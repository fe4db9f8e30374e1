use std::io;
use std::time::Duration;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::header::LOCATION;
use tokio_tungstenite::tungstenite::http::{Response, StatusCode};

use super::tls::explain;

/// Why there is no signalling connection, or no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignalError {
    #[error("{host} has no address: {error}")]
    UnknownHost { host: String, error: io::Error },
    #[error("cannot connect to {at}: {error}")]
    Connect { at: String, error: io::Error },
    #[error("no TLS with {at}: {}", explain(.error))]
    Tls { at: String, error: io::Error },
    #[error(
        "{url} is no LiveKit server, or one that knows no such signalling (--signalling): {what}"
    )]
    NotLiveKit { url: String, what: String },
    #[error("the server refused: {0}")]
    Refused(String),
    #[error("the signalling connection failed: {0}")]
    Broken(#[from] Error),
    #[error("the server closed the signalling connection")]
    Closed,
    #[error("the server took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl SignalError {
    /// Most of an answer that is repeated.
    const MAX_BODY: usize = 200;

    /// Says why there was no WebSocket at `url`.
    pub(super) fn of_upgrade(url: &str, error: Error) -> Self {
        let not_livekit = |what| Self::NotLiveKit {
            url: url.to_owned(),
            what,
        };
        match error {
            Error::Http(response) => Self::of_response(&response, not_livekit),
            // Bytes that are no HTTP, or an end where HTTP was to come.
            Error::Protocol(error) if url.starts_with("ws://") => {
                not_livekit(format!("{error} (with TLS the URL begins with wss://)"))
            }
            Error::Protocol(error) => not_livekit(error.to_string()),
            error @ (Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Tls(_)
            | Error::Capacity(_)
            | Error::WriteBufferFull(_)
            | Error::Utf8(_)
            | Error::AttackAttempt
            | Error::Url(_)
            | Error::HttpFormat(_)) => Self::Broken(error),
        }
    }

    fn of_response(
        response: &Response<Option<Vec<u8>>>,
        not_livekit: impl FnOnce(String) -> Self,
    ) -> Self {
        let status = response.status();
        let body = response.body().as_deref().unwrap_or_default();
        let body = String::from_utf8_lossy(body);
        let body: String = body.trim().chars().take(Self::MAX_BODY).collect();
        let what = format!("{status}: {body}");
        if let Some(to) = response.headers().get(LOCATION) {
            let to = String::from_utf8_lossy(to.as_bytes());
            return not_livekit(format!("{status}, to {to}"));
        }
        // Servers and proxies answer so to HTTP where they speak TLS.
        if status == StatusCode::BAD_REQUEST && body.contains("HTTPS") {
            return not_livekit(format!("{what} (with TLS the URL begins with wss://)"));
        }
        let elsewhere = [
            StatusCode::NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED,
            StatusCode::UPGRADE_REQUIRED,
        ];
        match status.is_success() || elsewhere.contains(&status) {
            true => not_livekit(what),
            false => Self::Refused(what),
        }
    }
}
