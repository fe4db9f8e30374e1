//! Who asks for a token: what the app says of its user.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::jwks::{self, KeySet};
use super::request::TokenRequest;
use crate::clock;

/// How long the app may take to say who its user is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of what it says.
const MAX_ANSWER: usize = 64 << 10;

/// How far the app's clock may be off, in seconds.
const LEEWAY: f64 = 60.0;

/// How the app says who its user is.
#[derive(Clone)]
pub enum Session {
    /// By a JWT that it has signed with this secret (HS256), as a bearer.
    Secret(DecodingKey),
    /// By an answer to a request with the user's own `Authorization` and `Cookie`.
    Callback(Client, Url),
    /// By a JWT that is signed with one of these keys, as a bearer.
    Keys(SignedBy),
}

/// Whose JWTs are sessions of the app.
#[derive(Clone, Debug)]
pub struct SignedBy {
    /// The keys.
    pub keys: KeySet,
    /// What `iss` has to say.
    pub issuer: Option<String>,
    /// What `aud` has to name.
    pub audience: Option<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(..)",
            Self::Callback(..) => "Callback(..)",
            Self::Keys(_) => "Keys(..)",
        })
    }
}

/// What the app says of its user.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct User {
    #[serde(alias = "sub", default)]
    pub(crate) identity: String,
    /// Shown to others.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Rooms that the user may join; all if nothing is said.
    #[serde(default)]
    pub(crate) rooms: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) metadata: Option<String>,
    #[serde(default)]
    pub(crate) attributes: Option<BTreeMap<String, String>>,
    /// LiveKit's video grant; what everybody may do if nothing is said.
    #[serde(default)]
    pub(crate) grants: Option<auth::VideoGrant>,
    /// Seconds since 1970, maybe with a fraction (RFC 7519 section 2).
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
}

/// Why nobody is known to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// What was shown is no session, or one that is over.
    Refused,
    /// The app does not say.
    NoAnswer,
}

impl Session {
    /// Has the app say who its users are by a JWT that it has signed.
    pub fn by_secret(secret: &str) -> Self {
        Self::Secret(DecodingKey::from_secret(secret.as_bytes()))
    }

    /// Has the app say who its users are when it is asked at an address, which the operator has written.
    ///
    /// # Errors
    ///
    /// It is no address, or the system's certificates cannot be read.
    pub fn by_callback(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let client = Client::builder()
            // What a user has shown is for the app alone.
            .redirect(Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build();
        Ok(Self::Callback(
            client.map_err(|error| error.to_string())?,
            url,
        ))
    }

    /// Checks an address of public keys.
    ///
    /// # Errors
    ///
    /// It is neither HTTPS nor on this machine.
    pub fn check_jwks_url(url: &str) -> Result<(), String> {
        jwks::check(url).map(drop)
    }

    /// Says who asks.
    pub(crate) async fn user(
        &self,
        headers: &HeaderMap,
        request: &TokenRequest,
    ) -> Result<User, Unknown> {
        let user = match self {
            Self::Secret(key) => by_secret(key, headers)?,
            Self::Keys(signed_by) => by_keys(signed_by, headers).await?,
            Self::Callback(client, url) => by_callback(client, url, headers, request).await?,
        };
        match user.identity.is_empty() {
            true => Err(Unknown::Refused),
            false => Ok(user),
        }
    }
}

fn by_secret(key: &DecodingKey, headers: &HeaderMap) -> Result<User, Unknown> {
    let token = bearer(headers).ok_or(Unknown::Refused)?;
    let user = verify(token, key, &validation(Algorithm::HS256));
    user.ok_or(Unknown::Refused)
}

async fn by_keys(signed_by: &SignedBy, headers: &HeaderMap) -> Result<User, Unknown> {
    let token = bearer(headers).ok_or(Unknown::Refused)?;
    let head = decode_header(token).map_err(|_| Unknown::Refused)?;
    let candidates = signed_by.keys.candidates(head.kid.as_deref(), head.alg);
    let candidates = candidates.await.ok_or(Unknown::NoAnswer)?;
    let mut validation = validation(head.alg);
    if let Some(issuer) = &signed_by.issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    if let Some(audience) = &signed_by.audience {
        validation.validate_aud = true;
        validation.set_audience(&[audience]);
        validation.required_spec_claims.insert("aud".to_owned());
    }
    let mut users = candidates
        .iter()
        .filter_map(|known| verify(token, &known.key, &validation));
    users.next().ok_or(Unknown::Refused)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get(header::AUTHORIZATION)?;
    shown.to_str().ok()?.strip_prefix("Bearer ")
}

/// Has a signature of this kind checked; time is looked at here, because the library would read the system's clock.
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

/// Returns whose session a token is, if it is good at this time.
fn verify(token: &str, key: &DecodingKey, validation: &Validation) -> Option<User> {
    let user = decode::<User>(token, key, validation).ok()?.claims;
    let now = clock::now().0.as_secs_f64();
    let is_over = user.exp.is_none_or(|end| now >= end + LEEWAY);
    let is_early = user.nbf.is_some_and(|begin| now + LEEWAY < begin);
    (!is_over && !is_early).then_some(user)
}

async fn by_callback(
    client: &Client,
    url: &Url,
    headers: &HeaderMap,
    request: &TokenRequest,
) -> Result<User, Unknown> {
    let body = serde_json::to_vec(request).map_err(|_| Unknown::Refused)?;
    let mut asked = client
        .post(url.clone())
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )
        .body(body);
    for name in [header::AUTHORIZATION, header::COOKIE] {
        if let Some(value) = headers.get(&name) {
            asked = asked.header(name, value.clone());
        }
    }
    let mut answer = asked.send().await.map_err(|_| Unknown::NoAnswer)?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Unknown::Refused),
        _ => return Err(Unknown::NoAnswer),
    }
    let mut said = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| Unknown::NoAnswer)? {
        if said.len() + chunk.len() > MAX_ANSWER {
            return Err(Unknown::NoAnswer);
        }
        said.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&said).map_err(|_| Unknown::NoAnswer)
}
