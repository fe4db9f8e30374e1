use std::time::Duration;

use crate::SecretText;
use crate::duration;
use crate::group::Group;
use crate::problem::Problem;
use crate::value;

/// The endpoint that gives an app's users their tokens: the group `tokens`. Ours, not LiveKit's. Off without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// `server_url`: where clients are told to connect.
    pub server_url: String,
    /// Who says who a user is.
    pub session: TokenSession,
    /// `ttl`: how long a token is good. Default 10m.
    pub ttl: Duration,
    /// `origins`: pages that may ask; none written: all.
    pub origins: Vec<String>,
    /// `per_address`: tokens a minute for one address, or one /64 of IPv6. Default 60.
    pub per_address: u32,
    /// `per_identity`: tokens a minute for one identity. Default 20.
    pub per_identity: u32,
}

/// Who says who a user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSession {
    /// `session_secret`: a JWT of the app's own session, signed with this by HS256.
    Secret(SecretText),
    /// `callback_url`: the app, which is asked with the user's own `Authorization` and `Cookie`.
    Callback(String),
}

impl Tokens {
    pub(crate) fn read(group: &mut Group<'_>) -> Option<Self> {
        let server_url = group.get("server_url", value::text);
        let secret = group.get_secret("session_secret");
        let callback = group.get("callback_url", value::text);
        let ttl = group.get("ttl", duration::read);
        let origins = group.list("origins", value::text).unwrap_or_default();
        let per_address = group.get("per_address", value::count);
        let per_identity = group.get("per_identity", value::count);
        if server_url.is_none() && secret.is_none() && callback.is_none() {
            return None;
        }
        let session = match (secret, callback) {
            (Some(secret), None) => Some(TokenSession::Secret(secret.into())),
            (None, Some(url)) => Some(TokenSession::Callback(url)),
            (Some(_), Some(_)) | (None, None) => {
                let problem = Problem::new(
                    "needs one who says who a user is",
                    "write either `session_secret` or `callback_url`",
                );
                group.fault("session_secret", None, problem);
                None
            }
        };
        if server_url.is_none() {
            let problem = Problem::new(
                "is missing",
                "write where clients connect, such as wss://live.example.com",
            );
            group.fault("server_url", None, problem);
        }
        Some(Self {
            server_url: server_url?,
            session: session?,
            ttl: ttl.unwrap_or(Duration::from_secs(600)),
            origins,
            per_address: per_address.unwrap_or(60).max(1),
            per_identity: per_identity.unwrap_or(20).max(1),
        })
    }
}
