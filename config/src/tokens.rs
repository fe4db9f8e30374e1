use std::time::Duration;

use crate::duration;
use crate::group::Group;
use crate::keys::SECURE_CHARACTERS;
use crate::problem::{Problem, Read};
use crate::value;
use crate::{Address, Inputs, SecretText};

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
    /// `jwks_url` or `jwks_file`: a JWT that is signed with one of these keys.
    Jwks(Jwks),
}

/// Whose JWTs are sessions of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwks {
    /// Where the public keys are (RFC 7517).
    pub source: JwksSource,
    /// `issuer`: what the claim `iss` has to say; anything if nothing is written.
    pub issuer: Option<String>,
    /// `audience`: what the claim `aud` has to name; anything if nothing is written.
    pub audience: Option<String>,
}

/// Where public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// `jwks_url`.
    Url(String),
    /// `jwks_file`.
    File(String),
}

impl Tokens {
    pub(crate) fn read(group: &mut Group<'_>, inputs: &Inputs<'_>) -> Option<Self> {
        let server_url = group.get("server_url", |written| {
            url(written, &["ws", "wss", "http", "https"])
        });
        let session = Sessions::read(group, inputs);
        let ttl = group.get("ttl", ttl);
        let origins = group.list("origins", value::text);
        let per_address = group.get("per_address", rate);
        let per_identity = group.get("per_identity", rate);
        let is_written = server_url.is_some()
            || session.is_written()
            || ttl.is_some()
            || origins.is_some()
            || per_address.is_some()
            || per_identity.is_some();
        if !is_written {
            return None;
        }
        let session = session.choose(group);
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

/// All that is written of who says who a user is.
struct Sessions {
    secret: Option<String>,
    callback: Option<String>,
    jwks: Vec<JwksSource>,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Sessions {
    fn read(group: &mut Group<'_>, inputs: &Inputs<'_>) -> Self {
        let secret = group.get_secret("session_secret");
        let callback =
            group.get_with_place("callback_url", |written| url(written, &["http", "https"]));
        if let Some((url, place)) = &callback {
            let (place, address) = (Some(place.clone()), Address::Callback(url));
            group.check_address("callback_url", place, address, inputs.check_address);
        }
        let jwks_url = group.get_with_place("jwks_url", |written| url(written, &["http", "https"]));
        if let Some((url, place)) = &jwks_url {
            let (place, address) = (Some(place.clone()), Address::Jwks(url));
            group.check_address("jwks_url", place, address, inputs.check_address);
        }
        let jwks_file = group.get("jwks_file", value::text);
        let jwks_url = jwks_url.map(|(url, _)| JwksSource::Url(url));
        let jwks = jwks_url.into_iter().chain(jwks_file.map(JwksSource::File));
        Self {
            secret,
            callback: callback.map(|(url, _)| url),
            jwks: jwks.collect(),
            issuer: group.get("issuer", value::text),
            audience: group.get("audience", value::text),
        }
    }

    fn is_written(&self) -> bool {
        let names_keys = !self.jwks.is_empty() || self.issuer.is_some() || self.audience.is_some();
        self.secret.is_some() || self.callback.is_some() || names_keys
    }

    /// Takes the one way that is written.
    fn choose(self, group: &mut Group<'_>) -> Option<TokenSession> {
        let is_short = |secret: &String| secret.chars().count() < SECURE_CHARACTERS;
        if self.secret.as_ref().is_some_and(is_short) {
            let problem = Problem::new(
                "is so short that it can be guessed, and with it anybody can be anybody",
                format!("write at least {SECURE_CHARACTERS} characters"),
            );
            group.fault("session_secret", None, problem);
        }
        if self.jwks.is_empty() {
            let stray = [("issuer", &self.issuer), ("audience", &self.audience)];
            for (name, _) in stray.into_iter().filter(|(_, written)| written.is_some()) {
                let problem =
                    Problem::new("goes with `jwks_url` or `jwks_file` alone", "remove it");
                group.fault(name, None, problem);
            }
        }
        let (issuer, audience) = (self.issuer, self.audience);
        let of_keys = self.jwks.into_iter().map(|source| {
            TokenSession::Jwks(Jwks {
                source,
                issuer: issuer.clone(),
                audience: audience.clone(),
            })
        });
        let of_secret = self
            .secret
            .map(|secret| TokenSession::Secret(secret.into()));
        let of_callback = self.callback.map(TokenSession::Callback);
        let mut ways = of_secret.into_iter().chain(of_callback).chain(of_keys);
        match (ways.next(), ways.next()) {
            (Some(way), None) => Some(way),
            (None, _) | (Some(_), Some(_)) => {
                let problem = Problem::new(
                    "needs one who says who a user is",
                    "write one of `session_secret`, `callback_url`, `jwks_url` and `jwks_file`",
                );
                group.fault("session_secret", None, problem);
                None
            }
        }
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
