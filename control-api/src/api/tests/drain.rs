//! A node that is drained.

use signaling_protocol::proto;
use tokio::time::{Duration, timeout};

use super::*;

async fn create(node: &Node, room: &str) -> bool {
    let request = proto::CreateRoomRequest {
        name: room.to_owned(),
        ..proto::CreateRoomRequest::default()
    };
    node.node.rooms.create(request).await.is_ok()
}

#[tokio::test]
async fn a_node_that_is_drained_opens_no_rooms_until_that_is_taken_back() {
    let node = Node::start(databases::sqlite()).await;
    assert!(create(&node, "early").await);
    let (status, drained) = node
        .call("POST", "/api/v1/drain", &json!({"deadline_seconds": 60}))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&drained["draining"], &drained["rooms"]),
        (&json!(true), &json!(1))
    );
    assert!(drained["ends_at_ms"].as_i64().unwrap() > 0);
    assert_eq!(node.node.rooms.ready(), Err(signaling::NotReady::Draining));
    assert!(create(&node, "early").await, "what is there goes on");
    assert!(!create(&node, "late").await);

    let (_, serving) = node.call("DELETE", "/api/v1/drain", &NONE).await;
    assert_eq!(serving["draining"], json!(false));
    assert!(serving.get("ends_at_ms").is_none());
    assert!(create(&node, "late").await);
    assert_eq!(node.node.rooms.ready(), Ok(()));
    assert_eq!(node.call("GET", "/api/v1/drain", &NONE).await.1["rooms"], 2);

    let (_, audit) = node.call("GET", "/api/v1/audit", &NONE).await;
    let actions = audit["audit"].as_array().unwrap().iter();
    let mut actions: Vec<_> = actions.map(|line| line["action"].to_string()).collect();
    actions.sort();
    assert_eq!(actions, ["\"drain.begin\"", "\"drain.undo\""]);
}

#[tokio::test]
async fn a_node_without_participants_is_drained_at_once_and_one_that_serves_is_not() {
    let node = Node::start(databases::sqlite()).await;
    let done = timeout(Duration::from_millis(50), node.drain.done()).await;
    assert!(done.is_err());
    node.call("POST", "/api/v1/drain", &json!({})).await;
    node.drain.done().await;
}

#[tokio::test]
async fn a_deadline_that_is_none_is_refused() {
    let node = Node::start(databases::sqlite()).await;
    for bad in [
        json!(-1),
        json!(604_801),
        json!("600"),
        json!(1.5),
        json!([600]),
    ] {
        let body = json!({"deadline_seconds": bad});
        let (status, error) = node.call("POST", "/api/v1/drain", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error["field"], "deadline_seconds", "{body}");
    }
    assert_eq!(node.drain.report().ends_at, None);
}
