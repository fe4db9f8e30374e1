use std::time::{Duration, Instant};

use auth::{Claims, VideoGrant, sign};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures_util::{FutureExt, SinkExt};
use signaling_protocol::proto::signal_request::Message;
use signaling_protocol::{Encoding, encode_request, proto};
use signaling_session::JoinRefused;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::allowance::Verdict;
use crate::clock;
use crate::http::Limits;
use crate::quotas::TooOften;
use crate::refusal::Refusal;
use crate::test_node::{KEY, TestNode, body_of, get_request, keys};

/// Time after which what was waited for has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks to join with a token that names no room.
async fn validate(node: &TestNode, grant: VideoGrant, query: &str) -> (StatusCode, String) {
    let mut claims = Claims::of("eve".into());
    claims.video = Some(grant);
    let hour = Duration::from_secs(3600);
    let token = sign(&claims, keys().first(), clock::now().unix, hour);
    let target = format!("/rtc/validate?access_token={token}&{query}");
    let response = node.answer(get_request(&target)).await;
    (response.status(), body_of(response).await)
}

#[tokio::test]
async fn names_that_the_request_gives_are_as_limited_as_the_token_s() {
    let node = TestNode::start();
    let any_room = || VideoGrant::to_join("");
    let long = "x".repeat(257);
    for (query, words) in [
        (
            format!("room={long}"),
            "room name length exceeds limits: max length 256",
        ),
        (
            format!("room=lobby&publish={long}"),
            "participant identity length exceeds limits: max length 256",
        ),
        ("room=".to_owned(), "no room name"),
    ] {
        let refused = validate(&node, any_room(), &query).await;
        assert_eq!(refused, (StatusCode::BAD_REQUEST, words.to_owned()));
    }
    let let_in = validate(&node, any_room(), "room=lobby&publish=screen").await;
    assert_eq!(let_in.0, StatusCode::OK);
}

#[tokio::test]
async fn who_may_not_publish_has_no_second_session_to_publish_from() {
    let node = TestNode::start();
    let mut grant = VideoGrant::to_join("lobby");
    grant.can_publish = Some(false);
    let (status, _) = validate(&node, grant, "publish=screen").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_asks_too_often_whether_it_would_be_let_in_waits_as_if_it_joined() {
    let node = TestNode::start();
    let ask = || validate(&node, VideoGrant::to_join("lobby"), "").now_or_never();
    assert!(ask().is_some(), "nobody waits for the first answer");
    let join = || node.rooms.await_join(&KEY.into(), None).now_or_never();
    while join() != Some(Err(TooOften)) {}
    // A little may have come back meanwhile, and is waited for.
    let (status, _) = ask().unwrap_or((StatusCode::ACCEPTED, String::new()));
    assert_ne!(status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_asked_for_on_one_connection_is_missing_on_the_next() {
    let node = TestNode::start();
    let address = node.serve(Limits::default()).await;
    let token = node.token("lobby", "eve");
    let (mut socket, _) = connect_async(format!("ws://{address}/rtc?access_token={token}"))
        .await
        .unwrap();
    let list = proto::UpdateSubscription {
        track_sids: vec!["x".repeat(60 << 10)],
        ..proto::UpdateSubscription::default()
    };
    let message = Some(Message::Subscription(list));
    let request = encode_request(Encoding::Binary, &proto::SignalRequest { message });
    let flood = tokio::spawn(async move {
        loop {
            let frame = Frame::Binary(request.clone().into());
            socket.send(frame).await.unwrap();
        }
    });
    let next = || node.rooms.allowance(("lobby".into(), "eve".into()));
    let is_missing = async {
        while next().verdict(Instant::now()) == Verdict::Read {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, is_missing).await.unwrap();
    flood.abort();
}

#[test]
fn what_a_client_says_too_much_of_itself_is_its_own_fault() {
    for refused in [
        JoinRefused::NameTooLong,
        JoinRefused::MetadataTooLarge,
        JoinRefused::AttributesTooLarge,
    ] {
        let response = Refusal::Join(refused).into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn while_a_node_is_drained_only_rooms_that_are_there_take_participants() {
    let node = TestNode::start();
    let _alice = connect_async(format!(
        "ws://{}/rtc?access_token={}",
        node.serve(Limits::default()).await,
        node.token("lobby", "alice")
    ))
    .await
    .unwrap();
    node.rooms.drain();
    let ask = async |room: &str| validate(&node, VideoGrant::to_join(room), "").await;
    assert_eq!(ask("lobby").await.0, StatusCode::OK);
    let refused = (
        StatusCode::SERVICE_UNAVAILABLE,
        "node is draining".to_owned(),
    );
    assert_eq!(ask("hall").await, refused);
    let health = node.answer(get_request("/")).await;
    assert_eq!(health.status(), StatusCode::NOT_ACCEPTABLE);
    node.rooms.undo_drain();
    assert_eq!(ask("hall").await.0, StatusCode::OK);
}
