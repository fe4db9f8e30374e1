use auth::ApiKey;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use signaling::http::Caller;

use super::error::ApiError;
use super::new_ban::text;
use super::state::Api;

/// Who calls the API and may do everything.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    /// What the audit calls it: the API key, and the token's identity where it has one.
    pub(crate) author: String,
    /// Whose token it shows.
    pub(crate) key: ApiKey,
}

impl FromRequestParts<Api> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let caller: Option<&Caller> = parts.extensions.get();
        let verified = caller.and_then(Caller::verified);
        let verified = verified.filter(|it| it.claims.check_admin().is_ok());
        let verified = verified.ok_or_else(ApiError::unauthenticated)?;
        let key = &verified.token.key;
        let waited = api.rooms.await_call(key).await;
        waited.map_err(|_| ApiError::too_many("this API key calls too often, try again"))?;
        let identity = verified.claims.identity.as_str();
        Ok(Self {
            key: key.clone(),
            // What no line of the audit holds names nobody.
            author: match identity.is_empty() || text("identity", identity).is_err() {
                true => key.as_str().to_owned(),
                false => format!("{key}/{identity}"),
            },
        })
    }
}
