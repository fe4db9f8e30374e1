//! Whatever stands in a field, a query, a path or a token: the answer is one that says what is wrong, and nothing else happens.

use super::*;

/// Texts that mean something to somebody on the way.
const TEXTS: [&str; 12] = [
    "'; DROP TABLE bans; --",
    "\" OR \"\"=\"",
    "%' OR 1=1 --",
    "$1",
    "\u{202e}gnp.exe",
    "\u{1f600}\u{200d}\u{1f600}",
    "a\u{0}b",
    "line\r\nbreak: forged",
    "\u{1b}[2J",
    "../../etc/passwd",
    "{{7*7}}",
    "\u{fffd}\u{feff}",
];

fn values() -> Vec<Value> {
    let long = "x".repeat(70_000);
    let mut values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!([]),
        json!(["a"]),
        json!({}),
        json!({"a": {"b": [1, 2, 3]}}),
        json!(""),
        json!(long),
        json!({long: "a"}),
    ];
    values.extend(TEXTS.map(|text| json!(text)));
    values
}

/// Walks the calls that are described: method, path with an id in it, and what is said of it.
async fn calls(node: &Node) -> Vec<(String, String, Value, Value)> {
    let (_, description) = node.send(None, "GET", "/api/v1/openapi.json", "").await;
    let paths = description["paths"].as_object().unwrap();
    let mut calls = Vec::new();
    for (path, methods) in paths {
        for (method, call) in methods.as_object().unwrap() {
            let schema = &call["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let schema = schema.as_str().map(|name| name.trim_start_matches('#'));
            let body = schema.and_then(|name| description.pointer(name));
            let fields = body.map(|body| body["properties"].clone());
            calls.push((
                method.to_uppercase(),
                path.clone(),
                call.clone(),
                fields.unwrap_or_default(),
            ));
        }
    }
    calls
}

/// Requires that an answer is one of ours: done, or refused with what is wrong.
fn check(what: &str, (status, answer): &(StatusCode, Value)) {
    let code = &answer["code"];
    let is_done = status.is_success() && code.is_null();
    let is_refused = status.is_client_error() && code.is_string() && answer["message"] != "";
    assert!(is_done || is_refused, "{what}: {status} {answer}");
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Puts every value into every field of a call.
async fn try_fields(node: &Node, method: &str, path: &str, fields: &Value) {
    let is_known = |name: &str| !fields[name].is_null();
    let names = fields.as_object().into_iter().flatten();
    for (field, value) in names.flat_map(|(name, _)| values().into_iter().map(move |it| (name, it)))
    {
        let mut body = json!({"identity": "alice", "room": "lobby", "url": "x"});
        body.as_object_mut()
            .unwrap()
            .retain(|name, _| is_known(name));
        body[field.as_str()] = value;
        let answer = node.call(method, path, &body).await;
        check(&format!("{method} {path} {field}"), &answer);
    }
}

/// Puts a text into every parameter of a call, and into its path.
async fn try_text(node: &Node, method: &str, path: &str, call: &Value, text: &str) {
    let text = escaped(text);
    let parameters = call["parameters"].as_array().into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        let asked = format!("{}?{name}={text}", filled(path));
        check(&asked, &node.call(method, &asked, &NONE).await);
    }
    let asked = ["{id}", "{sid}", "{room}"].into_iter();
    let asked = asked.fold(path.to_owned(), |path, name| path.replace(name, &text));
    check(&asked, &node.call(method, &asked, &NONE).await);
}

#[tokio::test]
async fn no_value_of_any_field_does_anything_but_be_taken_or_refused() {
    for database in databases().await {
        let node = Node::start(database).await;
        node.ban(json!({"identity": "mallory"})).await;
        for (method, path, _, fields) in calls(&node).await {
            try_fields(&node, &method, &path, &fields).await;
        }
        // What was there is there.
        assert!(node.refusal("lobby", "mallory").await.is_some());
        let (_, page) = node
            .call("GET", "/api/v1/bans?subject=mallory", &NONE)
            .await;
        assert_eq!(page["bans"].as_array().unwrap().len(), 1);
    }
}

/// Texts that are nearly what parameters take.
const NEARLY: [&str; 5] = [
    "-1",
    "1e9",
    "99999999999999999999",
    // PostgreSQL has no text with a zero.
    "1-a\u{0}",
    "18446744073709551615-a",
];

#[tokio::test]
async fn no_value_of_any_parameter_or_path_does_anything_but_be_taken_or_refused() {
    for database in databases().await {
        let node = Node::start(database).await;
        for (method, path, call, _) in calls(&node).await {
            for text in TEXTS.into_iter().chain(NEARLY) {
                try_text(&node, &method, &path, &call, text).await;
            }
        }
        let (status, _) = node.call("GET", "/api/v1/bans", &NONE).await;
        assert_eq!(status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_token_that_is_bad_in_any_way_opens_nothing() {
    let node = Node::start(databases::sqlite()).await;
    let good = node.token();
    let parts: Vec<_> = good.split('.').collect();
    let [head, body, signature] = parts[..] else {
        panic!("a token has three parts");
    };
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let other = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9";
    for token in [
        format!("{none}.{body}."),
        format!("{none}.{body}.{signature}"),
        format!("{other}.{body}.{signature}"),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{head}.{body}.{signature}.x"),
        format!("{head}.e30.{signature}"),
        format!(
            "{head}.{body}.{}",
            signature.chars().rev().collect::<String>()
        ),
        format!("{head}..{signature}"),
        "..".to_owned(),
        "null".to_owned(),
        "x".repeat(100_000),
    ] {
        for path in ["/api/v1/bans", "/api/v1/webhooks", "/api/v1/drain"] {
            let (status, error) = node.send(Some(&token), "GET", path, "").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{token}: {error}");
            assert_eq!(error["code"], "unauthenticated");
        }
    }
}
