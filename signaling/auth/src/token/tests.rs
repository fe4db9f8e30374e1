use super::*;
use crate::{Secret, VideoGrant};
use serde_json::json;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> UnixTime {
    UnixTime(Duration::from_secs(1_700_000_000))
}

fn later(by: Duration) -> UnixTime {
    UnixTime(now().0 + by)
}

fn keys() -> Keys {
    Keys::new([
        ("devkey".into(), Secret::from("secret")),
        ("other".into(), Secret::from("another secret")),
    ])
    .unwrap()
}

fn alice() -> Claims {
    let mut claims = Claims::of("alice".into());
    claims.name = "Alice".to_owned();
    claims.metadata = "{}".to_owned();
    claims.attributes.insert("colour".into(), "red".into());
    claims.room_config = Some(json!({"emptyTimeout": 7}));
    claims.video = Some(VideoGrant::to_join("lobby"));
    claims
}

fn signed(body: &Value) -> String {
    let secret = EncodingKey::from_secret(b"secret");
    encode(&Header::new(Algorithm::HS256), body, &secret).unwrap()
}

#[test]
fn a_token_says_after_verification_what_was_signed() {
    let token = sign(&alice(), keys().first(), now(), DAY);
    let verified = verify(&token, &keys(), now()).unwrap();
    assert_eq!(verified.claims, alice());
    assert_eq!(verified.token.key.as_str(), "devkey");
    assert_eq!(verified.expires_at, later(DAY));
}

#[test]
fn every_key_signs_valid_tokens() {
    let keys = keys();
    let token = sign(&alice(), keys.get("other").unwrap(), now(), DAY);
    assert_eq!(
        verify(&token, &keys, now()).unwrap().token.key.as_str(),
        "other"
    );
}

#[test]
fn a_token_lives_until_its_expiry_and_a_minute() {
    let token = sign(&alice(), keys().first(), now(), DAY);
    let last = later(DAY + Duration::from_secs(59));
    assert!(verify(&token, &keys(), last).is_ok());
    let over = later(DAY + Duration::from_secs(60));
    assert_eq!(verify(&token, &keys(), over), Err(TokenError::Expired));
}

#[test]
fn a_token_begins_a_minute_early() {
    let token = sign(&alice(), keys().first(), later(DAY), DAY);
    assert_eq!(
        verify(&token, &keys(), later(DAY - Duration::from_secs(61))),
        Err(TokenError::NotYetValid)
    );
    assert!(verify(&token, &keys(), later(DAY - LEEWAY)).is_ok());
}

#[test]
fn a_token_without_an_end_is_refused() {
    let token = signed(&json!({"iss": "devkey", "sub": "alice"}));
    assert_eq!(verify(&token, &keys(), now()), Err(TokenError::NoExpiry));
}

#[test]
fn a_foreign_key_is_refused_with_livekits_words() {
    let keys = Keys::new([("third".into(), Secret::from("x"))]).unwrap();
    let token = sign(&alice(), keys.first(), now(), DAY);
    let refused = verify(&token, &self::keys(), now()).unwrap_err();
    assert_eq!(refused.to_string(), "invalid API key");
}

#[test]
fn a_wrong_secret_is_refused() {
    let forged = ApiSecret {
        key: "devkey".into(),
        secret: Secret::from("guess"),
    };
    let token = sign(&alice(), &forged, now(), DAY);
    let refused = verify(&token, &keys(), now()).unwrap_err();
    assert_eq!(refused, TokenError::BadSignature);
    assert!(
        refused
            .to_string()
            .starts_with("invalid authorization token: ")
    );
}

#[test]
fn a_changed_claim_is_refused() {
    let token = sign(&alice(), keys().first(), now(), DAY);
    let root = sign(&Claims::of("root".into()), keys().first(), now(), DAY);
    let parts: Vec<&str> = token.split('.').collect();
    let payload = root.split('.').nth(1).unwrap();
    let mixed = [parts[0], payload, parts[2]].join(".");
    assert_eq!(
        verify(&mixed, &keys(), now()),
        Err(TokenError::BadSignature)
    );
}

#[test]
fn another_algorithm_is_refused_even_with_the_right_secret() {
    let secret = EncodingKey::from_secret(b"secret");
    let body = json!({"iss": "devkey", "exp": 1_800_000_000});
    let token = encode(&Header::new(Algorithm::HS512), &body, &secret).unwrap();
    assert_eq!(
        verify(&token, &keys(), now()),
        Err(TokenError::WrongAlgorithm)
    );
}

#[test]
fn a_token_without_signature_is_refused() {
    // {"alg":"none"} and {"iss":"devkey","exp":1800000000}
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJkZXZrZXkiLCJleHAiOjE4MDAwMDAwMDB9.";
    assert_eq!(verify(token, &keys(), now()), Err(TokenError::Malformed));
}

#[test]
fn junk_is_refused() {
    for junk in ["", "a", "a.b", "a.b.c", "....", "é.é.é"] {
        assert_eq!(verify(junk, &keys(), now()), Err(TokenError::Malformed));
    }
    let huge = "a".repeat(MAX_TOKEN_BYTES + 1);
    assert_eq!(verify(&huge, &keys(), now()), Err(TokenError::Malformed));
}

#[test]
fn the_token_id_names_the_holder_where_the_subject_does_not() {
    let token = signed(&json!({"iss": "devkey", "jti": "bob", "exp": 1_800_000_000}));
    let verified = verify(&token, &keys(), now()).unwrap();
    assert_eq!(verified.claims.identity.as_str(), "bob");
}

#[test]
fn null_means_not_given() {
    let token = signed(&json!({
        "iss": "devkey", "sub": "a", "exp": 1_800_000_000.5, "name": null, "attributes": null,
        "video": {"roomJoin": true, "room": "r", "canPublish": null, "canPublishSources": null},
    }));
    let claims = verify(&token, &keys(), now()).unwrap().claims;
    let grant = claims.video.unwrap();
    assert!(grant.may_publish());
    assert!(grant.can_publish_sources.is_empty());
}

#[test]
fn a_claim_of_the_wrong_type_is_refused() {
    let token = signed(&json!({
        "iss": "devkey", "sub": "a", "exp": 1_800_000_000, "video": {"roomJoin": "yes"},
    }));
    assert_eq!(verify(&token, &keys(), now()), Err(TokenError::BadClaims));
}

#[test]
fn times_at_the_end_of_numbers_do_not_overflow() {
    let token = signed(&json!({"iss": "devkey", "sub": "a", "exp": u64::MAX, "nbf": u64::MAX}));
    assert_eq!(verify(&token, &keys(), now()), Err(TokenError::NotYetValid));
    let token = signed(&json!({"iss": "devkey", "sub": "a", "exp": -5}));
    assert_eq!(verify(&token, &keys(), now()), Err(TokenError::Expired));
    let token = signed(&json!({"iss": "devkey", "sub": "a", "exp": 1e300}));
    assert!(verify(&token, &keys(), now()).is_err());
}

#[test]
fn what_holds_against_a_token_holds_against_those_in_its_place() {
    let body = json!({"iss": "devkey", "sub": "alice", "jti": "T1", "iat": 1_699_999_990, "exp": 1_700_000_600});
    let first = verify(&signed(&body), &keys(), now()).unwrap();
    assert_eq!(first.token.id, "T1");
    assert_eq!(first.token.first_key.as_str(), "devkey");
    assert_eq!(first.token.issued_at.unwrap().seconds(), 1_699_999_990);

    let other = keys();
    let other = other.get("other").unwrap();
    let mut claims = first.claims.clone();
    claims.identity = "alice#camera".into();
    let second = sign_again(&claims, &first.token, other, now(), DAY);
    let second = verify(&second, &keys(), now()).unwrap();
    assert_eq!(second.claims.identity.as_str(), "alice#camera");
    let expected = TokenMark {
        key: "other".into(),
        issued_at: Some(now()),
        ..first.token
    };
    assert_eq!(second.token, expected);
    // And so on, however often it is replaced.
    let third = sign_again(&claims, &second.token, keys().first(), now(), DAY);
    let third = verify(&third, &keys(), now()).unwrap();
    assert_eq!(third.token.first_key.as_str(), "devkey");
    assert_eq!(third.token.subject.as_str(), "alice");
}

#[test]
fn a_token_is_as_old_as_it_says_in_either_way() {
    let body = json!({"iss": "devkey", "sub": "alice", "nbf": 1_699_999_990, "exp": 1_700_000_600});
    let by_nbf = verify(&signed(&body), &keys(), now()).unwrap();
    assert_eq!(by_nbf.token.issued_at.unwrap().seconds(), 1_699_999_990);
    let body = json!({"iss": "devkey", "sub": "alice", "exp": 1_700_000_600});
    let by_none = verify(&signed(&body), &keys(), now()).unwrap();
    assert_eq!(by_none.token.issued_at, None);
}
