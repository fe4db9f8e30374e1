use std::time::Duration;

use jsonwebtoken::dangerous::insecure_decode;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sfu_model::UnixTime;

use crate::{ApiSecret, Claims, Keys, TokenMark};

/// How far the issuer's clock may be off.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// The longest token that is looked at, in bytes: metadata of the largest default size in base64,
/// and room to spare.
pub const MAX_TOKEN_BYTES: usize = 1 << 20;

/// A token that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Which token it is.
    pub token: TokenMark,
    /// What it says.
    pub claims: Claims,
    /// When it ends, without leeway.
    pub expires_at: UnixTime,
}

/// Says why a request's token was refused. The answer is 401 with this text; the first part of
/// each text is LiveKit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The `Authorization` header has another scheme.
    #[error("invalid authorization header. Must start with Bearer ")]
    NotBearer,
    /// It is no JWT, or larger than [`MAX_TOKEN_BYTES`].
    #[error("invalid authorization token")]
    Malformed,
    /// Its issuer is none of our keys.
    #[error("invalid API key")]
    UnknownKey,
    /// It is signed with something else than HS256.
    #[error("invalid authorization token: signing method is not HS256")]
    WrongAlgorithm,
    /// It was not signed with the secret of its issuer, or was changed.
    #[error("invalid authorization token: signature is invalid")]
    BadSignature,
    /// It never ends.
    #[error("invalid authorization token: exp claim is required")]
    NoExpiry,
    /// It has ended.
    #[error("invalid authorization token: token is expired")]
    Expired,
    /// It has not begun.
    #[error("invalid authorization token: token is not valid yet")]
    NotYetValid,
    /// A claim has a value of the wrong type.
    #[error("invalid authorization token: a claim has the wrong type")]
    BadClaims,
}

/// The registered claims of RFC 7519 section 4.1 that matter here.
#[derive(Serialize, Deserialize)]
struct Registered {
    #[serde(default)]
    iss: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    sub: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    jti: String,
    #[serde(rename = "sluiceOrigin", skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<NumericDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<NumericDate>,
    exp: Option<NumericDate>,
}

/// Ours: the token that this one goes back to, if it was issued in place of another.
#[derive(Serialize, Deserialize)]
struct Origin {
    key: String,
    sub: String,
}

/// Seconds since 1970, maybe with a fraction (RFC 7519 section 2).
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(u64),
    Fraction(f64),
}

impl NumericDate {
    fn time(self) -> UnixTime {
        UnixTime(match self {
            Self::Whole(seconds) => Duration::from_secs(seconds),
            Self::Fraction(seconds) => {
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
            }
        })
    }
}

/// The unverified issuer, read only to choose the secret.
#[derive(Deserialize)]
struct Issuer {
    #[serde(default)]
    iss: String,
}

/// Checks a token: its form, its issuer, its signature, then its times.
///
/// Nothing but the issuer is read before the signature is found good.
///
/// # Errors
///
/// See [`TokenError`].
pub fn verify(token: &str, keys: &Keys, now: UnixTime) -> Result<Verified, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed);
    }
    let issuer = insecure_decode::<Issuer>(token).map_err(|_| TokenError::Malformed)?;
    if issuer.header.alg != Algorithm::HS256 {
        return Err(TokenError::WrongAlgorithm);
    }
    let signer = keys.get(&issuer.claims.iss).ok_or(TokenError::UnknownKey)?;
    let secret = DecodingKey::from_secret(signer.secret.expose().as_bytes());
    let body = decode::<Map<String, Value>>(token, &secret, &signature_only())
        .map_err(|error| refusal(error.kind()))?
        .claims;
    read_claims(body, signer, now)
}

/// Lets the library check the signature and nothing else: it would read the system's clock.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is open, and every other fault lies in the token's form"
)]
fn refusal(fault: &ErrorKind) -> TokenError {
    match fault {
        ErrorKind::InvalidSignature => TokenError::BadSignature,
        ErrorKind::InvalidAlgorithm => TokenError::WrongAlgorithm,
        _ => TokenError::Malformed,
    }
}

fn read_claims(
    mut body: Map<String, Value>,
    signer: &ApiSecret,
    now: UnixTime,
) -> Result<Verified, TokenError> {
    remove_nulls(&mut body);
    let body = Value::Object(body);
    let registered = Registered::deserialize(&body).map_err(|_| TokenError::BadClaims)?;
    let expires_at = registered.exp.ok_or(TokenError::NoExpiry)?.time();
    if now.0 >= expires_at.0.saturating_add(LEEWAY) {
        return Err(TokenError::Expired);
    }
    let begins = registered.nbf.map(NumericDate::time);
    if now.0.saturating_add(LEEWAY) < begins.unwrap_or_default().0 {
        return Err(TokenError::NotYetValid);
    }
    let mut claims: Claims = serde_json::from_value(body).map_err(|_| TokenError::BadClaims)?;
    claims.identity = match registered.sub.is_empty() {
        true => registered.jti.as_str().into(),
        false => registered.sub.into(),
    };
    let origin = registered.origin.unwrap_or_else(|| Origin {
        key: signer.key.as_str().to_owned(),
        sub: claims.identity.as_str().to_owned(),
    });
    let token = TokenMark {
        key: signer.key.clone(),
        first_key: origin.key.into(),
        id: registered.jti,
        subject: origin.sub.into(),
        // LiveKit's SDKs write either.
        issued_at: registered.iat.map(NumericDate::time).or(begins),
    };
    Ok(Verified {
        token,
        claims,
        expires_at,
    })
}

/// Drops what is `null`, at the top and in the grants: several token libraries write it for "not
/// given".
fn remove_nulls(object: &mut Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
    for value in object.values_mut() {
        if let Value::Object(inner) = value {
            inner.retain(|_, value| !value.is_null());
        }
    }
}

/// Signs claims for `ttl` from `now` on.
pub fn sign(claims: &Claims, signer: &ApiSecret, now: UnixTime, ttl: Duration) -> String {
    encoded(claims, (String::new(), None), signer, now, ttl)
}

/// Signs claims for `ttl` from `now` on, as the token of an id, by which it can be told from others.
pub fn sign_as(
    claims: &Claims,
    id: &str,
    signer: &ApiSecret,
    now: UnixTime,
    ttl: Duration,
) -> String {
    encoded(claims, (id.to_owned(), None), signer, now, ttl)
}

/// Signs claims for `ttl` from `now` on, in place of another token: what holds against that one holds against this one, too.
pub fn sign_again(
    claims: &Claims,
    replaced: &TokenMark,
    signer: &ApiSecret,
    now: UnixTime,
    ttl: Duration,
) -> String {
    let origin = Origin {
        key: replaced.first_key.as_str().to_owned(),
        sub: replaced.subject.as_str().to_owned(),
    };
    let is_same = replaced.first_key == signer.key && replaced.subject == claims.identity;
    let origin = (!is_same).then_some(origin);
    encoded(claims, (replaced.id.clone(), origin), signer, now, ttl)
}

fn encoded(
    claims: &Claims,
    (id, origin): (String, Option<Origin>),
    signer: &ApiSecret,
    now: UnixTime,
    ttl: Duration,
) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(flatten)]
        registered: Registered,
        #[serde(flatten)]
        claims: &'a Claims,
    }
    let at = |time: Duration| Some(NumericDate::Whole(time.as_secs()));
    let body = Body {
        registered: Registered {
            iss: signer.key.as_str().to_owned(),
            sub: claims.identity.as_str().to_owned(),
            jti: id,
            origin,
            iat: at(now.0),
            nbf: at(now.0),
            exp: at(now.0.saturating_add(ttl)),
        },
        claims,
    };
    let secret = EncodingKey::from_secret(signer.secret.expose().as_bytes());
    encode(&Header::new(Algorithm::HS256), &body, &secret)
        .expect("HMAC takes a key of any length, and claims are strings and JSON values")
}

#[cfg(test)]
mod tests;
