//! The public keys that sign an app's sessions (RFC 7517), kept while they are good and read again when another is named.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long whoever has the keys may take for them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of what it says.
const MAX_ANSWER: usize = 256 << 10;

/// Most keys of a set; further ones are ignored.
const MAX_KEYS: usize = 64;

/// How often they are read at most: whoever makes up names of keys has them read no oftener.
const AGAIN: Duration = Duration::from_secs(10);

/// How long keys are used without being read again, which is how long one counts that the app has withdrawn.
const FRESH: Duration = Duration::from_secs(600);

/// How long they are used while they cannot be read again.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// The shortest modulus of an RSA key, in base64 of 2048 bits (RFC 7518 section 3.3).
const SHORTEST_MODULUS: usize = 341;

/// Where the keys are.
#[derive(Clone)]
enum Source {
    Url(Client, Url),
    File(PathBuf),
}

/// A set of keys. Clones are the same.
#[derive(Clone)]
pub struct KeySet {
    source: Source,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    keys: Arc<[Known]>,
    read_at: Option<Instant>,
    tried_at: Option<Instant>,
    /// Closes when those who are reading have done so.
    reading: Option<watch::Receiver<()>>,
}

/// A key, and what it may have signed with: never what a token says, but what kind of key it is (RFC 8725 section 3.1).
#[derive(Clone)]
pub(crate) struct Known {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(crate) key: DecodingKey,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").finish_non_exhaustive()
    }
}

impl KeySet {
    /// Reads keys at an address when they are needed.
    ///
    /// # Errors
    ///
    /// The address is neither HTTPS nor on this machine: whoever is on the way could put a key of its own in.
    pub fn at_url(url: &str) -> Result<Self, String> {
        let url = check(url)?;
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build();
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self::of(Source::Url(client, url)))
    }

    /// Reads keys of a file when they are needed.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self::of(Source::File(path.into()))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            state: Arc::default(),
        }
    }

    /// Returns the keys that may have signed a token, by what its head says; nothing while there are none at all.
    pub(crate) async fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Option<Vec<Known>> {
        if self.is_old() || self.find(id, algorithm).is_empty() {
            self.read_again().await;
        }
        let has_keys = self.state().has_keys(Instant::now());
        has_keys.then(|| self.find(id, algorithm))
    }

    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<Known> {
        let keys = Arc::clone(&self.state().keys);
        let named = |known: &&Known| id.is_none() || known.id.as_deref() == id;
        let fitting = |known: &&Known| known.algorithms.contains(&algorithm);
        keys.iter().filter(named).filter(fitting).cloned().collect()
    }

    fn is_old(&self) -> bool {
        let read_at = self.state().read_at;
        read_at.is_none_or(|at| at.elapsed() >= FRESH)
    }

    /// Reads the keys, or waits for those who are doing so, unless that was tried a moment ago.
    async fn read_again(&self) {
        let Some(mut reading) = self.begin_reading() else {
            return;
        };
        // It changes by being closed.
        reading.changed().await.ok();
    }

    fn begin_reading(&self) -> Option<watch::Receiver<()>> {
        let mut state = self.state();
        if let Some(reading) = &state.reading {
            return Some(reading.clone());
        }
        if state.tried_at.is_some_and(|at| at.elapsed() < AGAIN) {
            return None;
        }
        state.tried_at = Some(Instant::now());
        let (done, reading) = watch::channel(());
        state.reading = Some(reading.clone());
        let set = self.clone();
        // Whoever asked may go away: others wait for the same.
        tokio::spawn(async move {
            let read = set.read().await;
            set.finish_reading(read);
            drop(done);
        });
        Some(reading)
    }

    fn finish_reading(&self, read: Result<Vec<Known>, String>) {
        let mut state = self.state();
        state.reading = None;
        match read {
            Ok(keys) => {
                state.keys = keys.into();
                state.read_at = Some(Instant::now());
            }
            Err(error) => {
                tracing::error!(
                    error,
                    "The keys of sessions cannot be read (tokens.jwks_url)"
                );
            }
        }
    }

    async fn read(&self) -> Result<Vec<Known>, String> {
        let said = match &self.source {
            Source::Url(client, url) => fetch(client, url).await?,
            Source::File(path) => read_file(path).await?,
        };
        parse(&said)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_keys(&self, now: Instant) -> bool {
        self.read_at.is_some_and(|at| now - at < STALE)
    }
}

/// Checks where keys are read from.
pub(super) fn check(url: &str) -> Result<Url, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match (url.scheme(), is_here) {
        ("https", _) | ("http", true) => Ok(url),
        _ => Err("it is neither https nor on this machine".to_owned()),
    }
}

async fn fetch(client: &Client, url: &Url) -> Result<Vec<u8>, String> {
    // The library's words have the address, which may hold a secret.
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = client.get(url.clone()).send().await.map_err(failed)?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer is {}", answer.status().as_u16()));
    }
    let mut said = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if said.len() + chunk.len() > MAX_ANSWER {
            return Err(too_long());
        }
        said.extend_from_slice(&chunk);
    }
    Ok(said)
}

async fn read_file(path: &PathBuf) -> Result<Vec<u8>, String> {
    let length = tokio::fs::metadata(path).await.map(|file| file.len());
    let length = length.map_err(|error| error.to_string())?;
    if length > MAX_ANSWER as u64 {
        return Err(too_long());
    }
    let read = tokio::fs::read(path).await;
    read.map_err(|error| error.to_string())
}

fn too_long() -> String {
    format!("they are longer than {MAX_ANSWER} bytes")
}

/// Reads a set of keys. Those of a kind that is not known are left out, as are private ones and those that encrypt (RFC 7517
/// section 5).
fn parse(said: &[u8]) -> Result<Vec<Known>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }

    let set: Set = serde_json::from_slice(said).map_err(|error| error.to_string())?;
    let keys = set.keys.into_iter().take(MAX_KEYS);
    let known: Vec<_> = keys.filter_map(known).collect();
    match known.is_empty() {
        true => Err("there is no key to check a signature with".to_owned()),
        false => Ok(known),
    }
}

fn known(key: Value) -> Option<Known> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let common = &jwk.common;
    if matches!(common.public_key_use, Some(PublicKeyUse::Encryption)) {
        return None;
    }
    let mut algorithms = algorithms(&jwk.algorithm)?;
    if let Some(only) = common.key_algorithm {
        algorithms.retain(|algorithm| named(*algorithm) == Some(only));
    }
    Some(Known {
        id: common.key_id.clone(),
        key: DecodingKey::from_jwk(&jwk).ok()?,
        algorithms,
    })
}

/// Returns what a key of a kind can have signed with. Secrets are no public keys.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is open, and what is not named here signs no session"
)]
fn algorithms(parameters: &AlgorithmParameters) -> Option<Vec<Algorithm>> {
    match parameters {
        AlgorithmParameters::RSA(rsa) if rsa.n.len() >= SHORTEST_MODULUS => Some(vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ]),
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => Some(vec![Algorithm::ES256]),
            EllipticCurve::P384 => Some(vec![Algorithm::ES384]),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(pair) => match pair.curve {
            EllipticCurve::Ed25519 => Some(vec![Algorithm::EdDSA]),
            _ => None,
        },
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is open, and what is not named here signs no session"
)]
fn named(algorithm: Algorithm) -> Option<KeyAlgorithm> {
    Some(match algorithm {
        Algorithm::RS256 => KeyAlgorithm::RS256,
        Algorithm::RS384 => KeyAlgorithm::RS384,
        Algorithm::RS512 => KeyAlgorithm::RS512,
        Algorithm::PS256 => KeyAlgorithm::PS256,
        Algorithm::PS384 => KeyAlgorithm::PS384,
        Algorithm::PS512 => KeyAlgorithm::PS512,
        Algorithm::ES256 => KeyAlgorithm::ES256,
        Algorithm::ES384 => KeyAlgorithm::ES384,
        Algorithm::EdDSA => KeyAlgorithm::EdDSA,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
