//! Sessions of the node as an operator runs it: what calls came to, after a crash and with a database that is locked.

#[path = "loadtest/harness.rs"]
mod harness;
mod process;

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use process::{DataDir, Node};
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How long it is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(data: &DataDir) -> Node {
    start_with(data, "")
}

/// Starts a node with more of a configuration.
fn start_with(data: &DataDir, configuration: &str) -> Node {
    let keys = format!("key: {SECRET}");
    let command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let flags = ["--keys", &keys, "--data-dir", data.path()];
    Node::start_as(command, configuration, &flags)
}

/// Sends three into a room, one of whom speaks.
fn crowd(node: &Node) -> Child {
    let mut crowd = Command::new(harness::harness());
    crowd.args(["--url", &format!("ws://{}", node.address)]);
    crowd.args(["--api-key", "key", "--api-secret", SECRET, "--room", "call"]);
    crowd.args(["--audio-publishers", "1", "--subscribers", "2"]);
    crowd.args(["--duration", "60", "--settle", "0"]);
    let crowd = crowd.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    crowd.expect("the harness starts")
}

fn end(mut crowd: Child) {
    crowd.kill().expect("it is a child of ours");
    crowd.wait().expect("it is a child of ours");
}

/// Makes a token by the program itself.
fn token(flags: &[&str]) -> String {
    let keys = format!("key: {SECRET}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let made = command
        .args(["token", "--keys", &keys])
        .args(flags)
        .output();
    let made = String::from_utf8(made.expect("it runs").stdout);
    made.expect("a token is text").trim().to_owned()
}

/// Asks the API.
fn read(node: &Node, path: &str) -> Value {
    let head = format!("Authorization: Bearer {}\r\n", token(&["--api"]));
    let (status, body) = node.ask("GET", &format!("/api/v1/{path}"), &head, "");
    assert_eq!(status, "200", "{body}");
    serde_json::from_str(&body).expect("it is JSON")
}

/// Asks until the answer is what is wanted.
fn until(node: &Node, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = read(node, path);
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:#}");
        pause(100);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of a test waits for another process"
)]
fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().expect("it is a whole number")
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

/// Whether so many participants are told of, each of whom had so much time and traffic.
fn are_counted(answer: &Value, count: usize, at_least_ms: i64) -> bool {
    let sessions = list(answer, "participants");
    let is_counted = |it: &Value| {
        let had = number(it, "bytes_received").min(number(it, "bytes_sent"));
        number(it, "duration_ms") >= at_least_ms && had > 1_000
    };
    sessions.len() == count && sessions.iter().all(is_counted)
}

#[test]
fn what_a_crash_cuts_off_came_to_what_was_last_known() {
    let data = DataDir::new("crash");
    let node = start(&data);
    let crowd = crowd(&node);
    let before = until(&node, "participants?open=true", |answer| {
        are_counted(answer, 3, 11_000)
    });
    node.crash();
    end(crowd);
    let node = start(&data);
    let after = until(&node, "participants", |answer| {
        list(answer, "participants")
            .iter()
            .all(|it| it["left_at_ms"].is_i64())
    });
    assert_eq!(list(&after, "participants").len(), 3);
    for session in list(&after, "participants") {
        let same = |it: &&Value| it["sid"] == session["sid"];
        let known = list(&before, "participants").iter().find(same);
        let known = known.expect("it was there before");
        // What is written every five seconds is known after a crash; a busy machine may write it a little later.
        let lost = number(known, "duration_ms") - number(session, "duration_ms");
        assert!((-5_000..8_000).contains(&lost), "{session:#}");
        assert!(number(session, "bytes_sent") > 0, "{session:#}");
        assert!(number(session, "bytes_sent") <= number(known, "bytes_sent"));
        assert_eq!(session["recovered"], true);
        assert_eq!(session["disconnect_reason"], "SERVER_SHUTDOWN");
    }
    let rooms = read(&node, "sessions");
    let [room] = list(&rooms, "sessions") else {
        panic!("{rooms:#}");
    };
    assert_eq!(
        (number(room, "present"), number(room, "peak_participants")),
        (0, 3)
    );
    let usage = read(&node, "usage?by=");
    let used: i64 = list(&usage, "usage")
        .iter()
        .map(|day| number(day, "bytes_sent"))
        .sum();
    assert_eq!(used, number(room, "bytes_sent"));
}

#[test]
fn a_key_has_no_more_participants_than_its_quota_and_one_that_leaves_makes_room() {
    let data = DataDir::new("seats");
    let node = start_with(&data, "quotas: {participants: 3}");
    let crowd = crowd(&node);
    let full = |answer: &Value| number(&list(answer, "quotas")[0], "participants") == 3;
    let quotas = until(&node, "quotas", full);
    assert_eq!(number(&list(&quotas, "quotas")[0], "participants_limit"), 3);
    let other = token(&["--room", "other", "--identity", "eve"]);
    let refused = upgrade(&node, &other);
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let told = "quota exceeded: too many participants at once";
    assert!(refused.ends_with(told), "{refused}");
    assert_eq!(node.validate(&other), "403");
    end(crowd);
    // The transports of those who were killed are silent for a while first.
    until(&node, "quotas", |answer| !full(answer));
    assert_eq!(node.validate(&other), "200");
}

#[test]
fn calls_go_on_while_the_database_is_locked_and_are_accounted_for_then() {
    let data = DataDir::new("locked");
    let node = start(&data);
    let lock = lock(&data);
    let crowd = crowd(&node);
    // While nothing can be written, nothing is known of it; the node lets people in.
    pause(4_000);
    assert_eq!(node.status("/"), "200");
    assert_eq!(list(&read(&node, "participants"), "participants").len(), 0);
    drop(lock);
    until(&node, "participants?open=true", |answer| {
        are_counted(answer, 3, 2_000)
    });
    end(crowd);
}

/// Asks to join as a client does, and returns the answer.
fn upgrade(node: &Node, token: &str) -> String {
    let mut stream = node.connect();
    let request = format!(
        "GET /rtc?access_token={token}&protocol=16 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    let asked = stream.write_all(request.as_bytes());
    asked.expect("the node reads");
    // Whoever is let in is sent more and more.
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("it is no zero");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Locks the database as another program does, until it is dropped.
fn lock(data: &DataDir) -> (tokio::runtime::Runtime, SqliteConnection) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a thread can be started");
    let options = SqliteConnectOptions::new().filename(data.file("sluice.db"));
    let connection = runtime.block_on(async {
        let mut connection = options.connect().await.expect("the database is there");
        let locked = sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await;
        locked.expect("nobody else writes");
        connection
    });
    (runtime, connection)
}
