use crate::TokenError;

/// Finds the token of an HTTP request: the `Authorization` header, or without one the
/// `access_token` query value. A request without either goes on without rights (`None`).
///
/// # Errors
///
/// The header is there but does not begin with `Bearer `.
pub fn token_of_request<'a>(
    authorization: Option<&'a str>,
    access_token: Option<&'a str>,
) -> Result<Option<&'a str>, TokenError> {
    let token = match authorization {
        Some(header) if !header.is_empty() => Some(
            header
                .strip_prefix("Bearer ")
                .ok_or(TokenError::NotBearer)?,
        ),
        Some(_) | None => access_token,
    };
    Ok(token.filter(|token| !token.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_wins_over_the_query() {
        let token = token_of_request(Some("Bearer a.b.c"), Some("x.y.z"));
        assert_eq!(token, Ok(Some("a.b.c")));
    }

    #[test]
    fn the_query_is_read_when_there_is_no_header() {
        assert_eq!(token_of_request(None, Some("x.y.z")), Ok(Some("x.y.z")));
    }

    #[test]
    fn a_request_without_a_token_goes_on_without_rights() {
        assert_eq!(token_of_request(None, None), Ok(None));
        assert_eq!(token_of_request(None, Some("")), Ok(None));
    }

    #[test]
    fn another_scheme_is_refused_with_livekits_words() {
        let refused = token_of_request(Some("Basic abc"), None).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "invalid authorization header. Must start with Bearer "
        );
    }
}
