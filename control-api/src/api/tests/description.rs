//! What `openapi.json` says is what calls take.

use std::collections::BTreeSet;

use super::*;

/// What no call takes.
const UNKNOWN: &str = "nothing_that_a_call_takes";

async fn described(node: &Node) -> Value {
    let (status, description) = node.send(None, "GET", "/api/v1/openapi.json", "").await;
    assert_eq!(status, StatusCode::OK);
    description
}

/// Walks all calls of a description: method, path, and what is said of it.
fn calls(description: &Value) -> Vec<(String, String, Value)> {
    let paths = description["paths"].as_object().unwrap();
    let calls = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(|(method, call)| (method.to_uppercase(), path.clone(), call.clone()))
    });
    calls.collect()
}

/// Returns the names that a refusal of an unknown one lists.
fn expected(error: &Value) -> BTreeSet<String> {
    let message = error["message"].as_str().unwrap();
    let (_, names) = message.split_once("expected").unwrap_or_default();
    let names = names.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

fn parameters(call: &Value, place: &str) -> BTreeSet<String> {
    let all = call["parameters"].as_array().into_iter().flatten();
    let there = all.filter(|parameter| parameter["in"] == place);
    there
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn every_call_that_is_described_is_there_and_needs_a_token() {
    let node = Node::start(databases::sqlite()).await;
    let calls = calls(&described(&node).await);
    let described = calls.iter().map(|(method, path, _)| (&**method, &**path));
    assert_eq!(described.collect::<BTreeSet<_>>(), BTreeSet::from(CALLS));
    for (method, path, _) in calls {
        let path = filled(&path);
        let (status, _) = node.send(None, &method, &path, "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn the_parameters_of_a_path_are_those_that_stand_in_it() {
    let node = Node::start(databases::sqlite()).await;
    for (method, path, call) in calls(&described(&node).await) {
        let names = path.split(['{', '}']).skip(1).step_by(2);
        let names: BTreeSet<_> = names.map(str::to_owned).collect();
        assert_eq!(parameters(&call, "path"), names, "{method} {path}");
    }
}

#[tokio::test]
async fn the_parameters_of_a_query_are_those_that_the_call_takes() {
    let node = Node::start(databases::sqlite()).await;
    let mut seen = 0;
    for (method, path, call) in calls(&described(&node).await) {
        let described = parameters(&call, "query");
        let asked = format!("{}?{UNKNOWN}=1", filled(&path));
        let (status, error) = node.call(&method, &asked, &NONE).await;
        let taken = match status {
            StatusCode::BAD_REQUEST if error.to_string().contains(UNKNOWN) => expected(&error),
            _ => BTreeSet::new(),
        };
        assert_eq!(described, taken, "{method} {path}");
        seen += taken.len();
    }
    assert!(seen >= 14, "{seen}");
}

#[tokio::test]
async fn the_fields_of_a_body_are_those_that_the_call_takes() {
    let node = Node::start(databases::sqlite()).await;
    let description = described(&node).await;
    let mut seen = 0;
    for (method, path, call) in calls(&description) {
        let content = &call["requestBody"]["content"]["application/json"];
        let Some(name) = content["schema"]["$ref"].as_str() else {
            continue;
        };
        let schema = description.pointer(name.trim_start_matches('#')).unwrap();
        let described = schema["properties"].as_object().unwrap().keys().cloned();
        let (_, error) = node.call(&method, &path, &json!({UNKNOWN: 1})).await;
        assert_eq!(
            described.collect::<BTreeSet<_>>(),
            expected(&error),
            "{method} {path}"
        );
        seen += 1;
    }
    assert!(seen >= 3, "{seen}");
}
