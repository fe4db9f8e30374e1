use sfu_model::{ApiKey, ParticipantIdentity, UnixTime};

/// By what one token is told from others, so that it can be refused though its signature is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMark {
    /// The key that signed it.
    pub key: ApiKey,
    /// The key that signed the first of those that it replaces.
    pub first_key: ApiKey,
    /// Its `jti` (RFC 7519 section 4.1.7); empty if it has none. A token that replaces it has the same.
    pub id: String,
    /// Whom the first of those was issued for. A participant may have another identity, where one token lets somebody join twice.
    pub subject: ParticipantIdentity,
    /// When it was issued: its `iat`, else its `nbf`.
    pub issued_at: Option<UnixTime>,
}

impl TokenMark {
    /// Marks a token that says neither which it is nor when it was issued.
    pub fn of(key: ApiKey, subject: ParticipantIdentity) -> Self {
        Self {
            first_key: key.clone(),
            key,
            id: String::new(),
            subject,
            issued_at: None,
        }
    }
}
