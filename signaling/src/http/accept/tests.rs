use axum::{Router, routing};
use signaling_protocol::proto;
use signaling_protocol::proto::wrapped_join_request::Compression;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::http::limits::{CROWDED, HEAD_TIMEOUT, IDLE_TIMEOUT, PLAIN_HEAD_BYTES};
use crate::test_node::TestNode;

const PLAIN: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

async fn connect(node: &TestNode, limits: Limits) -> TcpStream {
    TcpStream::connect(node.serve(limits).await).await.unwrap()
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// Writes without minding that the other end may have closed.
async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.ok();
}

/// Reads one response with a body of known length: status and body.
async fn response(stream: &mut (impl AsyncRead + Unpin)) -> (u16, String) {
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

/// A server of other routes than a node's.
struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start(routes: Router) -> Self {
        Self::behind(&[], routes).await
    }

    /// Starts one that trusts proxies in these networks.
    async fn behind(proxies: &[&str], routes: Router) -> Self {
        let proxies = proxies.iter().map(|network| network.parse().unwrap());
        let proxies = Proxies::new(&proxies.collect::<Vec<_>>());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, routes, Limits::default(), proxies, stopped));
        Self {
            address,
            stop,
            serving,
        }
    }
}

/// Reads until the server ends the connection, and requires that it is not reset.
async fn until_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn a_join_request_with_many_sections_is_read_from_the_url() {
    let node = TestNode::start();
    let mut stream = connect(&node, Limits::default()).await;
    for size in [10, 47_000, 10] {
        let token = node.token("lobby", "alice");
        let target = format!(
            "/rtc/v1/validate?join_request={}&access_token={token}",
            join_request(size)
        );
        write(&mut stream, &get(&target)).await;
        let answer = response(&mut stream).await;
        assert_eq!(answer, (200, "success".to_owned()), "{size}");
    }
}

#[tokio::test]
async fn a_target_longer_than_64_kib_is_414() {
    let node = TestNode::start();
    for target in [
        format!("/{}", "a".repeat(65_600)),
        format!("/rtc?join_request={}", "A".repeat(900_000)),
    ] {
        let mut stream = connect(&node, Limits::default()).await;
        write(&mut stream, &get(&target)).await;
        assert_eq!(response(&mut stream).await.0, 414);
    }
}

#[tokio::test]
async fn a_token_too_long_for_a_url_is_read_from_its_header() {
    let node = TestNode::start();
    let mut stream = connect(&node, Limits::default()).await;
    let token = "x".repeat(700_000);
    let head = format!("GET /rtc HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    write(&mut stream, &head).await;
    let refused = (401, "invalid authorization token".to_owned());
    assert_eq!(response(&mut stream).await, refused);
}

#[tokio::test]
async fn a_head_of_more_than_a_mebibyte_is_431() {
    let node = TestNode::start();
    let (mut reader, mut writer) = connect(&node, Limits::default()).await.into_split();
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(3 << 20));
    let writing = tokio::spawn(async move { writer.write_all(endless.as_bytes()).await.ok() });
    let answer = until_end(&mut reader).await;
    assert!(answer.starts_with(b"HTTP/1.1 431 "));
    writing.abort();
}

/// Serves a connection in memory, so that time passes only when nothing else can happen.
fn serve_in_memory(slots: &Arc<Semaphore>, limits: Limits) -> DuplexStream {
    let (client, server) = tokio::io::duplex(64 << 10);
    let turn = Turn::default();
    let slot = Arc::clone(slots).try_acquire_owned().unwrap();
    let long_heads = Arc::new(Semaphore::new(LONG_HEADS));
    let connection = Connection {
        stream: ClientStream::new(server, turn.clone(), limits, long_heads, slot),
        peer: SocketAddr::from(([127, 0, 0, 1], 1)),
        turn,
    };
    let slow = async || {
        sleep(Duration::from_secs(600)).await;
        "at last"
    };
    let routes = Router::new()
        .route("/", routing::get("OK"))
        .route("/slow", routing::get(slow));
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        connection.serve(routes, limits, stopped).await;
        drop(stop);
    });
    client
}

fn slots(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count))
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_stays_longer_than_balancers_keep_it() {
    let limits = Limits::default();
    let mut stream = serve_in_memory(&slots(limits.connections), limits);
    for _ in 0..3 {
        sleep(Duration::from_secs(74)).await;
        write(&mut stream, PLAIN).await;
        assert_eq!(response(&mut stream).await.0, 200);
    }
    let answered = Instant::now();
    assert_eq!(until_end(&mut stream).await, b"", "the end has no word");
    assert!(answered.elapsed() >= IDLE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_head_may_come_slowly_after_a_long_silence_but_not_for_ever() {
    let limits = Limits::default();
    let mut stream = serve_in_memory(&slots(limits.connections), limits);
    for _ in 0..2 {
        sleep(Duration::from_secs(70)).await;
        let (one, two) = PLAIN.split_at(10);
        write(&mut stream, one).await;
        sleep(Duration::from_secs(9)).await;
        write(&mut stream, two).await;
        assert_eq!(response(&mut stream).await.0, 200);
    }
    sleep(Duration::from_secs(20)).await;
    for beginning in ["G", "ET ", "/ HTT"] {
        write(&mut stream, beginning).await;
        sleep(Duration::from_secs(3)).await;
    }
    let last = Instant::now();
    assert_eq!(until_end(&mut stream).await, b"");
    assert!(last.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_crowded_server_keeps_a_connection_without_a_request_only_as_long_as_a_slow_head() {
    let limits = Limits {
        connections: CROWDED,
        ..Limits::default()
    };
    let slots = slots(CROWDED);
    let begun = Instant::now();
    let mut streams: Vec<_> = (0..CROWDED)
        .map(|_| serve_in_memory(&slots, limits))
        .collect();
    until_end(streams.last_mut().unwrap()).await;
    assert_eq!(begun.elapsed().as_secs(), HEAD_TIMEOUT.as_secs());
    until_end(streams.first_mut().unwrap()).await;
    assert_eq!(begun.elapsed().as_secs(), IDLE_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_long_is_not_cut() {
    let limits = Limits::default();
    let mut stream = serve_in_memory(&slots(limits.connections), limits);
    write(&mut stream, &get("/slow")).await;
    assert_eq!(response(&mut stream).await, (200, "at last".to_owned()));
}

#[tokio::test]
async fn few_long_heads_come_in_at_a_time_and_short_ones_pass_them() {
    let node = TestNode::start();
    let address = node.serve(Limits::default()).await;
    let beginning = format!("GET /rtc?a={}", "a".repeat(PLAIN_HEAD_BYTES));
    let mut slow = Vec::new();
    for _ in 0..LONG_HEADS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        write(&mut stream, &beginning).await;
        slow.push(stream);
    }
    // More than the kernel may hold, so the last write ends when the server has begun to read.
    let head = "a: ".to_owned() + &"a".repeat(1_000_000);
    let next = format!("GET / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n");
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

/// Writes WebSocket pings without a pause until the connection is no more.
async fn ping_without_pause(mut writer: OwnedWriteHalf) {
    let pings = [0x89, 0x80, 0, 0, 0, 0].repeat(2_000);
    while writer.write_all(&pings).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_writes_without_pause_reads_why_its_connection_ends() {
    let node = TestNode::start();
    let address = node.serve(Limits::default()).await;
    for round in 0..20 {
        let identity = format!("mallory-{round}");
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let token = node.token("lobby", &identity);
        let head = format!(
            "GET /rtc?access_token={token}&protocol=16 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        writer.write_all(head.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        reader.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 101");
        let writing = tokio::spawn(ping_without_pause(writer));
        let identity = identity.as_str().into();
        let remove = signaling_session::RoomRequest::RemoveParticipant {
            identity,
            reason: None,
        };
        node.rooms.request(&"lobby".into(), remove).await.unwrap();
        let read = until_end(&mut reader).await;
        // A close frame with code 1000 and no text.
        assert!(read.ends_with(&[0x88, 2, 3, 0xe8]), "{:?}", read.len());
        writing.abort();
    }
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
async fn a_server_that_stops_ends_connections_without_a_request_and_answers_the_others() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&go_on));
    let slow = async move || {
        begins.notify_one();
        waits.notified().await;
        "done"
    };
    let server = Server::start(Router::new().route("/slow", routing::get(slow))).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    write(&mut idle, PLAIN).await;
    response(&mut idle).await;
    let mut asking = TcpStream::connect(server.address).await.unwrap();
    write(&mut asking, &get("/slow")).await;
    begun.notified().await;
    server.stop.send_replace(true);
    assert_eq!(until_end(&mut idle).await, b"");
    go_on.notify_one();
    assert_eq!(response(&mut asking).await, (200, "done".to_owned()));
    drop((idle, asking));
    server.serving.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

async fn say_where(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    peer.ip().to_string()
}

/// Where a client is by what comes before its request; nothing if its connection is closed.
async fn told(server: &Server, parts: &[&[u8]]) -> Option<String> {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for part in parts {
        stream.write_all(part).await.ok();
        stream.flush().await.ok();
    }
    stream.write_all(PLAIN.as_bytes()).await.ok();
    let mut first = [0; 1];
    match stream.peek(&mut first).await {
        Ok(1..) => Some(response(&mut stream).await.1),
        Ok(_) | Err(_) => None,
    }
}

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\x0a\0\0\x01\x12\x34\0\x50";

#[tokio::test]
async fn a_trusted_proxy_says_where_a_connection_comes_from_and_nobody_else_does() {
    let routes = || Router::new().route("/", routing::get(say_where));
    let trusting = Server::behind(&["10.0.0.0/8", "127.0.0.0/8"], routes()).await;
    let v1 = b"PROXY TCP6 2001:db8::7 ::1 9 80\r\n";
    let (head, tail) = V2.split_at(5);
    for (parts, source) in [
        (&[V2][..], Some("198.51.100.7")),
        (&[head, tail], Some("198.51.100.7")),
        (&[v1], Some("2001:db8::7")),
        (&[], Some("127.0.0.1")),
        (&[b"PROXY nonsense\r\n"], None),
    ] {
        assert_eq!(told(&trusting, parts).await.as_deref(), source);
    }
    let strict = Server::behind(&["10.0.0.0/8"], routes()).await;
    assert_eq!(told(&strict, &[]).await.as_deref(), Some("127.0.0.1"));
    for header in [V2, v1] {
        // It is no request.
        let answer = told(&strict, &[header]).await;
        assert!(answer.is_none_or(|answer| !answer.contains('.')));
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_does_not_end_what_it_says_loses_its_connection() {
    let routes = Router::new().route("/", routing::get(say_where));
    let server = Server::behind(&["127.0.0.0/8"], routes).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&V2[..20]).await.unwrap();
    let begun = Instant::now();
    // Closed with bytes unread, which is a reset.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
    assert!(rest.is_empty() && begun.elapsed() <= 2 * HEAD_TIMEOUT);
}
