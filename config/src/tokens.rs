use std::time::Duration;

use crate::SecretText;
use crate::duration;
use crate::group::Group;
use crate::keys::SECURE_CHARACTERS;
use crate::problem::{Problem, Read};
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
        let server_url = group.get("server_url", |written| {
            url(written, &["ws", "wss", "http", "https"])
        });
        let secret = group.get_secret("session_secret");
        let callback = group.get("callback_url", |written| url(written, &["http", "https"]));
        let ttl = group.get("ttl", ttl);
        let origins = group.list("origins", value::text);
        let per_address = group.get("per_address", rate);
        let per_identity = group.get("per_identity", rate);
        let is_written = server_url.is_some()
            || secret.is_some()
            || callback.is_some()
            || ttl.is_some()
            || origins.is_some()
            || per_address.is_some()
            || per_identity.is_some();
        if !is_written {
            return None;
        }
        let is_short = |secret: &String| secret.chars().count() < SECURE_CHARACTERS;
        if secret.as_ref().is_some_and(is_short) {
            let problem = Problem::new(
                "is so short that it can be guessed, and with it anybody can be anybody",
                format!("write at least {SECURE_CHARACTERS} characters"),
            );
            group.fault("session_secret", None, problem);
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
            origins: origins.unwrap_or_default(),
            per_address: per_address.unwrap_or(60),
            per_identity: per_identity.unwrap_or(20),
        })
    }
}

/// The longest life of a token: a year.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Reads an address of one of these schemes.
fn url(written: &str, schemes: &[&str]) -> Read<String> {
    let scheme = written
        .split_once("://")
        .filter(|(_, rest)| !rest.is_empty());
    match scheme.is_some_and(|(scheme, _)| schemes.contains(&scheme)) {
        true => Ok(written.to_owned()),
        false => Err(Problem::new(
            "is no address of this kind",
            format!("write {}://...", schemes.join(":// or ")),
        )),
    }
}

fn ttl(written: &str) -> Read<Duration> {
    let time = duration::read(written)?;
    match (Duration::from_secs(1)..=LONGEST).contains(&time) {
        true => Ok(time),
        false => Err(Problem::new(
            "is shorter than a second or longer than a year",
            "write a duration such as 10m",
        )),
    }
}

fn rate(written: &str) -> Read<u32> {
    match value::count(written)? {
        0 => Err(Problem::new("lets nobody have a token", "write at least 1")),
        count => Ok(count),
    }
}
