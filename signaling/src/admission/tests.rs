use std::sync::Arc;

use axum::http::StatusCode;
use signaling_protocol::proto::signal_response::Message;

use super::*;
use crate::test_node::{TestNode, body_of, get_request, next_message, settings};

/// Forbids whatever is on one occasion.
#[derive(Debug)]
struct Forbid(Occasion);

impl Admission for Forbid {
    fn ask<'a>(&'a self, entry: Entry<'a>) -> Decision<'a> {
        let decided = match entry.occasion == self.0 {
            true => Err(NotAdmitted::Forbidden {
                reason: "banned".to_owned(),
            }),
            false => Ok(()),
        };
        Box::pin(std::future::ready(decided))
    }
}

/// Never answers.
#[derive(Debug)]
struct Silent;

impl Admission for Silent {
    fn ask<'a>(&'a self, _: Entry<'a>) -> Decision<'a> {
        Box::pin(std::future::pending())
    }
}

/// Asks a node whether somebody may join or resume.
async fn validate(node: &TestNode, resume: &str) -> (StatusCode, String) {
    let token = node.token("lobby", "alice");
    let path = format!("/rtc/validate?access_token={token}{resume}");
    let response = node.answer(get_request(&path)).await;
    (response.status(), body_of(response).await)
}

#[tokio::test]
async fn who_is_forbidden_to_join_or_to_resume_is_told_so_by_a_status() {
    let forbidden = (StatusCode::FORBIDDEN, "banned".to_owned());
    let success = (StatusCode::OK, "success".to_owned());
    let resume = "&reconnect=1&sid=PA_x";
    for (occasion, join, resumed) in [
        (Occasion::Join, &forbidden, &success),
        (Occasion::Resume, &success, &forbidden),
    ] {
        let node = TestNode::with_admission(settings(), Arc::new(Forbid(occasion)));
        assert_eq!(&validate(&node, "").await, join, "{occasion:?}");
        assert_eq!(&validate(&node, resume).await, resumed, "{occasion:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_a_join_is_refused_so_that_the_client_tries_again() {
    let node = TestNode::with_admission(settings(), Arc::new(Silent));
    assert_eq!(validate(&node, "").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn who_may_stay_no_longer_leaves_when_its_token_would_be_replaced() {
    let node = TestNode::with_admission(settings(), Arc::new(Forbid(Occasion::Refresh)));
    let (_presence, responses) = node.join("lobby", "alice").await.unwrap();
    let mut told = Vec::new();
    while let Some(message) = next_message(&responses).await {
        told.push(message);
    }
    assert!(matches!(told.last(), Some(Message::Leave(_))), "{told:?}");
    let refreshed = told
        .iter()
        .any(|message| matches!(message, Message::RefreshToken(_)));
    assert!(!refreshed, "{told:?}");
}
