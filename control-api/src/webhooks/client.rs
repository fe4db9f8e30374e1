//! One request to a receiver, signed as LiveKit's server signs it.

use std::fmt;
use std::time::Duration;

use auth::{ApiKey, Claims};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url, header};
use signaling::KeyRing;

use super::resolver::Resolver;
use super::target::Reach;
use crate::clock;

/// How long a receiver may take for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the token of a request is good (LiveKit's).
const TOKEN_LIFE: Duration = Duration::from_secs(300);

/// Sends events to receivers.
#[derive(Clone, Debug)]
pub(crate) struct WebhookClient {
    http: Client,
    keys: KeyRing,
    key: ApiKey,
}

/// Why a receiver has not taken an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It answered, and not with success.
    Answered(StatusCode),
    /// It did not answer.
    Silent(String),
    /// The key to sign with is gone.
    NoKey,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "it answered {}", status.as_u16()),
            Self::Silent(why) => f.write_str(why),
            Self::NoKey => f.write_str("`webhook.api_key` is none of the keys any more"),
        }
    }
}

impl WebhookClient {
    /// Begins to send with a key, to receivers within reach.
    ///
    /// # Errors
    ///
    /// The system's certificates cannot be read.
    pub(crate) fn new(keys: KeyRing, key: ApiKey, reach: Reach) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            // The signed body is for the receiver that was named.
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Resolver(reach))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .user_agent("LiveKit")
            .build()?;
        Ok(Self { http, keys, key })
    }

    /// Sends a body, and returns when the receiver has taken it.
    pub(crate) async fn send(&self, url: &Url, body: &str) -> Result<(), Failure> {
        let token = self.sign(body).ok_or(Failure::NoKey)?;
        let request = self
            .http
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/webhook+json")
            .header(header::AUTHORIZATION, token)
            .body(body.to_owned());
        let answer = request.send().await.map_err(|error| silent(&error))?;
        // The rest of the answer is not read: it may be endless.
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Failure::Answered(status)),
        }
    }

    /// Signs the hash of a body.
    fn sign(&self, body: &str) -> Option<String> {
        let keys = self.keys.current();
        let signer = keys.get(self.key.as_str())?;
        let hash = digest(&SHA256, body.as_bytes());
        let claims = Claims {
            sha256: BASE64_STANDARD.encode(hash.as_ref()),
            ..Claims::default()
        };
        Some(auth::sign(&claims, signer, clock::now(), TOKEN_LIFE))
    }
}

/// Says what went wrong without the address, which may have a secret.
fn silent(error: &reqwest::Error) -> Failure {
    let mut why: &dyn std::error::Error = error;
    while let Some(source) = why.source() {
        why = source;
    }
    let what = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "it did not answer in time".to_owned(),
        (false, true) => format!("it cannot be connected to: {why}"),
        (false, false) => format!("the request failed: {why}"),
    };
    Failure::Silent(what)
}
