use std::sync::Arc;

use auth::{Keys, TokenError, Verified};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::{KeyRing, clock};

/// Who makes a request: an extension of every request that reaches a handler.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No token was shown.
    Anonymous,
    /// A token that is valid.
    Authorized(Arc<Verified>),
}

impl Caller {
    /// Returns the token's content, if one was shown.
    pub fn verified(&self) -> Option<&Arc<Verified>> {
        match self {
            Self::Anonymous => None,
            Self::Authorized(verified) => Some(verified),
        }
    }
}

/// Refuses a request with a bad token, on any path; one without a token goes on as anonymous.
pub(super) async fn check_token(
    State(keys): State<KeyRing>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match caller(&keys.current(), &request) {
        Ok(caller) => caller,
        Err(error) => return (StatusCode::UNAUTHORIZED, error.to_string()).into_response(),
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

fn caller(keys: &Keys, request: &Request) -> Result<Caller, TokenError> {
    let header = request.headers().get(header::AUTHORIZATION);
    // A header that is not text is no bearer token either.
    let header = header.map(|value| value.to_str().unwrap_or("?"));
    let query = access_token(request.uri().query().unwrap_or_default());
    match auth::token_of_request(header, query.as_deref())? {
        None => Ok(Caller::Anonymous),
        Some(token) => {
            let verified = auth::verify(token, keys, clock::now().unix)?;
            Ok(Caller::Authorized(Arc::new(verified)))
        }
    }
}

/// Decodes names alone on the way to the value: that of a join request is long.
fn access_token(query: &str) -> Option<String> {
    let named = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or(pair);
        form_urlencoded::parse(name.as_bytes()).any(|(name, _)| name == "access_token")
    };
    let pair = query.split('&').find(named)?;
    let (_, token) = form_urlencoded::parse(pair.as_bytes()).next()?;
    Some(token.into_owned())
}
