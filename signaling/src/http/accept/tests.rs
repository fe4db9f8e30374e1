use std::time::Instant;

use signaling_protocol::proto;
use signaling_protocol::proto::wrapped_join_request::Compression;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::http::head_watch::PLAIN_HEAD;
use crate::test_node::TestNode;

const PLAIN: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn limits(head_timeout: Duration) -> Limits {
    Limits {
        head_timeout,
        ..Limits::default()
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// Writes without minding that the other end may have closed.
async fn write(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.ok();
}

/// Reads one response with a body of known length: status and body.
async fn response(stream: &mut TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, body.to_owned());
            }
        }
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        assert_ne!(count, 0, "closed after {text:?}");
        bytes.extend_from_slice(&chunk[..count]);
    }
}

/// A join request whose metadata has `size` bytes, as the value in a URL.
fn join_request(size: usize) -> String {
    use base64::Engine;
    use prost::Message;

    let inner = proto::JoinRequest {
        metadata: "m".repeat(size),
        ..proto::JoinRequest::default()
    };
    let wrapped = proto::WrappedJoinRequest {
        compression: Compression::None.into(),
        join_request: inner.encode_to_vec(),
    };
    base64::prelude::BASE64_URL_SAFE.encode(wrapped.encode_to_vec())
}

fn validate(node: &TestNode, join_request: &str) -> String {
    let token = node.token("lobby", "alice");
    get(&format!(
        "/rtc/v1/validate?join_request={join_request}&access_token={token}"
    ))
}

#[tokio::test]
async fn a_join_request_of_any_allowed_size_is_read_from_the_url() {
    let node = TestNode::start();
    let address = node.serve(Limits::default()).await;
    let largest = (1 << 20) - 10;
    for size in [10, 40_000, 60_000, largest] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = validate(&node, &join_request(size));
        write(&mut stream, &request).await;
        assert_eq!(
            response(&mut stream).await,
            (200, "success".to_owned()),
            "{size}"
        );
    }
}

#[tokio::test]
async fn one_connection_carries_long_and_short_urls_in_turn() {
    let node = TestNode::start();
    let mut stream = TcpStream::connect(node.serve(Limits::default()).await)
        .await
        .unwrap();
    for size in [10, 100_000, 10, 200_000] {
        let request = validate(&node, &join_request(size));
        write(&mut stream, &request).await;
        assert_eq!(response(&mut stream).await.0, 200, "{size}");
    }
}

#[tokio::test]
async fn a_long_url_says_what_is_wrong_inside_it() {
    let node = TestNode::start();
    let mut stream = TcpStream::connect(node.serve(Limits::default()).await)
        .await
        .unwrap();
    let request = validate(&node, &join_request(1 << 20));
    write(&mut stream, &request).await;
    let refused = (400, "join request too large".to_owned());
    assert_eq!(response(&mut stream).await, refused);
    // What stands for a long query means nothing by itself.
    write(&mut stream, &get("/rtc/v1/validate?~1")).await;
    assert_eq!(
        response(&mut stream).await,
        (401, "permissions denied".to_owned())
    );
}

#[tokio::test]
async fn a_token_too_long_for_a_url_is_read_and_judged() {
    let node = TestNode::start();
    let mut stream = TcpStream::connect(node.serve(Limits::default()).await)
        .await
        .unwrap();
    let token = "x".repeat(100_000);
    write(
        &mut stream,
        &get(&format!("/rtc/validate?access_token={token}")),
    )
    .await;
    let refused = (401, "invalid authorization token".to_owned());
    assert_eq!(response(&mut stream).await, refused);
}

#[tokio::test]
async fn other_long_targets_are_414() {
    let node = TestNode::start();
    let address = node.serve(Limits::default()).await;
    let targets = [
        format!("/{}", "a".repeat(70_000)),
        format!("/rtc?join_request={}", "A".repeat(1_700_000)),
    ];
    for target in targets {
        let mut stream = TcpStream::connect(address).await.unwrap();
        write(&mut stream, &get(&target)).await;
        assert_eq!(response(&mut stream).await.0, 414);
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_closes_the_connection() {
    let node = TestNode::start();
    let address = node.serve(limits(Duration::from_millis(50))).await;
    let long = format!("GET /rtc?a={}", "a".repeat(PLAIN_HEAD));
    for beginning in ["", "GE", "GET / HTTP/1.1\r\nHost: x\r\n", &long] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        write(&mut stream, beginning).await;
        let mut rest = Vec::new();
        // Closed, or reset where bytes were left unread.
        stream.read_to_end(&mut rest).await.ok();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn few_long_heads_come_in_at_a_time_and_short_ones_pass_them() {
    let node = TestNode::start();
    let address = node.serve(limits(Duration::from_secs(60))).await;
    let beginning = format!("GET /rtc?a={}", "a".repeat(PLAIN_HEAD));
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        write(&mut stream, &beginning).await;
        slow.push(stream);
    }
    // More than the kernel holds, so the last write ends when the server has begun to read.
    let next = get(&format!("/?a={}", "a".repeat(1_500_000)));
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let mut answered = tokio::spawn(async move {
        write(&mut waiting, &next).await;
        response(&mut waiting).await.0
    });
    for _ in 0..20 {
        let mut short = TcpStream::connect(address).await.unwrap();
        write(&mut short, PLAIN).await;
        assert_eq!(response(&mut short).await.0, 200);
    }
    assert!(!answered.is_finished());
    slow.clear();
    assert_eq!((&mut answered).await.unwrap(), 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_one_to_end() {
    let node = TestNode::start();
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let address = node.serve(limits).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    write(&mut first, PLAIN).await;
    assert_eq!(response(&mut first).await.0, 200);
    let mut second = TcpStream::connect(address).await.unwrap();
    write(&mut second, PLAIN).await;
    write(&mut first, PLAIN).await;
    assert_eq!(response(&mut first).await.0, 200);
    let mut byte = [0];
    let unanswered = second.try_read(&mut byte).unwrap_err();
    assert_eq!(unanswered.kind(), io::ErrorKind::WouldBlock);
    drop(first);
    assert_eq!(response(&mut second).await.0, 200);
}

#[tokio::test]
async fn a_server_that_stops_takes_no_more_connections_and_ends_none() {
    let node = TestNode::start();
    let address = node.serve(Limits::default()).await;
    let mut old = TcpStream::connect(address).await.unwrap();
    write(&mut old, PLAIN).await;
    response(&mut old).await;
    node.stop();
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "still accepting");
        tokio::task::yield_now().await;
    }
    write(&mut old, PLAIN).await;
    assert_eq!(response(&mut old).await.0, 200);
}
