use std::fmt;
use std::sync::Arc;

use sfu_model::ApiKey;

/// Signs the tokens of one API key. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Returns the secret itself, for signing and for handing it to an operator.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self(secret.into())
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An API key with its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSecret {
    /// The public half: a token's issuer.
    pub key: ApiKey,
    /// The private half.
    pub secret: Secret,
}

/// The API keys of a node, in the order in which the operator wrote them. At least one.
///
/// All are accepted at once, which is how keys are rotated. The first signs what the node itself
/// issues. Departure: LiveKit takes an arbitrary one.
#[derive(Clone, Debug)]
pub struct Keys {
    first: ApiSecret,
    others: Vec<ApiSecret>,
}

/// Says why a list of keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// The list is empty: nobody could sign a token.
    #[error("there is no API key")]
    None,
    /// A key without characters.
    #[error("an API key is empty")]
    EmptyKey,
    /// A key whose secret has no characters: anybody could sign for it.
    #[error("the secret of API key `{0}` is empty")]
    EmptySecret(ApiKey),
    /// One key twice, so that its secret is ambiguous.
    #[error("the API key `{0}` appears twice")]
    Duplicate(ApiKey),
}

impl Keys {
    /// Takes the keys in the order given.
    ///
    /// # Errors
    ///
    /// The list is empty, a key repeats, or a key or a secret is empty.
    pub fn new(keys: impl IntoIterator<Item = (ApiKey, Secret)>) -> Result<Self, InvalidKeys> {
        let mut all: Vec<ApiSecret> = Vec::new();
        for (key, secret) in keys {
            if key.is_empty() {
                return Err(InvalidKeys::EmptyKey);
            }
            if secret.expose().is_empty() {
                return Err(InvalidKeys::EmptySecret(key));
            }
            if all.iter().any(|known| known.key == key) {
                return Err(InvalidKeys::Duplicate(key));
            }
            all.push(ApiSecret { key, secret });
        }
        let mut all = all.into_iter();
        let first = all.next().ok_or(InvalidKeys::None)?;
        Ok(Self {
            first,
            others: all.collect(),
        })
    }

    /// Returns the key that signs what the node issues.
    pub fn first(&self) -> &ApiSecret {
        &self.first
    }

    /// Finds a key by its public half.
    pub fn get(&self, key: &str) -> Option<&ApiSecret> {
        self.iter().find(|known| known.key.as_str() == key)
    }

    /// Walks all keys in the operator's order.
    pub fn iter(&self) -> impl Iterator<Item = &ApiSecret> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[(&str, &str)]) -> Result<Keys, InvalidKeys> {
        Keys::new(list.iter().map(|&(k, s)| (k.into(), s.into())))
    }

    #[test]
    fn the_first_key_as_written_signs() {
        let keys = keys(&[("zeta", "s1"), ("alpha", "s2")]).unwrap();
        assert_eq!(keys.first().key.as_str(), "zeta");
        assert_eq!(keys.get("alpha").unwrap().secret.expose(), "s2");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let keys = keys(&[("key", "hunter2")]).unwrap();
        assert!(!format!("{keys:?}").contains("hunter2"));
    }

    #[test]
    fn unusable_lists_are_refused() {
        assert_eq!(keys(&[]).unwrap_err(), InvalidKeys::None);
        assert_eq!(keys(&[("", "s")]).unwrap_err(), InvalidKeys::EmptyKey);
        assert_eq!(
            keys(&[("a", "")]).unwrap_err(),
            InvalidKeys::EmptySecret("a".into())
        );
        assert_eq!(
            keys(&[("a", "1"), ("a", "2")]).unwrap_err(),
            InvalidKeys::Duplicate("a".into())
        );
    }
}
