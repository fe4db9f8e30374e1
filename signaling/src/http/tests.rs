use auth::{Claims, Secret, VideoGrant, sign};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode};
use axum::routing::get;

use super::*;
use crate::clock;
use crate::test_node::{TestNode, body_of, get_request, keys};

const HOUR: Duration = Duration::from_secs(3600);

fn path_of(target: &str) -> String {
    let request = Request::builder().uri(target).body(Body::empty()).unwrap();
    without_double_slash(request).uri().to_string()
}

fn with_header(mut request: Request, name: header::HeaderName, value: &str) -> Request {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(name, value);
    request
}

fn claims() -> Claims {
    let mut claims = Claims::of("eve".into());
    claims.video = Some(VideoGrant::to_join("lobby"));
    claims
}

/// Tokens that are refused, and LiveKit's words for it.
fn bad_headers() -> Vec<(String, &'static str)> {
    let now = clock::now().unix;
    let key = |key: &str, secret: &str| auth::ApiSecret {
        key: key.into(),
        secret: Secret::from(secret),
    };
    let long_ago = sfu_model::UnixTime(now.0.saturating_sub(2 * HOUR));
    let bearer = |token: String| format!("Bearer {token}");
    vec![
        (
            "Basic abc".to_owned(),
            "invalid authorization header. Must start with Bearer ",
        ),
        ("Bearer abc".to_owned(), "invalid authorization token"),
        (
            bearer(sign(&claims(), &key("nobody", "secret"), now, HOUR)),
            "invalid API key",
        ),
        (
            bearer(sign(&claims(), &key("devkey", "wrong"), now, HOUR)),
            "invalid authorization token: signature is invalid",
        ),
        (
            bearer(sign(&claims(), keys().first(), long_ago, HOUR)),
            "invalid authorization token: token is expired",
        ),
    ]
}

#[test]
fn one_of_two_leading_slashes_is_taken_off() {
    assert_eq!(path_of("//twirp/x?a=1"), "/twirp/x?a=1");
    assert_eq!(path_of("/rtc?a=//"), "/rtc?a=//");
}

#[tokio::test]
async fn a_bad_token_is_refused_on_every_path_with_livekits_words() {
    let node = TestNode::start();
    for path in ["/", "/rtc", "/rtc/v1/validate", "/call", "/nowhere"] {
        for (value, words) in bad_headers() {
            let request = with_header(get_request(path), header::AUTHORIZATION, &value);
            let response = node.answer(request).await;
            assert_eq!(
                response.status(),
                StatusCode::UNAUTHORIZED,
                "{path} {words}"
            );
            assert_eq!(body_of(response).await, words, "{path}");
        }
    }
}

#[tokio::test]
async fn a_token_is_taken_from_the_query_where_there_is_no_header() {
    let node = TestNode::start();
    let token = node.token("lobby", "alice");
    let good = format!("/rtc/validate?access_token={token}");
    assert_eq!(
        body_of(node.answer(get_request(&good)).await).await,
        "success"
    );
    let response = node
        .answer(get_request("/rtc/validate?access_token=x"))
        .await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_token_joining_is_refused_and_health_is_told() {
    let node = TestNode::start();
    let response = node.answer(get_request("/rtc/validate")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(body_of(response).await, "permissions denied");
    assert_eq!(body_of(node.answer(get_request("/")).await).await, "OK");
}

#[tokio::test]
async fn refusals_carry_cors_headers_too() {
    let node = TestNode::start();
    for path in ["/rtc/validate?access_token=x", "/nowhere"] {
        let request = with_header(get_request(path), header::ORIGIN, "https://app.example");
        let response = node.answer(request).await;
        assert!(response.status().is_client_error());
        let headers = response.headers();
        assert_eq!(
            headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://app.example"
        );
        assert_eq!(headers[header::ACCESS_CONTROL_EXPOSE_HEADERS], "*");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_a_day_without_a_token() {
    let node = TestNode::start();
    let mut request = get_request("/twirp/livekit.RoomService/ListRooms");
    *request.method_mut() = Method::OPTIONS;
    let request = with_header(request, header::ORIGIN, "https://app.example");
    let request = with_header(request, header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
    let asked = "authorization,content-type";
    let request = with_header(request, header::ACCESS_CONTROL_REQUEST_HEADERS, asked);
    let response = node.answer(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers[header::ACCESS_CONTROL_MAX_AGE], "86400");
    // A star would not cover `Authorization`.
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_HEADERS], asked);
    let vary = headers.get_all(header::VARY).iter();
    let vary: Vec<_> = vary.map(|value| value.to_str().unwrap()).collect();
    assert!(
        vary.join(",").contains("access-control-request-headers"),
        "{vary:?}"
    );
    let methods = headers[header::ACCESS_CONTROL_ALLOW_METHODS]
        .to_str()
        .unwrap();
    for method in ["OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE"] {
        assert!(methods.contains(method), "{method} in {methods}");
    }
}

#[tokio::test]
async fn a_path_with_a_double_slash_leads_where_the_single_one_does() {
    let node = TestNode::start();
    let token = node.token("lobby", "alice");
    let path = format!("//rtc/validate?access_token={token}");
    assert_eq!(
        body_of(node.answer(get_request(&path)).await).await,
        "success"
    );
}

#[tokio::test]
async fn an_unknown_path_is_not_found_in_livekits_words() {
    let node = TestNode::start();
    let response = node.answer(get_request("/settings/regions")).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(body_of(response).await, "404 page not found\n");
}

#[tokio::test]
async fn signalling_without_an_upgrade_is_not_found() {
    let node = TestNode::start();
    let path = format!("/rtc?access_token={}", node.token("lobby", "alice"));
    let response = node.answer(get_request(&path)).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(node.rooms.list(&[]).is_empty(), "no room was made for it");
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_error_500_with_cors() {
    async fn fails() {
        panic!("a fault of ours");
    }
    let routes = Router::new().route("/", get(fails));
    let service = with_layers(routes, Router::new(), KeyRing::new((*keys()).clone()));
    let request = with_header(get_request("/"), header::ORIGIN, "https://app.example");
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
