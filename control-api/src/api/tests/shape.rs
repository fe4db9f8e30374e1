//! Every error has one shape, whoever decides it.

use super::*;

/// Asks for an error, and returns its status and code.
async fn error(node: &Node, token: Option<&str>, method: &str, path: &str) -> (u16, String) {
    let (status, error) = node.send(token, method, path, "").await;
    let message = error["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty(), "{method} {path}: {error}");
    (status.as_u16(), error["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_refused_in_json() {
    let node = Node::start(databases::sqlite()).await;
    for (method, path) in [
        ("PUT", "/api/v1/bans"),
        ("PATCH", "/api/v1/bans/BN_1"),
        ("DELETE", "/api/v1/audit"),
        ("GET", "/api/v1/tokens"),
        ("POST", "/api/v1/openapi.json"),
        ("GET", "/api/v1/webhooks/replay"),
    ] {
        let refused = error(&node, Some(&node.token()), method, path).await;
        assert_eq!(
            refused,
            (405, "method_not_allowed".to_owned()),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_or_is_no_text_is_refused_in_json() {
    let node = Node::start(databases::sqlite()).await;
    for (path, status, code) in [
        ("/api/v1", 404, "not_found"),
        ("/api/v1/", 404, "not_found"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/api/v1/%ff", 404, "not_found"),
        ("/api/v1/bans/%ff", 400, "invalid_argument"),
        ("/api/v1/bans/%00", 400, "invalid_argument"),
    ] {
        let refused = error(&node, Some(&node.token()), "GET", path).await;
        assert_eq!(refused, (status, code.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_refused_in_json_and_nowhere_else() {
    let node = Node::start(databases::sqlite()).await;
    for token in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        for path in ["/api/v1/bans", "/api/v1/nothing", "/api/v1/openapi.json"] {
            let refused = error(&node, Some(token), "GET", path).await;
            assert_eq!(
                refused,
                (401, "unauthenticated".to_owned()),
                "{token} {path}"
            );
        }
    }
    let elsewhere = Router::new().route("/api/v10", get(async || "there"));
    let request = Request::builder()
        .uri("/api/v10")
        .header("authorization", "Bearer x");
    let request = request.body(Body::empty()).unwrap();
    let (status, headers, _) = node.node.answer(elsewhere, request).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_ne!(headers["content-type"], "application/json");
}
